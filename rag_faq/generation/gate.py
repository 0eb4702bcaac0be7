"""Is there enough evidence to answer? A calibrated probability out of search scores and the model's own yes or no.

Similarity alone does not tell a question that the FAQ answers from one that is merely about the same things. So the
scores of the search, the share of the question's words that the entry covers, and the model's probability of "yes"
when it is asked whether the text holds the answer, are combined by logistic regression. The weights are general (no
feature looks at what the words are) and were fitted by `benchmarks/calibrate_gate.py`.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rag_faq.generation.generator import Generator
from rag_faq.generation.prompt import gate_prompt
from rag_faq.records import Hit, Source

FEATURES = ("cosine", "score", "margin", "coverage")
_YES_NO = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an answer. All between 0 and 1, but the margin, which is the lead over the second entry."""

    cosine: float
    score: float
    margin: float
    coverage: float
    yes: float | None = None  # the model's probability of "yes"; None where it was not asked


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the two logistic regressions, without and with the model's word."""

    search: tuple[float, ...]  # intercept, then one weight a feature of FEATURES
    combined: tuple[float, ...]  # intercept, the search's log-odds, the log-odds of yes
    doubt: tuple[float, float]  # the model is asked only where the search's probability lies between these


@dataclass(frozen=True, slots=True)
class Verdict:
    """`probability` that the sources answer the question, and what it rests on."""

    probability: float
    evidence: Evidence


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
        search=(table["search"]["intercept"], *(table["search"][name] for name in FEATURES)),
        combined=(table["combined"]["intercept"], table["combined"]["search"], table["combined"]["yes"]),
        doubt=(low, high),
    )


def gather(hits: Sequence[Hit]) -> Evidence:
    """The evidence of a search. No hits is no evidence."""
    if not hits:
        return Evidence(cosine=0.0, score=0.0, margin=0.0, coverage=0.0)
    second = hits[1].score if len(hits) > 1 else 0.0
    return Evidence(
        cosine=max(hit.cosine for hit in hits),
        score=hits[0].score,
        margin=hits[0].score - second,
        coverage=max(hit.coverage for hit in hits[:3]),
    )


class Gate:
    """Gives the probability that the sources answer the question."""

    def __init__(self, calibration: Calibration | None = None, generator: Generator | None = None) -> None:
        self._calibration = calibration or default_calibration()
        self._generator = generator

    def assess(self, question: str, hits: Sequence[Hit], sources: Sequence[Source]) -> Verdict:
        """Ask the model only where the search leaves a doubt; without a model the search decides alone."""
        evidence = gather(hits)
        odds = self.search_odds(evidence)
        low, high = self._calibration.doubt
        if self._generator is None or not sources or not low < sigmoid(odds) < high:
            return Verdict(sigmoid(odds), evidence)
        yes, _ = self._generator.choose(gate_prompt(question, sources), _YES_NO)
        evidence = Evidence(evidence.cosine, evidence.score, evidence.margin, evidence.coverage, yes)
        intercept, of_search, of_yes = self._calibration.combined
        return Verdict(sigmoid(intercept + of_search * odds + of_yes * logit(yes)), evidence)

    def search_odds(self, evidence: Evidence) -> float:
        """Log-odds that the FAQ answers, by the search alone."""
        intercept, *weights = self._calibration.search
        values = (evidence.cosine, evidence.score, evidence.margin, evidence.coverage)
        return float(intercept + sum(w * v for w, v in zip(weights, values, strict=True)))
