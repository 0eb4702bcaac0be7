"""What the environment was made from, so that nothing is done when nothing changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.environment.machine import PYTHON_VERSION


@dataclass(frozen=True)
class Stamp:
    """A finished environment. `key` is a hash of all that it was made from; `dev` says whether it can test."""

    key: str
    dev: bool

    def write(self, path: Path) -> None:
        """Write it in one step: a stamp is there as a whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        part.replace(path)


def read(path: Path) -> Stamp | None:
    """The stamp at `path`; None when there is none, or none that can be read."""
    try:
        return Stamp(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def key_of(files: Iterable[Path], *facts: str) -> str:
    """A hash of the files' bytes, of this Python's version, and of the given facts."""
    digest = hashlib.sha256()
    parts = [path.read_bytes() for path in files]
    parts += [text.encode() for text in (PYTHON_VERSION, *facts)]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
