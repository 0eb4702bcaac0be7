"""manifest.json of an index folder: what the index was made from and what the folder must hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rag_faq.errors import IndexDamagedError, IndexMissingError, IndexStaleError
from rag_faq.retrieval import swap

# Raised when the files or the analysis of text change so that an older index would be read wrongly.
FORMAT = 1
MANIFEST = "manifest.json"
BUILD = "rag-faq index build"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that decides whether an index is whole and belongs to this corpus and this embedder.

    It holds no times and no paths: the same corpus and embedder give the same manifest.
    """

    embedder: str
    embedder_fingerprint: str
    dim: int
    corpus: Mapping[str, str]  # file name -> sha256
    repairs: Mapping[str, int]  # name of the repair rule -> how often it was applied
    entries: int
    chunks: int
    files: Mapping[str, str]  # path inside the folder -> sha256; the manifest itself is not among them
    metric: str = "inner product"
    format: int = FORMAT

    @property
    def fingerprint(self) -> str:
        """sha256 of the manifest, and through it of the whole index."""
        return hashlib.sha256(_canonical(asdict(self)).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values, with its own fingerprint among them."""
        return asdict(self) | {"fingerprint": self.fingerprint}

    def to_text(self) -> str:
        """The file's text. Through the fingerprint in it a changed byte is found out here too."""
        return _canonical(self.to_json())

    @classmethod
    def from_text(cls, text: str) -> Manifest:
        """Read the file's text.

        Raises IndexDamagedError when it is not, byte for byte, what `to_text` wrote, and IndexStaleError when it is of
        another format version.
        """
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise IndexDamagedError(f"manifest.json is not valid JSON ({error})", mend=BUILD) from error
        if not isinstance(raw, dict) or not isinstance(raw.get("format"), int):
            raise IndexDamagedError("manifest.json is not the manifest of an index", mend=BUILD)
        if _fingerprint_of(raw) != raw.get("fingerprint"):
            raise IndexDamagedError("manifest.json was altered: its fingerprint does not agree", mend=BUILD)
        if raw["format"] != FORMAT:
            raise IndexStaleError(
                f"The index has format version {raw['format']}", expected=f"format version {FORMAT}", mend=BUILD
            )
        names = {field.name for field in fields(cls)}
        if raw.keys() != names | {"fingerprint"} or _canonical(raw) != text:
            raise IndexDamagedError("manifest.json was altered: it is not as it was written", mend=BUILD)
        return cls(**{name: raw[name] for name in names})


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the index in `folder`; the other files are not looked at.

    Raises IndexMissingError, IndexDamagedError or IndexStaleError.
    """
    return Manifest.from_text(manifest_text(folder))


def manifest_text(folder: Path) -> str:
    """The text of manifest.json; an index that was put aside by a swap cut short is brought back first."""
    swap.recover(folder.absolute())
    try:
        return (folder / MANIFEST).read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        if folder.is_dir() and any(folder.iterdir()):
            raise IndexDamagedError(f"The index {folder} has no {MANIFEST}", mend=BUILD) from error
        raise IndexMissingError(f"There is no index in {folder}", mend=BUILD) from error
    except UnicodeDecodeError as error:
        raise IndexDamagedError(f"{folder / MANIFEST} is not text", mend=BUILD) from error
    except OSError as error:
        raise IndexDamagedError(f"{folder / MANIFEST} cannot be read: {error.strerror}", mend=BUILD) from error


def _fingerprint_of(raw: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in raw.items() if key != "fingerprint"}
    return hashlib.sha256(_canonical(rest).encode()).hexdigest()


def _canonical(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=2, sort_keys=True) + "\n"
