"""Estimates with bootstrap confidence intervals over questions.

The percentile bootstrap of Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13: the questions
are drawn anew, with replacement, 2,000 times, and the interval holds the middle 95% of what the draws give. Drawing
whole questions keeps together what belongs together: the facts or citations of one answer are not independent.
Two runs over the same questions are compared on the same draws, so that what is hard for both cancels out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

RESAMPLES = 2000
_SEED = 0
_LEVEL = (0.025, 0.975)
_BLOCK = 1_000_000  # weights held in memory at once


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, its 95% interval, and the number of questions that it rests on.

    All `None` when no question counts for it. Where all questions agree the interval has no width: that is all that
    resampling can know, so look at `n`.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


NOTHING = Estimate(None, None, None, 0)


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure in an old and a new run over the same questions, with the 95% interval of new minus old."""

    old: float | None
    new: float | None
    change: float | None
    low: float | None
    high: float | None
    n: int  # questions that count in at least one of the two

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


class Statistic(Protocol):
    """Something that can be estimated from questions that have weights."""

    @property
    def counts(self) -> Mask:
        """Which questions take part, shape (n,)."""
        ...

    def estimate(self, weights: Floats) -> Floats:
        """One value a row of `weights` (b, n): how often each question was drawn. NaN where it is not defined."""
        ...


@dataclass(frozen=True, slots=True)
class Ratio:
    """Sum of `part` over sum of `whole`, both (n,). A question whose `whole` is 0 takes no part."""

    part: Floats
    whole: Floats

    @property
    def counts(self) -> Mask:
        """Questions with something to divide by."""
        return self.whole > 0

    def estimate(self, weights: Floats) -> Floats:
        """The ratio of the weighted sums."""
        return _divide(weights @ self.part, weights @ self.whole)


@dataclass(frozen=True, slots=True)
class Auroc:
    """Area under the ROC curve: how probably a random positive scores higher than a random negative; ties count half.

    `score` and `positive` have shape (n,). 0.5 is no better than chance. (Hanley & McNeil, Radiology 143, 1982.)
    """

    score: Floats
    positive: Mask

    @property
    def counts(self) -> Mask:
        """All questions, where there are both kinds; else none."""
        both = bool(self.positive.any()) and not bool(self.positive.all())
        return np.full(len(self.score), both)

    def estimate(self, weights: Floats) -> Floats:
        """Weighted pairs in the right order over all weighted pairs."""
        order = np.argsort(self.score, kind="stable")
        score, positive, drawn = self.score[order], self.positive[order], weights[:, order]
        starts = np.flatnonzero(np.concatenate(([True], score[1:] > score[:-1])))  # first of each distinct score
        above = np.add.reduceat(drawn * positive, starts, axis=1)  # (b, distinct scores)
        below = np.add.reduceat(drawn * ~positive, starts, axis=1)
        right = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
        return _divide(right, above.sum(axis=1) * below.sum(axis=1))


def estimate(statistic: Statistic) -> Estimate:
    """The value over all questions that count, with its interval. The same input always gives the same interval."""
    counts = statistic.counts
    if not counts.any():
        return NOTHING
    value = _value(statistic)
    low, high = _interval(statistic.estimate, counts, value)
    return Estimate(value, low, high, int(counts.sum()))


def difference(old: Statistic, new: Statistic) -> Difference:
    """New minus old, over the same questions in the same order, with the interval of the paired difference."""
    values = [_value(statistic) if statistic.counts.any() else None for statistic in (old, new)]
    counts = old.counts | new.counts
    before, after = values
    if before is None or after is None:
        return Difference(before, after, None, None, None, int(counts.sum()))
    low, high = _interval(lambda weights: new.estimate(weights) - old.estimate(weights), counts, after - before)
    return Difference(before, after, after - before, low, high, int(counts.sum()))


def _divide(part: Floats, whole: Floats) -> Floats:
    """NaN where there is nothing to divide by."""
    result: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return result


def _value(statistic: Statistic) -> float:
    return float(statistic.estimate(statistic.counts.astype(np.float64)[np.newaxis, :])[0])


def _interval(of: Callable[[Floats], Floats], counts: Mask, value: float) -> tuple[float, float]:
    """The middle 95% of the draws, widened to hold the value itself should skew put it outside."""
    drawn = np.concatenate([of(weights) for weights in _draws(counts)])
    low, high = np.nanquantile(drawn, _LEVEL) if not np.isnan(drawn).all() else (value, value)
    return min(float(low), value), max(float(high), value)


def _draws(counts: Mask) -> Iterator[Floats]:
    """RESAMPLES rows of weights in all, in blocks of shape (b, n)."""
    rng = np.random.default_rng(_SEED)
    members = np.flatnonzero(counts)
    left = RESAMPLES
    while left:
        size = min(left, max(1, _BLOCK // len(counts)))
        weights = np.zeros((size, len(counts)))
        weights[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=size)
        yield weights
        left -= size
