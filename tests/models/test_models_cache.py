"""What lies in the folder of weights is hashed once, and again whenever it could have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import gguf_model, sha256

from rag_faq.models import cache as cache_module
from rag_faq.models.cache import ModelCache, combined_sha256, models_folder

DATA = b"GGUF" + bytes(range(200))
MODEL = gguf_model(DATA)


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    """A cache that holds MODEL."""
    cache = ModelCache(tmp_path / "models")
    part = tmp_path / "part"
    part.write_bytes(DATA)
    cache.land(MODEL, MODEL.files[0], part, sha256(DATA))
    return cache


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read and hashed."""
    names: list[str] = []
    real = cache_module.sha256_of

    def counting(path: Path) -> str:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(cache_module, "sha256_of", counting)
    return names


def test_a_setting_moves_the_folder(tmp_path: Path) -> None:
    assert models_folder(tmp_path) == tmp_path


def test_by_default_it_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path / "cache" / "rag-faq"))
    assert models_folder(None) == tmp_path / "cache" / "rag-faq" / "models"


def test_a_file_that_landed_is_not_read_again(cache: ModelCache, hashed: list[str]) -> None:
    assert cache.check(MODEL) == ()
    assert cache.path_of(MODEL).read_bytes() == DATA
    assert hashed == []


def test_a_full_check_reads_it_again(cache: ModelCache, hashed: list[str]) -> None:
    assert cache.check(MODEL, full=True) == ()
    assert hashed == ["tiny.gguf"]


def test_a_missing_file_is_found_out(cache: ModelCache) -> None:
    cache.path_of(MODEL).unlink()
    (difference,) = cache.check(MODEL)
    assert difference.state == "missing"


def test_a_cut_file_is_found_out_without_reading_it(cache: ModelCache, hashed: list[str]) -> None:
    os.truncate(cache.path_of(MODEL), 100)
    (difference,) = cache.check(MODEL)
    assert (difference.state, difference.found) == ("altered", "100 bytes")
    assert difference.expected == f"204 bytes, sha256 {sha256(DATA)}"
    assert hashed == []


def test_one_altered_byte_is_found_out(cache: ModelCache) -> None:
    with cache.path_of(MODEL).open("rb+") as stream:
        stream.seek(50)
        stream.write(b"!")
    (difference,) = cache.check(MODEL)
    assert difference.state == "altered"
    assert difference.found.startswith("204 bytes, sha256 ")


def test_one_altered_byte_is_found_out_even_when_the_old_time_is_put_back(cache: ModelCache) -> None:
    path = cache.path_of(MODEL)
    stat = path.stat()
    path.write_bytes(DATA[:-1] + b"!")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert [d.state for d in cache.check(MODEL)] == ["altered"]


def test_an_altered_file_stays_found_out(cache: ModelCache) -> None:
    cache.path_of(MODEL).write_bytes(b"!" * len(DATA))
    assert len(cache.check(MODEL)) == 1
    assert len(cache.check(MODEL)) == 1


def test_a_file_with_new_times_and_the_same_bytes_is_hashed_once_more(cache: ModelCache, hashed: list[str]) -> None:
    os.utime(cache.path_of(MODEL))
    assert cache.check(MODEL) == ()
    assert cache.check(MODEL) == ()
    assert hashed == ["tiny.gguf"]


@pytest.mark.parametrize(
    "record", ["", "{", "[]", '{"tiny.gguf": 3}', '{"tiny.gguf": {"sha256": "x", "fingerprint": [1]}}']
)
def test_a_broken_record_costs_only_a_reading(cache: ModelCache, hashed: list[str], record: str) -> None:
    (cache.folder_of(MODEL) / ".verified.json").write_text(record)
    assert cache.check(MODEL) == ()
    assert hashed == ["tiny.gguf"]


def test_a_record_cannot_make_a_wrong_file_right(cache: ModelCache) -> None:
    """Its hash must also be the one that the catalog promises."""
    other = gguf_model(b"GGUF" + bytes(200))
    assert [d.state for d in cache.check(other)] == ["altered"]


def test_a_read_only_folder_can_still_be_read(cache: ModelCache, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache.folder_of(MODEL) / ".verified.json").unlink()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "read-only")

    monkeypatch.setattr(Path, "replace", refuse)
    assert cache.check(MODEL) == ()
    assert sorted(p.name for p in cache.folder_of(MODEL).iterdir()) == ["tiny.gguf"]


def test_ones_own_file_is_hashed_once(tmp_path: Path, hashed: list[str]) -> None:
    cache = ModelCache(tmp_path / "models")
    own = tmp_path / "own.gguf"
    own.write_bytes(b"one")
    assert cache.sha256_of_own(own) == cache.sha256_of_own(own) == sha256(b"one")
    assert hashed == ["own.gguf"]
    own.write_bytes(b"two")
    assert cache.sha256_of_own(own) == sha256(b"two")
    assert hashed == ["own.gguf", "own.gguf"]


def test_the_hash_of_a_folder_is_that_of_its_sorted_lines() -> None:
    assert combined_sha256({"b": "22", "a": "11"}) == sha256(b"11  a\n22  b\n")
