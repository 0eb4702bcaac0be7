"""Logistic regression with a ridge penalty, for the few features of the gate. Small enough to be read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fit(features: Floats, labels: Floats, ridge: float = 0.3) -> tuple[float, Floats]:
    """The intercept, and the weights of shape (d,), for features of shape (n, d) and labels 0 or 1 of shape (n,).

    The penalty is on the weights of the standardised features, so that their units do not matter. Newton's method.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    design = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    penalty = np.diag([0.0, *[ridge] * features.shape[1]])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (p - labels) + penalty @ weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    slopes = weights[1:] / spread
    return float(weights[0] - slopes @ mean), slopes


def folds_of(groups: int, folds: int = 10, seed: int = 0) -> NDArray[np.int64]:
    """The fold of each of so many groups, by chance, all folds of the same size but for one."""
    return np.random.default_rng(seed).permutation(groups) % folds


def out_of_fold(features: Floats, labels: Floats, groups: NDArray[np.int64], folds: int = 10, seed: int = 0) -> Floats:
    """Log-odds of each row by a fit that saw no row of its group, shape (n,)."""
    fold_of = folds_of(int(groups.max()) + 1, folds, seed)[groups]
    odds = np.zeros(len(labels))
    for fold in range(folds):
        held = fold_of == fold
        if held.any():
            intercept, slopes = fit(features[~held], labels[~held])
            odds[held] = intercept + features[held] @ slopes
    return odds


def auroc(scores: Floats, labels: NDArray[np.bool_]) -> float:
    """The share of pairs of a positive and a negative in which the positive scores higher; ties count half."""
    positive, negative = scores[labels], scores[~labels]
    difference = positive[:, None] - negative[None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())
