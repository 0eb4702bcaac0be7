"""As few sources as the evidence needs: a small model is misled by what it does not need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag_faq.records import Hit, Source

# An entry joins the first one only when its score comes this near to it.
NEAR = 0.86


def select_hits(hits: Sequence[Hit], most: int, near: float = NEAR) -> tuple[Hit, ...]:
    """The first hit, and those of the next whose score is at least `near` times the first one's."""
    if not hits:
        return ()
    floor = near * hits[0].score
    return tuple(hit for hit in hits[:most] if hit is hits[0] or hit.score >= floor)


def number_sources(hits: Sequence[Hit], cut: Callable[[Hit], str]) -> tuple[Source, ...]:
    """Sources numbered 1..n in the order of `hits`, each entry once. `cut` gives the part of the answer to show."""
    seen: dict[str, Hit] = {}
    for hit in hits:
        seen.setdefault(hit.entry.id, hit)
    return tuple(
        Source(number=number, entry=hit.entry, text=cut(hit), score=hit.score)
        for number, hit in enumerate(seen.values(), start=1)
    )
