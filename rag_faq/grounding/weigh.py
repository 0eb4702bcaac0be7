"""Weighing the evidence: logistic models over a few readable features, their weights in weights.toml.

One model has the wording and the embedder's meaning alone; the other has the language model's own word as well.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rag_faq.generation.gate import sigmoid
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


@dataclass(frozen=True)
class Scales:
    """Both models, and where the second is asked for."""

    alone: Weights
    asked: Weights
    doubt: tuple[float, float]  # the model is asked where the score without it lies between these
    threshold: float  # a sentence with this score is supported


@cache
def load_scales() -> Scales:
    """The weights that ship with the package."""
    raw = tomllib.loads(files("rag_faq.grounding").joinpath("weights.toml").read_text("utf-8"))
    asked = dict(raw["asked"])
    low, high = raw["doubt"]
    return Scales(
        alone=Weights(raw["alone"]["bias"], {k: v for k, v in raw["alone"].items() if k != "bias"}),
        asked=Weights(asked.pop("bias"), {k: v for k, v in asked.items() if k != "told"}, asked["told"]),
        doubt=(low, high),
        threshold=raw["threshold"],
    )
