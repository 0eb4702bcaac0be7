"""A second look: what a small embedder found, weighed with what a larger one finds.

The small embedder is quick enough for the sources to be on the screen at once. The larger one tells near entries apart
better, and finds what is asked in words far from the document's; it has the time that the model's verdict takes anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Protocol

from rag_faq.records import Hit
from rag_faq.retrieval.retriever import Retriever

# The larger embedder's share of the score. On the development set 0.6 and 0.7 are equally good (docs/evaluation.md).
SHARE = 0.6
_POOL = 50  # entries of each search that are weighed


class Searcher(Protocol):
    """What finds entries."""

    def search(self, question: str, k: int = 10) -> tuple[Hit, ...]:
        """The `k` best entries, best first."""
        ...


def weighed(
    first: Sequence[Hit], second: Sequence[Hit], share: float, place: Callable[[Hit], int] = lambda _: 0
) -> tuple[Hit, ...]:
    """The entries of two searches with their joint scores, best first; `share`: how much the second counts, 0 to 1.

    A hit is that of the first search, where it has one. An entry that only one of them found counts as the last of the
    other's. Where the second found nothing, the first stands as it is. Ties are in the order of their `place`.
    """
    if not first or not second:
        return tuple(first)
    scores = [{hit.entry.id: hit.score for hit in hits} for hits in (first, second)]
    last = [first[-1].score, second[-1].score]
    joined: list[Hit] = []
    for hit in {hit.entry.id: hit for hits in (second, first) for hit in hits}.values():
        one, other = (of.get(hit.entry.id, least) for of, least in zip(scores, last, strict=True))
        joined.append(replace(hit, score=(1 - share) * one + share * other))
    joined.sort(key=lambda hit: (-hit.score, place(hit)))
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(joined, start=1))


class SecondLook:
    """Two retrievers over the same corpus, whose scores are joined. Immutable; safe for many threads."""

    def __init__(
        self, first: Retriever, second: Retriever, share: float = SHARE, threads: Executor | None = None
    ) -> None:
        """`share`: how much the score of `second` counts, 0 to 1.

        `threads`: where `second` searches; by default in the caller's own. Threads of low priority let the page go
        first, which is showing what was found at the first look.
        """
        self._first = first
        self._second = second
        self._share = share
        self._threads = threads
        self._place = {entry.id: place for place, entry in enumerate(first.index.entries)}

    def search(self, question: str, k: int = 10) -> tuple[Hit, ...]:
        """The `k` best entries by both; ties keep the document's order.

        They are those of `weighed`, out of a pool that each of them gives.
        """
        pool = max(k, _POOL)
        found = self._first.search(question, pool), self._search_again(question, pool)
        return weighed(*found, self._share, lambda hit: self._place[hit.entry.id])[:k]

    def _search_again(self, question: str, k: int) -> tuple[Hit, ...]:
        if self._threads is None:
            return self._second.search(question, k)
        return self._threads.submit(self._second.search, question, k).result()
