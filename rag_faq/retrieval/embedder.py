"""The interface of an embedder, and the one built on sentence-transformers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag_faq.errors import EngineError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

RECENT = 64  # questions whose vectors are kept: a question is often asked again, or searched twice

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


class SentenceTransformerEmbedder:
    """A sentence-transformers model from a local folder, on the GPU where there is one. Never asks the network.

    The weights are loaded at the first use, not before. Safe for many threads: they take turns.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        fingerprint: str,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        """`fingerprint` is the hash of the weights; `threads` and `device` (cpu, cuda, mps) are left to torch."""
        self.folder = Path(folder)
        self._name = name
        self._fingerprint = fingerprint
        self._threads = threads
        self._device = device
        self._lock = threading.RLock()
        self._loaded: SentenceTransformer | None = None
        self._recent: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    @property
    def name(self) -> str:
        """The name it goes by in the settings."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Hash of the weights."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._model().get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        """The model's own limit, special tokens included."""
        return int(self._model().max_seq_length or 512)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), d). Raises EngineError when the weights do not load."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        with self._lock:
            if len(texts) == 1 and (kept := self._recent.get(texts[0])) is not None:
                self._recent.move_to_end(texts[0])
                return kept[None, :].copy()
            vectors: Vectors = self._model().encode(
                list(texts), batch_size=32, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
            )
            vectors = np.ascontiguousarray(vectors, dtype=np.float32)
            if len(texts) == 1:
                self._recent[texts[0]] = vectors[0].copy()
                while len(self._recent) > RECENT:
                    self._recent.popitem(last=False)
            return vectors

    def count_tokens(self, text: str) -> int:
        """Tokens of the text with the special ones, nothing cut off."""
        tokenizer: Any = self._model().tokenizer
        with self._lock:
            return len(tokenizer.encode(text, add_special_tokens=True, truncation=False, verbose=False))

    def _model(self) -> SentenceTransformer:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> SentenceTransformer:
        mend = f"rag-faq models fetch {self._name}"
        if not (self.folder / "config.json").is_file():
            raise EngineError(f"{self.folder} is not a sentence-transformers folder", expected="config.json", mend=mend)
        import torch
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        bars: Any = logging
        with_bar = bars.is_progress_bar_enabled()
        bars.disable_progress_bar()  # the weights are read in a moment: a bar for it is noise
        try:
            return SentenceTransformer(str(self.folder), device=self._device, local_files_only=True)
        except (OSError, LookupError, TypeError, ValueError, RuntimeError, AttributeError, SafetensorError) as error:
            raise EngineError(f"The embedder in {self.folder} does not load: {error}", mend=mend) from error
        finally:
            if with_bar:
                bars.enable_progress_bar()
