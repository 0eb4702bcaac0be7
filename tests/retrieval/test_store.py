"""Building, opening and checking an index folder."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from retrieval_pets import CHUNKS, CORPUS, ENTRIES, VOCABULARY, chunks_of, embedder, entry

from rag_faq.errors import (
    CorpusError,
    DiskError,
    IndexDamagedError,
    IndexFolderError,
    IndexMissingError,
    IndexStaleError,
)
from rag_faq.retrieval import store, swap
from rag_faq.retrieval.manifest import read_manifest
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import build_index, load_index, open_index
from rag_faq.testing import FakeEmbedder


def build(folder, entries=ENTRIES, chunks=CHUNKS, using=None, **more):
    more = {"corpus_files": CORPUS, "repairs": {"al": 2}} | more
    return build_index(folder, entries, chunks, using or embedder(), **more)


def left_over(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.parent.iterdir() if path.name not in {folder.name, f".{folder.name}.lock"}
    )


@pytest.fixture
def folder(tmp_path):
    build(tmp_path / "index")
    return tmp_path / "index"


# What is built


def test_the_folder_holds_what_it_says(folder):
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    manifest = read_manifest(folder)
    assert names == sorted([*manifest.files, "manifest.json"])
    assert {"vectors.faiss", "entries.jsonl", "chunks.jsonl"} < set(names)
    assert (manifest.embedder, manifest.dim, manifest.entries, manifest.chunks) == ("fake", 6, 3, len(CHUNKS))
    assert (manifest.corpus, manifest.repairs, manifest.metric) == (CORPUS, {"al": 2}, "inner product")


def test_what_was_put_in_comes_out(folder):
    index = open_index(folder, embedder(), CORPUS)
    assert index.entries == ENTRIES
    assert index.chunks == CHUNKS
    rows = np.arange(len(CHUNKS), dtype=np.int64)
    assert np.array_equal(index.vectors.take(rows), embedder().encode([c.text for c in CHUNKS]))


def test_any_text_comes_back_as_it_was(tmp_path):
    odd = entry(1, 'Ünï\u2028code "quoted"\t?', "line\r\n\x85 \u2029 \x00 end 🙂\n\n\ud800")
    build(tmp_path / "i", [odd], chunks_of(odd))
    assert open_index(tmp_path / "i", embedder()).entries == (odd,)


def test_the_same_input_gives_the_same_index(tmp_path):
    assert build(tmp_path / "one").fingerprint == build(tmp_path / "two").fingerprint
    assert build(tmp_path / "one").fingerprint != build(tmp_path / "one", repairs={}).fingerprint


def test_nothing_is_left_beside_it(folder):
    build(folder)
    assert left_over(folder) == []


def test_progress_ends_with_all_texts(tmp_path):
    seen = []
    build(tmp_path / "i", progress=lambda done, total: seen.append((done, total)))
    count = len({chunk.text for chunk in CHUNKS})
    assert seen == [(0, count), (count, count)]


def test_a_text_that_occurs_twice_is_embedded_once(tmp_path):
    using = embedder()
    twin = replace(CHUNKS[0], id="twin", entry_id="pets#2")
    build(tmp_path / "i", chunks=(*CHUNKS, twin), using=using)
    assert sorted(using.encoded) == sorted({chunk.text for chunk in CHUNKS})


# What is kept from the index before


def test_nothing_changed_embeds_nothing(folder):
    using = embedder()
    build(folder, using=using)
    assert using.encoded == []


def test_only_what_changed_is_embedded(folder):
    changed = [entry(3, "Who eats a stone?", "A bird, at times."), ENTRIES[1]]
    chunks = [chunk for one in changed for chunk in chunks_of(one)]
    using = embedder()
    build(folder, changed, chunks, using)
    assert sorted(using.encoded) == ["Who eats a stone?\nA bird, at times."]
    index = open_index(folder, embedder())
    rows = np.arange(len(chunks), dtype=np.int64)
    assert np.array_equal(index.vectors.take(rows), embedder().encode([c.text for c in chunks]))


def test_another_embedder_keeps_nothing(folder):
    using = FakeEmbedder((*VOCABULARY, "leaf"))
    build(folder, using=using)
    assert sorted(using.encoded) == sorted({chunk.text for chunk in CHUNKS})


def test_a_damaged_index_keeps_nothing_and_is_replaced(folder):
    (folder / "vectors.faiss").write_bytes(b"rubbish")
    using = embedder()
    build(folder, using=using)
    assert sorted(using.encoded) == sorted({chunk.text for chunk in CHUNKS})
    assert open_index(folder, embedder()).entries == ENTRIES


# What is refused at opening


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir()])
def test_no_index(tmp_path, make):
    make(tmp_path / "none")
    with pytest.raises(IndexMissingError, match="rag-faq index build"):
        open_index(tmp_path / "none", embedder())


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "i").write_text("not an index")
    with pytest.raises(IndexFolderError, match="rag-faq index build"):
        open_index(tmp_path / "i", embedder())
    with pytest.raises(IndexFolderError, match="is a file"):
        build(tmp_path / "i")
    assert (tmp_path / "i").read_text() == "not an index"


def test_another_embedder(folder):
    with pytest.raises(IndexStaleError, match="rag-faq index build") as caught:
        open_index(folder, FakeEmbedder(["cat"], name="other"))
    assert "fake" in caught.value.found
    assert "other" in str(caught.value.expected)


@pytest.mark.parametrize(
    ("corpus", "said"),
    [
        ({"pets.md": "1" * 64}, "altered: pets.md"),
        ({}, "missing: pets.md"),
        (CORPUS | {"more.md": "2" * 64}, "new: more.md"),
    ],
)
def test_another_corpus(folder, corpus, said):
    with pytest.raises(IndexStaleError, match=f"{said}.*rag-faq index build"):
        open_index(folder, embedder(), corpus)


def test_the_corpus_is_not_asked_for_when_it_is_not_at_hand(folder):
    assert open_index(folder, embedder()).entries == ENTRIES


def test_another_format_version(folder):
    manifest = read_manifest(folder)
    (folder / "manifest.json").write_text(replace(manifest, format=manifest.format + 1).to_text())
    with pytest.raises(IndexStaleError, match=r"format version 2.*Expected: format version 1.*rag-faq index build"):
        open_index(folder, embedder())


def test_every_flipped_byte_is_found_out(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 14
    for path in files:
        data = path.read_bytes()
        for place in {0, 1, len(data) // 3, len(data) // 2, len(data) - 2, len(data) - 1}:
            for bit in (0, 3, 5, 7):
                path.write_bytes(data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :])
                with pytest.raises(IndexFolderError, match="rag-faq index build"):
                    open_index(folder, embedder(), CORPUS)
        path.write_bytes(data)
    assert open_index(folder, embedder(), CORPUS).entries == ENTRIES


def test_every_byte_of_the_manifest_counts(folder):
    path = folder / "manifest.json"
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises((IndexDamagedError, IndexStaleError)):
            read_manifest(folder)


def test_a_cut_a_missing_and_an_added_file_are_found_out(folder):
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        data = path.read_bytes()
        for change in (lambda p: p.unlink(), lambda p, d=data: p.write_bytes(d[:-1]), lambda p: p.write_bytes(b"")):
            change(path)
            with pytest.raises(IndexDamagedError, match="rag-faq index build"):
                open_index(folder, embedder())
            path.write_bytes(data)
    (folder / "lexical" / "more.npy").write_bytes(b"x")
    with pytest.raises(IndexDamagedError, match=r"new: lexical/more\.npy"):
        open_index(folder, embedder())


def test_a_file_of_the_system_does_no_harm(folder):
    (folder / ".DS_Store").write_bytes(b"x")
    assert open_index(folder, embedder()).entries == ENTRIES
    build(folder)
    assert open_index(folder, embedder()).entries == ENTRIES


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"format": "1"}', "\x00", '{"format": 1, "fingerprint": ""}']
)
def test_a_manifest_that_is_none(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(IndexDamagedError, match="rag-faq index build"):
        open_index(folder, embedder())


def test_a_manifest_with_a_name_too_many_or_too_few(folder):
    manifest = read_manifest(folder).to_json()
    for altered in (manifest | {"more": 1}, {k: v for k, v in manifest.items() if k != "dim"}):
        (folder / "manifest.json").write_text(json.dumps(altered))
        with pytest.raises(IndexDamagedError):
            read_manifest(folder)


def test_an_index_swapped_in_while_it_is_read_is_not_called_damaged(folder, monkeypatch):
    calls = []
    read_all = store._read_all

    def swapped(target):
        calls.append(target)
        if len(calls) == 1:
            first = read_all(target)
            monkeypatch.undo()
            build(folder, repairs={})
            return first | {"chunks.jsonl": b"of another index"}
        return read_all(target)

    monkeypatch.setattr(store, "_read_all", swapped)
    assert load_index(folder).manifest.repairs == {}


# What is refused at building


@pytest.mark.parametrize(
    ("entries", "chunks"),
    [([], []), (ENTRIES, []), ([ENTRIES[0], ENTRIES[0]], CHUNKS[:3]), (ENTRIES[:1], CHUNKS)],
)
def test_nothing_to_index_or_records_that_do_not_agree(folder, entries, chunks):
    with pytest.raises(CorpusError):
        build(folder, entries, chunks)
    assert open_index(folder, embedder()).entries == ENTRIES


def test_a_folder_with_other_things_is_not_replaced(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    with pytest.raises(IndexFolderError, match=r"thesis\.txt"):
        build(home)
    assert [path.name for path in home.iterdir()] == ["thesis.txt"]
    assert left_over(home) == []


def test_an_embedder_that_fails_leaves_the_old_index(folder):
    class Failing(FakeEmbedder):
        def encode(self, texts):
            raise RuntimeError("out of memory")

    other = entry(4, "New?", "Yes.")
    with pytest.raises(RuntimeError, match="out of memory"):
        build(folder, [other], chunks_of(other), Failing(VOCABULARY))
    assert open_index(folder, embedder()).entries == ENTRIES
    assert left_over(folder) == []


@pytest.mark.parametrize("file", ["vectors.faiss", "entries.jsonl", "manifest.json"])
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "No space left on device.*free some space"),
        (errno.EACCES, "Permission denied.*choose a folder"),
        (errno.EROFS, "Read-only file system.*choose a folder"),
    ],
)
def test_a_disk_that_refuses_leaves_the_old_index(folder, monkeypatch, file, code, said):
    def full(path):
        if path.name == file:
            raise OSError(code, os.strerror(code), str(path))

    other = entry(4, "New?", "Yes.")
    write_bytes, write_text = Path.write_bytes, Path.write_text
    monkeypatch.setattr(Path, "write_bytes", lambda self, data: full(self) or write_bytes(self, data))
    monkeypatch.setattr(Path, "write_text", lambda self, data, **more: full(self) or write_text(self, data, **more))
    with pytest.raises(DiskError, match=said):
        build(folder, [other], chunks_of(other))
    monkeypatch.undo()
    assert open_index(folder, embedder()).entries == ENTRIES
    assert left_over(folder) == []


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DiskError, match="choose a folder"):
        build(tmp_path / "file" / "index")


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    build(tmp_path / "real" / "index")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "index")
    build(tmp_path / "link", repairs={})
    assert (tmp_path / "link").is_symlink()
    assert open_index(tmp_path / "real" / "index", embedder()).manifest.repairs == {}


def test_builders_take_turns(tmp_path):
    folder = tmp_path / "index"
    others = [entry(n, f"Number {n}?", "A stone.") for n in range(1, 7)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: build(folder, [one], chunks_of(one)), others))
    assert open_index(folder, embedder()).entries[0] in others
    assert left_over(folder) == []


def test_a_builder_that_waits_too_long_says_so(folder, monkeypatch):
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.05)
    from filelock import FileLock

    with FileLock(swap.lock_file(folder)), pytest.raises(IndexFolderError, match="Another process"):
        build(folder)


def test_searching_goes_on_while_the_index_is_replaced(folder):
    searcher = Retriever(open_index(folder, embedder()), embedder())
    before = searcher.search("cat")
    other = entry(4, "New?", "Yes.")
    build(folder, [other], chunks_of(other))
    assert searcher.search("cat") == before
