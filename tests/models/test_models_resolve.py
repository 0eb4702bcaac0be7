"""From the name in a setting to weights that may be loaded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import gguf_model, sha256

from rag_faq.errors import EngineError, HashMismatchError, ModelMissingError, UnknownModelError
from rag_faq.models.cache import ModelCache, combined_sha256
from rag_faq.models.catalog import CatalogModel, HubPlace, ModelFile
from rag_faq.models.resolve import find, resolve

DATA = b"GGUF and the rest"
TINY = gguf_model(DATA)
PARTS = {"modules.json": b"[]", "model.safetensors": b"weights"}
EMBED = CatalogModel(
    name="embed-small",
    role="embedder",
    kind="sentence-transformers",
    licence="MIT",
    about="",
    files=tuple(ModelFile(path=p, bytes=len(d), sha256=sha256(d)) for p, d in PARTS.items()),
    hub=HubPlace(repo="them/embed", revision="main"),
)
CATALOG = {"tiny": TINY, "embed-small": EMBED}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A models folder that holds all of CATALOG."""
    cache = ModelCache(tmp_path / "models")
    for model, contents in ((TINY, {"tiny.gguf": DATA}), (EMBED, PARTS)):
        for file in model.files:
            part = tmp_path / "part"
            part.write_bytes(contents[file.path])
            cache.land(model, file, part, sha256(contents[file.path]))
    return cache.folder


def test_a_gguf_model_is_its_file(folder: Path) -> None:
    resolved = resolve("tiny", "llm", folder, catalog=CATALOG)
    assert (resolved.name, resolved.kind, resolved.sha256) == ("tiny", "gguf", sha256(DATA))
    assert resolved.path == folder / "tiny" / "tiny.gguf"


def test_an_embedder_is_its_folder_and_its_hash_is_that_of_all_files(folder: Path) -> None:
    resolved = resolve("embed-small", "embedder", folder, catalog=CATALOG)
    assert resolved.path == folder / "embed-small"
    assert resolved.sha256 == combined_sha256({path: sha256(data) for path, data in PARTS.items()})


def test_the_same_files_in_a_folder_of_ones_own_have_the_same_hash(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for path, data in PARTS.items():
        (own / path).write_bytes(data)
    (own / "README.md").write_text("not loaded, not counted")
    known = resolve("embed-small", "embedder", folder, catalog=CATALOG)
    assert resolve(str(own), "embedder", folder, catalog=CATALOG).sha256 == known.sha256


def test_what_is_not_fetched_is_missing_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError) as caught:
        resolve("tiny", "llm", tmp_path / "empty", catalog=CATALOG)
    assert caught.value.mend == "`rag-faq models fetch tiny`"
    assert not (tmp_path / "empty").exists()


def test_an_embedder_with_a_file_missing_says_how_many(folder: Path) -> None:
    (folder / "embed-small" / "modules.json").unlink()
    with pytest.raises(ModelMissingError, match="1 of its 2 files"):
        resolve("embed-small", "embedder", folder, catalog=CATALOG)


@pytest.mark.parametrize("change", ["cut", "byte", "empty"])
def test_an_altered_file_is_never_resolved(folder: Path, change: str) -> None:
    path = folder / "tiny" / "tiny.gguf"
    if change == "byte":
        path.write_bytes(DATA[:-1] + b"!")
    else:
        os.truncate(path, 0 if change == "empty" else 5)
    with pytest.raises(HashMismatchError) as caught:
        resolve("tiny", "llm", folder, catalog=CATALOG)
    assert caught.value.mend == "`rag-faq models fetch tiny --force`"
    assert sha256(DATA) in str(caught.value)


def test_a_model_of_the_other_kind_is_refused(folder: Path) -> None:
    with pytest.raises(UnknownModelError, match="'embedder'"):
        resolve("embed-small", "llm", folder, catalog=CATALOG)


def test_a_name_that_is_nearly_right_is_offered(folder: Path) -> None:
    with pytest.raises(UnknownModelError) as caught:
        resolve("tinny", "llm", folder, catalog=CATALOG)
    assert caught.value.mend == "did you mean `tiny`?"
    with pytest.raises(UnknownModelError) as caught:
        find("all-minilm-l6")
    assert "`all-MiniLM-L6-v2`" in str(caught.value.mend)


def test_a_name_that_is_like_none_points_to_the_list(folder: Path) -> None:
    with pytest.raises(UnknownModelError, match="models list"):
        resolve("zzzzzz", "llm", folder, catalog=CATALOG)


def test_a_gguf_file_of_ones_own(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(DATA)
    resolved = resolve(str(own), "llm", folder)
    assert (resolved.name, resolved.path, resolved.sha256) == ("own.gguf", own, sha256(DATA))


@pytest.mark.parametrize("data", [b"", b"GGU", b"PK\x03\x04 a zip", b"\x00" * 100])
def test_a_file_that_is_no_gguf_is_refused(folder: Path, tmp_path: Path, data: bytes) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(data)
    with pytest.raises(EngineError, match="no GGUF file"):
        resolve(str(own), "llm", folder)


def test_a_folder_is_no_language_model(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="is a folder"):
        resolve(str(tmp_path), "llm", folder)


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ({}, "no modules.json"),
        ({"modules.json": b"{"}, "not valid JSON"),
        ({"modules.json": b"\xff\xfe"}, "not valid JSON"),
        ({"modules.json": b"{}"}, "no list of modules"),
        ({"modules.json": b"[]", "pytorch_model.bin": b"x"}, "no weights in safetensors"),
    ],
)
def test_a_folder_that_is_no_embedder_is_refused(
    folder: Path, tmp_path: Path, contents: dict[str, bytes], says: str
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for path, data in contents.items():
        (own / path).write_bytes(data)
    with pytest.raises(EngineError, match=says):
        resolve(str(own), "embedder", folder)


def test_a_file_of_the_hub_that_is_not_fetched_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError) as caught:
        resolve("hub:a/b/c.gguf", "llm", tmp_path)
    assert caught.value.mend == "`rag-faq models fetch hub:a/b/c.gguf`"
