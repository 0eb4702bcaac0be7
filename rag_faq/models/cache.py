"""The folder of weights on this machine: where a file lies, and whether it still is the file that was promised.

A file is hashed once. Its size, times and hash are then kept beside it, so that a start need not read a gigabyte
again; a file whose size or times differ from the record is hashed anew.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import platformdirs

from rag_faq.errors import DiskError
from rag_faq.models.catalog import CatalogModel, ModelFile
from rag_faq.models.disk import sync_folder

State: TypeAlias = Literal["missing", "altered"]

_RECORD = ".verified.json"
_OWN_RECORD = ".own-files.json"

# File systems stamp files with the kernel's coarse clock, which ticks every 1 to 10 ms.
_TICK_NS = 20_000_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not what was promised."""

    path: Path
    state: State
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: found {self.found}, expected {self.expected}"


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """What must change when a file's bytes change. `ctime_ns` gives away a file that was given its old times back."""

    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: Path) -> _Fingerprint:
        stat = path.stat()
        # A file that is changed twice within one tick of the clock keeps its times: let the tick of this one pass.
        if 0 <= (age := time.time_ns() - stat.st_ctime_ns) < _TICK_NS:
            time.sleep((_TICK_NS - age) / 1e9)
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class _Known:
    """The hash that a file had when its fingerprint was this. With no fingerprint: the hash it must have."""

    sha256: str
    fingerprint: _Fingerprint | None


def models_folder(setting: Path | None) -> Path:
    """The folder of weights: `setting` (`Settings.models`), by default the user's cache folder of this platform."""
    if setting is not None:
        return setting.expanduser().absolute()
    return Path(platformdirs.user_cache_dir("rag-faq", appauthor=False)) / "models"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def combined_sha256(hashes: dict[str, str]) -> str:
    """One hash for a folder: of the lines `<sha256>  <path>`, sorted by path. A change of any file changes it."""
    lines = "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()


class ModelCache:
    """The weights under one folder. Reading needs no lock; files are put there by `rag_faq.models.fetch` only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def folder_of(self, model: CatalogModel) -> Path:
        """Where the model's files lie, or would lie."""
        return self.folder / model.folder_name

    def file_of(self, model: CatalogModel, file: ModelFile) -> Path:
        """Where one file of the model lies, or would lie."""
        return self.folder_of(model) / file.path

    def path_of(self, model: CatalogModel) -> Path:
        """What a library is given to load: the file of a GGUF model, else the folder."""
        return self.file_of(model, model.files[0]) if model.kind == "gguf" else self.folder_of(model)

    def check(self, model: CatalogModel, *, full: bool = False) -> tuple[Difference, ...]:
        """Every file that is not the one promised; nothing when the model can be loaded.

        `full` hashes every byte again; otherwise a file whose size and times are as recorded is taken to be the same.
        """
        record = self.folder_of(model) / _RECORD
        known = {} if not record.is_file() else _read(record)
        fresh: dict[str, _Known] = {}
        differences = []
        for file in model.files:
            found = self._check_file(model, file, None if full else known.get(file.path), known.get(file.path))
            if isinstance(found, Difference):
                differences.append(found)
            else:
                fresh[file.path] = found
        if fresh and any(known.get(path) != entry for path, entry in fresh.items()):
            _write(record, known | fresh)
        return tuple(differences)

    def _check_file(
        self, model: CatalogModel, file: ModelFile, trusted: _Known | None, known: _Known | None
    ) -> Difference | _Known:
        path = self.file_of(model, file)
        promised = file.sha256 or (known.sha256 if known else None)
        expected = f"{file.bytes} bytes, sha256 {promised}" if file.bytes else f"sha256 {promised}"
        if promised is None or not path.is_file():
            return Difference(path, "missing", "no file", expected if promised else "the file of the Hub")
        before = _Fingerprint.of(path)
        if trusted == _Known(promised, before):
            return trusted
        if file.bytes is not None and before.size != file.bytes:
            return Difference(path, "altered", f"{before.size} bytes", expected)
        actual = sha256_of(path)
        if actual != promised:
            return Difference(path, "altered", f"{before.size} bytes, sha256 {actual}", expected)
        # The fingerprint was taken before hashing: a file that changes meanwhile does not match it afterwards.
        return _Known(actual, before)

    def sha256(self, model: CatalogModel) -> str:
        """The hash that stands for the model: of its file (GGUF), or of all its files together.

        To be asked only for a model that `check` found whole.
        """
        record = self.folder_of(model) / _RECORD
        known = _read(record) if record.is_file() else {}
        hashes = {file.path: file.sha256 or known[file.path].sha256 for file in model.files}
        return hashes[model.files[0].path] if model.kind == "gguf" else combined_sha256(hashes)

    def land(self, model: CatalogModel, file: ModelFile, part: Path, sha256: str) -> None:
        """Put a finished, checked file under its final name, in one step that cannot be seen half done."""
        target = self.file_of(model, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        record = self.folder_of(model) / _RECORD
        known = _read(record) if record.is_file() else {}
        if file.sha256 is None:
            # Nothing else tells what this file must be: the promise goes to disk before the file does.
            _write(record, known | {file.path: _Known(sha256, None)}, must=True)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
        sync_folder(target.parent)
        _write(record, known | {file.path: _Known(sha256, _Fingerprint.of(target))})

    def sha256_of_own(self, path: Path) -> str:
        """The hash of a file of the user's, anywhere: computed once, and again when its size or times change."""
        path = path.resolve()
        record = self.folder / _OWN_RECORD
        known = _read(record) if record.is_file() else {}
        fingerprint = _Fingerprint.of(path)
        entry = known.get(str(path))
        if entry is not None and entry.fingerprint == fingerprint:
            return entry.sha256
        sha256 = sha256_of(path)
        _write(record, known | {str(path): _Known(sha256, fingerprint)})
        return sha256


def disk_error(error: OSError, folder: Path) -> DiskError:
    """What an `OSError` while writing below `folder` means to the user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskError(
            f"The disk of {folder} is full",
            mend="make room, or set RAG_FAQ_MODELS to a folder on another disk; then run the same command again",
        )
    return DiskError(
        f"Cannot write to {folder}: {error.strerror or error}",
        expected="a folder that you may write to",
        mend="set RAG_FAQ_MODELS to such a folder",
    )


def _read(record: Path) -> dict[str, _Known]:
    """What a record says; nothing where it cannot be read: it only saves hashing, and is written anew."""
    try:
        entries = json.loads(record.read_text(encoding="utf-8"))
        return {
            path: _Known(str(e["sha256"]), None if e["fingerprint"] is None else _Fingerprint(*e["fingerprint"]))
            for path, e in entries.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _write(record: Path, known: dict[str, _Known], *, must: bool = False) -> None:
    """Replace a record in one step. Where that is not allowed (a read-only folder), files are hashed at each start."""
    entries = {
        path: {
            "sha256": entry.sha256,
            "fingerprint": None if (f := entry.fingerprint) is None else [f.size, f.mtime_ns, f.ctime_ns],
        }
        for path, entry in sorted(known.items())
    }
    part = record.with_name(f"{record.name}.{os.getpid()}.part")
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8") as stream:
            json.dump(entries, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(record)
    except OSError:
        part.unlink(missing_ok=True)
        if must:
            raise
