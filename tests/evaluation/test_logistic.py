"""Logistic regression for the gate."""

import numpy as np
import pytest

from rag_faq.evaluation.logistic import auroc, fit, out_of_fold


def test_one_feature_without_a_penalty_gives_the_odds_of_the_counts():
    # At 0, one of four is positive; at 1, three of four: odds 1/3 and 3, so intercept -log 3 and slope 2 log 3.
    x = np.array([[0.0]] * 4 + [[1.0]] * 4)
    y = np.array([1.0, 0, 0, 0, 1, 1, 1, 0])
    intercept, slopes = fit(x, y, ridge=0.0)
    assert intercept == pytest.approx(-np.log(3))
    assert slopes == pytest.approx([2 * np.log(3)])


def test_the_penalty_draws_the_weights_to_nothing():
    x, y = np.array([[0.0], [1.0]] * 10), np.array([0.0, 1.0] * 10)
    assert abs(fit(x, y, ridge=1e6)[1][0]) < 1e-3


def test_no_row_is_judged_by_a_fit_that_saw_its_group():
    # A feature that names the group tells nothing about a group that was not seen.
    groups = np.repeat(np.arange(10), 2)
    x = np.eye(10)[groups]
    y = np.array([1.0, 1, 0, 0] * 5)
    odds = out_of_fold(x, y, groups)
    assert (odds[::2] == odds[1::2]).all()
    assert ((odds > 0) == (y > 0)).mean() < 0.6


@pytest.mark.parametrize(
    ("scores", "labels", "area"),
    [([1, 2, 3, 4], [0, 0, 1, 1], 1.0), ([1, 2, 3, 4], [0, 1, 0, 1], 0.75), ([1, 1], [0, 1], 0.5)],
)
def test_auroc(scores, labels, area):
    assert auroc(np.array(scores, float), np.array(labels, bool)) == area
