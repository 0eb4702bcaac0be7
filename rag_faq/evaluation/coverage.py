"""What a threshold on the evidence would do: how much is answered, and how much of that should not have been.

The risk-coverage curve of selective prediction (El-Yaniv & Wiener, JMLR 11, 2010). The risk here is the gate's own:
the share of unanswerable questions among those answered. Whether an answer is good is another figure's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_faq.evaluation.results import Given, Row


@dataclass(frozen=True, slots=True)
class Point:
    """Answering the questions whose evidence is at least `threshold`; `None` where it is what was really answered."""

    threshold: float | None
    coverage: float  # share of all questions that are answered
    risk: float  # share of the answered that are unanswerable; 0 when nothing is answered
    refused: float | None  # share of the unanswerable that are refused; None when there are none
    false_refusals: float | None  # share of the answerable that are refused; None when there are none


def risk_coverage(rows: Sequence[Row]) -> tuple[Point, ...]:
    """One point for each evidence that occurs, from the strictest threshold to the one that answers everything."""
    judged = _judged(rows)
    thresholds = sorted({answer.evidence for _, answer in judged}, reverse=True)
    return tuple(_at(judged, threshold) for threshold in thresholds)


def at_threshold(rows: Sequence[Row], threshold: float) -> Point:
    """The point of one threshold."""
    return _at(_judged(rows), threshold)


def as_run(rows: Sequence[Row]) -> Point | None:
    """What was really answered and refused; `None` where nothing was decided."""
    judged = _judged(rows)
    return _point([(answerable, not answer.refused) for answerable, answer in judged], None) if judged else None


def _judged(rows: Sequence[Row]) -> list[tuple[bool, Given]]:
    """Whether a question is answerable, and its answer."""
    return [(row.question.answerable, row.result.given) for row in rows if row.result.given is not None]


def _at(judged: Sequence[tuple[bool, Given]], threshold: float) -> Point:
    return _point([(answerable, answer.evidence >= threshold) for answerable, answer in judged], threshold)


def _point(decisions: Sequence[tuple[bool, bool]], threshold: float | None) -> Point:
    """`decisions`: whether a question is answerable, and whether it is answered."""
    good = [answered for answerable, answered in decisions if answerable]
    bad = [answered for answerable, answered in decisions if not answerable]
    total = sum(good) + sum(bad)
    return Point(
        threshold=threshold,
        coverage=total / len(decisions) if decisions else 0.0,
        risk=sum(bad) / total if total else 0.0,
        refused=1 - sum(bad) / len(bad) if bad else None,
        false_refusals=1 - sum(good) / len(good) if good else None,
    )
