"""The catalog: five models, whose every file has a size and a hash; anything else in it is refused."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.errors import ModelError, UnknownModelError
from rag_faq.models.catalog import WheelPlace, hub_model, load_catalog

MODEL = """
[[model]]
name = "tiny"
role = "llm"
kind = "gguf"
licence = "MIT"
about = "A test."
[model.hub]
repo = "them/tiny"
revision = "main"
[[model.files]]
path = "tiny.gguf"
bytes = 3
sha256 = "{sha}"
""".replace("{sha}", "0" * 64)


def test_the_catalog_names_five_models_with_their_sizes() -> None:
    catalog = load_catalog()
    assert {name: model.bytes for name, model in catalog.items()} == {
        "qwen2.5-coder-1.5b-instruct-q4_k_m": 1_117_320_768,
        "qwen2.5-coder-0.5b-instruct-q4_k_m": 491_400_064,
        "smollm2-135m-instruct-q4_1": 98_362_432,
        "all-MiniLM-L6-v2": 91_567_913,
        "all-mpnet-base-v2": 438_671_310,
    }
    assert [m.role for m in catalog.values()] == ["llm", "llm", "llm", "embedder", "embedder"]
    assert {m.licence for m in catalog.values()} == {"Apache-2.0"}


def test_every_file_of_the_catalog_has_a_size_and_a_hash() -> None:
    for model in load_catalog().values():
        assert all(file.bytes and file.sha256 for file in model.files), model.name


def test_a_hub_revision_is_a_commit_and_not_a_branch() -> None:
    for model in load_catalog().values():
        if model.hub is not None:
            assert len(model.hub.revision) == 40, model.name


def test_the_weights_of_the_embedders_are_the_known_ones() -> None:
    hashes = {
        name: {file.path: file.sha256 for file in model.files}["model.safetensors"]
        for name, model in load_catalog().items()
        if model.kind == "sentence-transformers"
    }
    assert hashes == {
        "all-MiniLM-L6-v2": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "all-mpnet-base-v2": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    }


def test_parts_are_counted_from_one_in_number_order() -> None:
    place = WheelPlace(
        name="m-part-{part:03}", version="0.1", parts=11, member="m_{part}/p{part:02}.bin", holds="pieces", bytes=1
    )
    each = list(place.each())
    assert each[0] == ("m-part-001==0.1", "m_1/p01.bin")
    assert each[1] == ("m-part-002==0.1", "m_2/p02.bin")
    assert each[10] == ("m-part-011==0.1", "m_11/p11.bin")


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "catalog.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_catalog_of_ones_own_is_read(tmp_path: Path) -> None:
    assert list(load_catalog(write(tmp_path, MODEL))) == ["tiny"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[[model]]", "[[model", "not valid TOML"),
        ('role = "llm"', 'role = "cook"', "role"),
        ('licence = "MIT"', 'licence = "MIT"\ncolour = "red"', "colour"),
        ("0" * 64, "0" * 63, "sha256"),
        ("bytes = 3", "bytes = 0", "bytes"),
        ("bytes = 3", 'bytes = "3"', "bytes"),
        ('path = "tiny.gguf"', 'path = "../tiny.gguf"', "no path inside"),
        ('path = "tiny.gguf"', 'path = "/etc/tiny.gguf"', "no path inside"),
        ('path = "tiny.gguf"', 'path = "C:\\\\tiny.gguf"', "no path inside"),
        ('[model.hub]\nrepo = "them/tiny"\nrevision = "main"', "", "can be had nowhere"),
    ],
)
def test_a_catalog_that_is_not_as_it_should_be_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in MODEL
    with pytest.raises(ModelError, match=says):
        load_catalog(write(tmp_path, MODEL.replace(old, new)))


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="twice"):
        load_catalog(write(tmp_path, MODEL + MODEL))


def test_a_file_of_the_hub_can_be_named() -> None:
    model = hub_model("hub:Qwen/Some-GGUF/sub/some.q4.gguf")
    assert model.hub is not None
    assert (model.hub.repo, model.hub.revision) == ("Qwen/Some-GGUF", "main")
    assert [file.path for file in model.files] == ["sub/some.q4.gguf"]
    assert model.folder_name == "hub--Qwen--Some-GGUF--sub--some.q4.gguf"
    assert model.bytes is None


def test_a_revision_can_be_named_too() -> None:
    model = hub_model("hub:a/b/c.gguf@v1.0")
    assert model.hub is not None
    assert model.hub.revision == "v1.0"


@pytest.mark.parametrize(
    "spec",
    [
        "hub:",
        "hub:a/b",
        "hub:a/b/c.bin",
        "hub:a/b/../c.gguf",
        "hub:a/b//c.gguf/",
        "hub:/a/b/c.gguf",
        "hub:a b/c/d.gguf",
    ],
)
def test_what_names_no_file_of_the_hub_is_refused(spec: str) -> None:
    with pytest.raises(UnknownModelError, match="does not name a GGUF file"):
        hub_model(spec)


@given(st.text(alphabet="ab./\\-@:_~ \n\0é", max_size=30))
def test_no_spec_leads_out_of_the_folder(text: str) -> None:
    try:
        model = hub_model(f"hub:{text}.gguf")
    except UnknownModelError:
        return
    path = PurePosixPath(model.files[0].path)
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert "/" not in model.folder_name
    assert model.folder_name not in ("", ".", "..")
