"""From the name in a setting to weights that may be loaded."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rag_faq.errors import EngineError, HashMismatchError, ModelMissingError, UnknownModelError
from rag_faq.models.cache import ModelCache, combined_sha256
from rag_faq.models.catalog import CatalogModel, ModelKind, ModelRole, hub_model, load_catalog

_ROLE_NAMES: dict[ModelRole, str] = {"llm": "language model", "embedder": "embedder"}
_NOT_WEIGHTS = (".md", ".gitattributes", ".ini")


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """Weights whose bytes were checked: `path` is a GGUF file, or a sentence-transformers folder."""

    name: str  # catalog name, `hub:…`, or the name of the user's file or folder
    path: Path
    sha256: str  # of the file; of all files together for a folder
    kind: ModelKind


def find(name: str, *, catalog: Mapping[str, CatalogModel] | None = None) -> CatalogModel:
    """The model of the catalog (by default the package's), or of the Hub (`hub:REPO/FILE`), that a name stands for.

    Raises:
        UnknownModelError: The name stands for none; names that are near are offered.
    """
    if name.startswith("hub:"):
        return hub_model(name)
    catalog = load_catalog() if catalog is None else catalog
    if name in catalog:
        return catalog[name]
    raise _unknown(name, list(catalog))


def resolve(
    name_or_path: str, role: ModelRole, folder: Path, *, catalog: Mapping[str, CatalogModel] | None = None
) -> ResolvedModel:
    """The weights for a setting: a catalog name, `hub:REPO/FILE`, or a path of the user's.

    A name of the catalog goes before a file of the same name: write `./NAME` for the file.

    Raises:
        UnknownModelError: No model for this role, and no file.
        ModelMissingError: Known, and not fetched.
        HashMismatchError: There, and not the promised bytes.
        EngineError: A path of the user's that is no GGUF file, or no sentence-transformers folder.
    """
    catalog = load_catalog() if catalog is None else catalog
    if name_or_path in catalog or name_or_path.startswith("hub:"):
        return _resolve_known(find(name_or_path, catalog=catalog), role, ModelCache(folder))
    path = Path(name_or_path).expanduser()
    if path.exists():
        cache = ModelCache(folder)
        return _resolve_gguf(path, cache) if role == "llm" else _resolve_folder(path, cache)
    raise _unknown(name_or_path, [model.name for model in catalog.values() if model.role == role])


def _resolve_known(model: CatalogModel, role: ModelRole, cache: ModelCache) -> ResolvedModel:
    if model.role != role:
        raise UnknownModelError(
            f"{model.name} is of the kind {_ROLE_NAMES[model.role]!r}",
            expected=f"a model of the kind {_ROLE_NAMES[role]!r}",
        )
    differences = cache.check(model)
    altered = [difference for difference in differences if difference.state == "altered"]
    if altered:
        raise HashMismatchError(
            f"{altered[0].path} is not the file that was fetched: {altered[0].found}",
            expected=altered[0].expected,
            mend=f"`rag-faq models fetch {model.name} --force`",
        )
    if differences:
        raise ModelMissingError(
            f"The model {model.name} is not in {cache.folder}" + _how_much(model, len(differences)),
            mend=f"`rag-faq models fetch {model.name}`",
        )
    return ResolvedModel(model.name, cache.path_of(model), cache.sha256(model), model.kind)


def _how_much(model: CatalogModel, missing: int) -> str:
    whole = len(model.files)
    return "" if missing == whole else f": {missing} of its {whole} files are missing"


def _resolve_gguf(path: Path, cache: ModelCache) -> ResolvedModel:
    expected = "a file in GGUF format (its first four bytes are `GGUF`)"
    if not path.is_file():
        raise EngineError(f"{path} is a folder", expected=expected)
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic != b"GGUF":
        raise EngineError(f"{path} is no GGUF file: it begins with {magic!r}", expected=expected)
    return ResolvedModel(path.name, path.absolute(), cache.sha256_of_own(path), "gguf")


def _resolve_folder(path: Path, cache: ModelCache) -> ResolvedModel:
    expected = "a sentence-transformers folder, with a modules.json and a model.safetensors"
    if not path.is_dir():
        raise EngineError(f"{path} is a file", expected=expected)
    modules = path / "modules.json"
    try:
        valid = isinstance(json.loads(modules.read_text(encoding="utf-8")), list)
    except FileNotFoundError:
        raise EngineError(f"{path} has no modules.json", expected=expected) from None
    except ValueError as error:
        raise EngineError(f"{modules} is not valid JSON: {error}", expected=expected) from error
    if not valid:
        raise EngineError(f"{modules} is no list of modules", expected=expected)
    if not any(path.rglob("*.safetensors")):
        raise EngineError(f"{path} has no weights in safetensors format", expected=expected)
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and not file.name.startswith(".") and file.suffix not in _NOT_WEIGHTS
    ]
    hashes = {file.relative_to(path).as_posix(): cache.sha256_of_own(file) for file in files}
    return ResolvedModel(path.absolute().name, path.absolute(), combined_sha256(hashes), "sentence-transformers")


def _unknown(name: str, candidates: list[str]) -> UnknownModelError:
    near = difflib.get_close_matches(name.lower(), {c.lower(): c for c in candidates}, n=3, cutoff=0.5)
    originals = [c for low in near for c in candidates if c.lower() == low]
    if originals:
        mend = "did you mean " + " or ".join(f"`{c}`" for c in originals) + "?"
    else:
        mend = "`rag-faq models list` names them all"
    return UnknownModelError(
        f"There is no model {name!r}, and no file of that name",
        expected="a name of the catalog, a path, or hub:OWNER/REPOSITORY/FILE.gguf",
        mend=mend,
    )
