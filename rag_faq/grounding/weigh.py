"""Weighing the evidence: logistic models over a few readable features, their weights in weights.toml.

One has the wording and the embedder's meaning alone; the others have the language model's own word as well: its "yes",
or what a probe reads off its scores.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rag_faq.generation.odds import sigmoid
from rag_faq.grounding.evidence import Features


@dataclass(frozen=True)
class Weights:
    """score = 1 / (1 + exp(-(bias + sum of weight x feature)))."""

    bias: float
    features: Mapping[str, float]
    told: float = 0.0  # weight of the model's word

    def score(self, features: Features, told: float = 0.0) -> float:
        """The probability that the source supports the sentence, as far as these tell."""
        total = self.bias + self.told * told
        total += sum(weight * float(getattr(features, name)) for name, weight in self.features.items())
        return sigmoid(total)


@dataclass(frozen=True, slots=True)
class Told:
    """What a language model tells of a sentence, as log-odds that the source bears it out."""

    log_odds: float
    probed: bool = False  # by a probe, not by its "yes"


@dataclass(frozen=True)
class Scales:
    """The models without a language model's word and with it, and where its word is asked for."""

    alone: Weights
    asked: Weights
    probed: Weights
    doubt: tuple[float, float]  # the model is asked where the score without it lies between these
    threshold: float  # a sentence with this score is supported

    def with_word(self, features: Features, told: Told) -> float:
        """The probability that the source supports the sentence, with what a language model told."""
        return (self.probed if told.probed else self.asked).score(features, told.log_odds)


@cache
def load_scales() -> Scales:
    """The weights that ship with the package."""
    raw = tomllib.loads(files("rag_faq.grounding").joinpath("weights.toml").read_text("utf-8"))
    low, high = raw["doubt"]
    return Scales(
        alone=_weights(raw["alone"]),
        asked=_weights(raw["asked"]),
        probed=_weights(raw["probed"]),
        doubt=(low, high),
        threshold=raw["threshold"],
    )


def _weights(table: Mapping[str, float]) -> Weights:
    features = {name: weight for name, weight in table.items() if name not in ("bias", "told")}
    return Weights(table["bias"], features, table.get("told", 0.0))
