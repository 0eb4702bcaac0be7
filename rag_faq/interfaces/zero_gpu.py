"""ZeroGPU, the kind of Hugging Face Space that has a GPU only while a function marked with `@spaces.GPU` runs.

Such a function runs in a process of its own, which takes seconds to begin, while the embedder takes milliseconds for a
question on the CPU. So questions stay there, and so does llama.cpp, which cannot be marked. What a GPU is good for here
is the index of a large corpus. A Space of this kind must mark something in any case: it is not started otherwise.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rag_faq.retrieval.embedder import Embedder, Vectors

log = logging.getLogger(__name__)

WORTHWHILE = 2000  # texts; the CPU of a Space embeds so many in about the time that a GPU takes to be handed out
SECONDS = 60  # that a GPU is asked for


def on_zero_gpu(environment: Mapping[str, str]) -> bool:
    """Whether this process runs on ZeroGPU; asked in the way of the package `spaces`."""
    return environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def embed(folder: str, name: str, texts: list[str]) -> Vectors:
    """Unit vectors of shape (len(texts), d), computed on the GPU of this process, or on its CPU where it has none."""
    from rag_faq.retrieval.embedder import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(Path(folder), name=name, fingerprint="").encode(texts)


class ZeroGpu:
    """The package `spaces`, which ZeroGPU brings. To be made before torch is imported for the first time."""

    def __init__(self) -> None:
        self._spaces: Any = importlib.import_module("spaces")
        self._embed = self._spaces.GPU(embed, duration=SECONDS)

    def report_started(self) -> None:
        """Tell the platform what is marked.

        The package does so when Gradio's own `launch` is called. Here a web application of ours holds Gradio's, and
        `launch` never is.
        """
        importlib.import_module("spaces.zero").startup()

    def embed_ahead(self, embedder: Embedder, folder: Path, texts: Sequence[str]) -> Embedder:
        """`embedder` with the vectors of `texts` at hand, where the GPU is worth its while and can be had."""
        texts = sorted(set(texts))
        if len(texts) < WORTHWHILE:
            return embedder
        from gradio import Error

        try:
            vectors = self._embed(str(folder), embedder.name, texts)
        except (Error, RuntimeError, OSError) as error:  # none free, the owner's share used up, the platform unwell
            log.warning("ZeroGPU gave no GPU (%s): embedding on the CPU", error)
            return embedder
        log.info("%d texts were embedded on the GPU", len(texts))
        return Ahead(embedder, dict(zip(texts, vectors, strict=True)))


class Ahead:
    """An embedder that has some vectors already, and asks another one for the rest."""

    def __init__(self, embedder: Embedder, known: Mapping[str, NDArray[np.float32]]) -> None:
        self._embedder = embedder
        self._known = known

    @property
    def name(self) -> str:
        """That of the embedder behind."""
        return self._embedder.name

    @property
    def fingerprint(self) -> str:
        """That of the embedder behind: the weights are the same."""
        return self._embedder.fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._embedder.dim

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that count."""
        return self._embedder.max_tokens

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), d), in the order given."""
        rest = [text for text in texts if text not in self._known]
        found = dict(zip(rest, self._embedder.encode(rest), strict=True)) if rest else {}
        vectors = {**self._known, **found}
        return np.stack([vectors[text] for text in texts]) if texts else self._embedder.encode(texts)

    def count_tokens(self, text: str) -> int:
        """Tokens of the text with the special ones."""
        return self._embedder.count_tokens(text)
