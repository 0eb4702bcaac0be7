"""Weighing the evidence: a logistic model over a few readable features, its weights in weights.toml."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rag_faq.grounding.evidence import Evidence


@dataclass(frozen=True)
class Weights:
    """score = 1 / (1 + exp(-(bias + sum of weight x feature)))."""

    bias: float
    features: Mapping[str, float]
    threshold: float

    def score(self, evidence: Evidence) -> float:
        """The probability that the source supports the sentence, as far as the features tell."""
        total = self.bias + sum(
            weight * float(getattr(evidence.features, name)) for name, weight in self.features.items()
        )
        return 1.0 / (1.0 + math.exp(-total))


@cache
def load_weights() -> Weights:
    """The weights that ship with the package."""
    raw = tomllib.loads(files("rag_faq.grounding").joinpath("weights.toml").read_text("utf-8"))
    return Weights(float(raw["bias"]), dict(raw["features"]), float(raw["threshold"]))
