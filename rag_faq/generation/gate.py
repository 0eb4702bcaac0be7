"""Which of the entries found answer the question, if any? A calibrated probability for each.

Similarity alone does not tell a question that the FAQ answers from one that is merely about the same things, nor the
right one of two near entries. So the scores of the search and the model's own probability of "yes", when it is asked
whether an entry's text holds the answer, are combined by logistic regression. The model is asked only where the search
leaves a doubt, about one entry after the other, each from its kept state: a few tokens of work.

The weights are general (no feature looks at what the words are). `benchmarks/calibrate_gate.py` fits them.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rag_faq.generation.generator import Generator
from rag_faq.generation.prompt import gate_prompt
from rag_faq.generation.select import number_sources
from rag_faq.records import Hit

# More of the search's figures (cosine, margin, coverage of words) gave no better separation: see docs/evaluation.md.
SEARCH_FEATURES = ("score",)
ASKED_FEATURES = (*SEARCH_FEATURES, "yes")
LOOK_AT = 3  # entries that are judged
YES_NO = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic regression: the intercept, and one weight a feature."""

    intercept: float
    weights: tuple[float, ...]

    def odds(self, values: Sequence[float]) -> float:
        """The log-odds of these feature values."""
        return self.intercept + sum(w * v for w, v in zip(self.weights, values, strict=True))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the probabilities rest on."""

    search: Weights  # over SEARCH_FEATURES
    asked: Weights  # over ASKED_FEATURES
    doubt: tuple[float, float]  # the model is asked where the search's probability lies between these
    near: float  # … and about a later entry only if its score is at least this share of the first one's


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry that was found, and the probability that it answers the question."""

    hit: Hit
    probability: float
    yes: float | None = None  # the model's own; None where it was not asked


def logit(p: float) -> float:
    """Log-odds of a probability, which is kept a millionth away from 0 and 1."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def sigmoid(x: float) -> float:
    """The probability whose log-odds are `x`."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


@cache
def default_calibration() -> Calibration:
    """The weights that ship with the package (`gate.toml`)."""
    table = tomllib.loads(files("rag_faq.generation").joinpath("gate.toml").read_text(encoding="utf-8"))
    low, high = table["doubt"]
    return Calibration(
        search=Weights(table["search"]["intercept"], tuple(table["search"][name] for name in SEARCH_FEATURES)),
        asked=Weights(table["asked"]["intercept"], tuple(table["asked"][name] for name in ASKED_FEATURES)),
        doubt=(low, high),
        near=table["near"],
    )


def search_features(hit: Hit) -> tuple[float, ...]:
    """The values of SEARCH_FEATURES."""
    return (hit.score,)


class Gate:
    """Judges the entries that a search found."""

    def __init__(
        self, generator: Generator | None, cut: Callable[[Hit], str], calibration: Calibration | None = None
    ) -> None:
        """Without a generator the search decides alone. `cut` gives the part of an entry that the model is shown."""
        self._generator = generator
        self._cut = cut
        self._calibration = calibration or default_calibration()

    def judge(self, question: str, hits: Sequence[Hit]) -> tuple[Judged, ...]:
        """The first few hits with their probabilities, the most probable first; ties keep the search's order."""
        judged = [self._judge(question, hit, hits[0]) for hit in hits[:LOOK_AT]]
        return tuple(sorted(judged, key=lambda item: -item.probability))

    def _judge(self, question: str, hit: Hit, first: Hit) -> Judged:
        features = search_features(hit)
        probability = sigmoid(self._calibration.search.odds(features))
        if self._generator is None or not self._doubtful(probability, hit, first):
            return Judged(hit, probability)
        yes = self.ask(question, hit)
        return Judged(hit, sigmoid(self._calibration.asked.odds((*features, logit(yes)))), yes)

    def _doubtful(self, probability: float, hit: Hit, first: Hit) -> bool:
        low, high = self._calibration.doubt
        return low < probability < high and hit.score >= self._calibration.near * first.score

    def ask(self, question: str, hit: Hit) -> float:
        """The model's probability that the entry's text holds the answer. There must be a generator."""
        assert self._generator is not None
        yes, _ = self._generator.choose(gate_prompt(question, number_sources((hit,), self._cut)), YES_NO)
        return yes
