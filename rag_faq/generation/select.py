"""As few sources as the evidence needs: a small model is misled by what it does not need."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rag_faq.records import FaqEntry, Hit, Source
from rag_faq.retrieval.analysis import analyse


def number_sources(hits: Iterable[Hit], cut: Callable[[Hit], str]) -> tuple[Source, ...]:
    """Sources numbered 1..n in the order of `hits`, each entry once. `cut` gives the part of the answer to show."""
    seen: dict[str, Hit] = {}
    for hit in hits:
        seen.setdefault(hit.entry.id, hit)
    return tuple(
        Source(number=number, entry=hit.entry, text=cut(hit), score=hit.score)
        for number, hit in enumerate(seen.values(), start=1)
    )


def interleave(rankings: Iterable[Iterable[Hit]], most: int) -> tuple[Hit, ...]:
    """At most `most` hits of different entries: the first of each ranking, then the second of each, and so on."""
    columns = [list(ranking) for ranking in rankings]
    rows = range(max((len(column) for column in columns), default=0))
    in_turn = (column[row] for row in rows for column in columns if row < len(column))
    distinct: dict[str, Hit] = {}
    for hit in in_turn:
        distinct.setdefault(hit.entry.id, hit)
    return tuple(distinct.values())[:most]


def adds_words(question: str, first: FaqEntry, second: FaqEntry) -> bool:
    """Whether the second entry has content words of the question that the first one lacks."""
    lacking = set(analyse(question)) - _terms(first)
    return bool(lacking & _terms(second))


def _terms(entry: FaqEntry) -> set[str]:
    return set(analyse(f"{entry.question}\n{entry.answer}"))
