"""What is found of an entry that may answer a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag_faq.records import Hit

LOOK_AT = 5  # entries that are put in order


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry that was found, and the probability that it answers the question."""

    hit: Hit
    probability: float
    behind: float = 0.0  # log-odds by which it is less likely the right one than the leading entry
    yes: float | None = None  # what the model says of it, as a probability; None where it was not asked
    likelihood: float = 0.0  # of the question after the entry, in nats a token; a typical one where it is not told


def by_odds(judged: Sequence[Judged], odds: Sequence[float]) -> tuple[Judged, ...]:
    """The entries by these log-odds of being the right one, the likeliest first; ties keep their order."""
    behind = (replace(item, behind=max(odds) - own) for item, own in zip(judged, odds, strict=True))
    return tuple(sorted(behind, key=lambda item: item.behind))


def near(hits: Sequence[Hit], share: float) -> list[Hit]:
    """The hits of a search that are worth looking at: those with at least this share of the first one's score."""
    return [hit for hit in hits[:LOOK_AT] if hit.score >= share * hits[0].score]
