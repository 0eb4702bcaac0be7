"""The interface of an embedder, and the one built on sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]  # (n, d), unit norm


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def name(self) -> str:
        """The name it goes by in the settings."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of its weights: two embedders with the same fingerprint give the same vectors."""
        ...

    @property
    def dim(self) -> int:
        """Length d of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that count; the rest is cut off."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), d), float32, unit norm, in the order given. Zero texts give (0, d)."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens the text takes, special tokens included, before anything is cut off."""
        ...
