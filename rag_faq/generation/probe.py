"""Reads more off a model's scores than the word it would say.

A small model that is asked "yes or no" knows more than its "yes" tells: its last hidden state, of which the scores of
all tokens are a linear picture, separates true from false better than the one direction from "no" to "yes" (linear
probes: Alain and Bengio, 2016; Kadavath et al., 2022, section 5). A probe is a weight for each of a few thousand
tokens, spread over the vocabulary, by which the scores are summed up. It costs nothing beside the question.

A probe is of one model and of one wording: for others it is not there, and the "yes" has to do.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from rag_faq.records import ModelInfo


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """What the scores of some tokens speak for."""

    tokens: NDArray[np.int32]  # (d,)
    weights: NDArray[np.float64]  # (d,)
    intercept: float

    def __call__(self, scores: NDArray[np.float32]) -> float:
        """Log-odds, from the scores of every token as the next one, shape (vocabulary size,)."""
        return self.intercept + float(scores[self.tokens].astype(np.float64) @ self.weights)


def wording(*texts: str) -> str:
    """Names the texts around what is judged: a probe of other texts does not fit."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def load_probe(name: str, model: ModelInfo, wording: str) -> Probe | None:
    """The probe of this name that ships with the package, if it is of these weights and this wording; else `None`."""
    shipped = _shipped(name)
    if shipped is None or (shipped.model, shipped.wording) != (model.sha256, wording):
        return None
    return shipped.probe


@dataclass(frozen=True, slots=True, eq=False)
class _Shipped:
    probe: Probe
    model: str  # sha256 of its weights
    wording: str


@cache
def _shipped(name: str) -> _Shipped | None:
    file = files("rag_faq.generation").joinpath("probes", f"{name}.npz")
    if not file.is_file():
        return None
    with as_file(file) as path, np.load(path, allow_pickle=False) as kept:
        probe = Probe(kept["tokens"], kept["weights"].astype(np.float64), float(kept["intercept"]))
        return _Shipped(probe, str(kept["model"]), str(kept["wording"]))
