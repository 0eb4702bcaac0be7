"""Log-odds, probabilities, and logistic regressions that were fitted before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic regression: the intercept, and one weight a feature."""

    intercept: float
    weights: tuple[float, ...]

    @classmethod
    def of(cls, table: Mapping[str, float], names: Sequence[str]) -> Weights:
        """From a table with the weight of each name, and perhaps an intercept."""
        return cls(table.get("intercept", 0.0), tuple(table[name] for name in names))

    def odds(self, values: Sequence[float]) -> float:
        """The log-odds of these feature values."""
        return self.intercept + sum(w * v for w, v in zip(self.weights, values, strict=True))


def logit(p: float) -> float:
    """Log-odds of a probability, which is kept a millionth away from 0 and 1."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def sigmoid(x: float) -> float:
    """The probability whose log-odds are `x`."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def less_likely(probability: float, log_odds: float) -> float:
    """The probability with so much taken off its log-odds."""
    return sigmoid(logit(probability) - log_odds)
