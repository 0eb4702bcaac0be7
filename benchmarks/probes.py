"""Fits probes: weights by which a model's scores tell what was asked (rag_faq/generation/probe.py)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline

import rag_faq.generation.probe as probe

Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int64]
Regression: TypeAlias = Pipeline

# The tokens whose scores are looked at: spread over those of the default model that are text, behind which marks
# follow. They are more than its hidden state has dimensions, and so tell all of it.
TOKENS = np.unique(np.linspace(0, 151_640, 4096).astype(np.int32))


def centred(scores: Floats) -> Floats:
    """Scores, shape (n, d), without what all tokens of a row have in common: it does not matter for any choice."""
    scores = scores.astype(np.float64)
    return scores - scores.mean(axis=1, keepdims=True)


def regression(directions: int, ridge: float) -> Regression:
    """Logistic, over the directions in which scores vary most. `ridge`: the smaller, the smaller the weights."""
    return make_pipeline(
        PCA(directions, whiten=True, svd_solver="randomized", random_state=0),
        LogisticRegression(C=ridge, max_iter=3000),
    )


def folds(labels: Floats, groups: Places) -> Iterator[tuple[Places, Places]]:
    """Ten times the places of the rows to fit on, and of those that are held back, no group in both."""
    yield from GroupKFold(10).split(labels, labels, groups)


def out_of_fold(scores: Floats, labels: Floats, groups: Places, directions: int, ridge: float) -> Floats:
    """Log-odds of each row by a regression that saw no row of its group, shape (n,)."""
    table, odds = centred(scores), np.zeros(len(labels))
    for seen, held in folds(labels, groups):
        odds[held] = regression(directions, ridge).fit(table[seen], labels[seen]).decision_function(table[held])
    return odds


def as_probe(fitted: Regression) -> probe.Probe:
    """The regression as one weight for each token's own score."""
    pca, logistic = fitted.named_steps["pca"], fitted.named_steps["logisticregression"]
    weights = (logistic.coef_[0] / np.sqrt(pca.explained_variance_)) @ pca.components_
    intercept = float(logistic.intercept_[0] - pca.mean_ @ weights)
    return probe.Probe(TOKENS, weights - weights.mean(), intercept)  # the mean taken off stands for `centred`


def write(name: str, fitted: probe.Probe, model: str, wording: str) -> Path:
    """Put a probe into the package; `model` is the sha256 of its weights."""
    path = Path(probe.__file__).with_name("probes") / f"{name}.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        path,
        tokens=fitted.tokens,
        weights=fitted.weights.astype(np.float32),
        intercept=np.float64(fitted.intercept),
        model=np.str_(model),
        wording=np.str_(wording),
    )
    return path
