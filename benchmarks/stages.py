"""The search with a clock at every stage, without a change to it: what it is made of is wrapped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from benchmarks.report import percentile
from rag_faq.retrieval.embedder import Embedder
from rag_faq.retrieval.lexical import LexicalIndex
from rag_faq.retrieval.retriever import Retriever

STAGES = ("embed", "dense", "lexical")


@dataclass
class Clock:
    """Seconds by stage since the last `reset`."""

    spent: dict[str, float] = field(default_factory=dict)

    def reset(self) -> None:
        """From nought again."""
        self.spent = dict.fromkeys(STAGES, 0.0)


class Timed:
    """An object whose methods count to one stage of a clock; all else is the object's own."""

    def __init__(self, inner: Any, stage: str, clock: Clock) -> None:
        self._inner = inner
        self._stage = stage
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        return self._wrapped(value) if callable(value) else value

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*arguments, **keywords)
            finally:
                self._clock.spent[self._stage] += time.perf_counter() - start

        return timed


def with_clock(retriever: Retriever) -> tuple[Retriever, Clock]:
    """The same search over the same index, with a clock at the embedder, the vectors and the words."""
    clock = Clock()
    clock.reset()
    index: Any = replace(
        retriever.index,
        vectors=Timed(retriever.index.vectors, "dense", clock),
        lexical_entries=cast(LexicalIndex, Timed(retriever.index.lexical_entries, "lexical", clock)),
        lexical_chunks=cast(LexicalIndex, Timed(retriever.index.lexical_chunks, "lexical", clock)),
    )
    embedder: Any = Timed(retriever.embedder, "embed", clock)
    return Retriever(index, embedder, retriever.fusion), clock


def time_search(retriever: Retriever, clock: Clock, questions: Sequence[str]) -> list[dict[str, float]]:
    """Seconds of each question: by stage, "fuse" for what is left, and "whole"."""
    rows = []
    for question in questions:
        clock.reset()
        start = time.perf_counter()
        retriever.search(question)
        whole = time.perf_counter() - start
        rows.append({**clock.spent, "fuse": whole - sum(clock.spent.values()), "whole": whole})
    return rows


def forward_seconds(embedder: Embedder, questions: Sequence[str]) -> list[float]:
    """Seconds of the model's own forward pass for each question: no tokenising, no pooling loop of a library."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(getattr(embedder, "folder")), local_files_only=True)  # noqa: B009 (not in the protocol)
    seconds = []
    with torch.inference_mode():
        for question in questions:
            features = {
                name: value.to(model.device)
                for name, value in model.preprocess([question]).items()
                if hasattr(value, "to")
            }
            start = time.perf_counter()
            model(features)
            seconds.append(time.perf_counter() - start)
    return seconds


def milliseconds(rows: Sequence[dict[str, float]], stage: str, share: float) -> float:
    """A percentile of one stage."""
    return 1000 * percentile([row[stage] for row in rows], share)
