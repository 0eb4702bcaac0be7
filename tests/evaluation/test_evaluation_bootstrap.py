from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.evaluation.bootstrap import NOTHING, RESAMPLES, Auroc, Ratio, _draws, difference, estimate


def share(*values: float) -> Ratio:
    return Ratio(np.array(values, dtype=float), np.ones(len(values)))


def auroc(positives: list[float], negatives: list[float]) -> Auroc:
    truth = np.array([True] * len(positives) + [False] * len(negatives))
    return Auroc(np.array(positives + negatives, dtype=float), truth)


def test_a_ratio_pools_what_the_questions_have() -> None:
    result = estimate(Ratio(np.array([1.0, 3.0, 0.0]), np.array([2.0, 4.0, 0.0])))
    assert (result.value, result.n) == (4 / 6, 2)


def test_the_interval_of_a_share_is_that_of_its_binomial() -> None:
    """60 of 100: the draws are binomial, whose middle 95% is 50 to 69 or 70."""
    result = estimate(share(*[1.0] * 60, *[0.0] * 40))
    assert result.value == 0.6
    assert result.low == pytest.approx(0.50, abs=0.01)
    assert result.high == pytest.approx(0.695, abs=0.01)


def test_where_all_agree_the_interval_has_no_width() -> None:
    result = estimate(share(1, 1, 1))
    assert (result.low, result.value, result.high) == (1, 1, 1)


def test_without_questions_there_is_nothing() -> None:
    assert estimate(Ratio(np.zeros(3), np.zeros(3))) == NOTHING
    assert estimate(auroc([0.5], [])) == NOTHING


def test_auroc_counts_pairs_in_the_right_order_and_ties_half() -> None:
    assert estimate(auroc([0.9, 0.4], [0.1, 0.6])).value == 3 / 4
    assert estimate(auroc([0.5, 0.5], [0.5])).value == 1 / 2
    assert estimate(auroc([0.9, 0.8], [0.1, 0.2])).value == 1.0
    assert estimate(auroc([0.1], [0.9])).value == 0.0


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=8),
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=8),
)
def test_auroc_is_what_counting_the_pairs_gives(positives: list[float], negatives: list[float]) -> None:
    pairs = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positives for n in negatives]
    assert estimate(auroc(positives, negatives)).value == pytest.approx(sum(pairs) / len(pairs))


def test_every_draw_has_as_many_questions_as_count_and_no_other() -> None:
    counts = np.array([True, False, True, True])
    weights = np.concatenate(list(_draws(counts)))
    assert weights.shape == (RESAMPLES, 4)
    assert (weights.sum(axis=1) == 3).all()
    assert not weights[:, 1].any()


def test_the_difference_is_new_minus_old() -> None:
    result = difference(share(0, 0, 1, 1), share(1, 1, 1, 1))
    assert (result.old, result.new, result.change, result.n) == (0.5, 1.0, 0.5, 4)
    assert result.low is not None
    assert 0 <= result.low <= 0.5 <= result.high <= 1


def test_a_run_does_not_differ_from_itself() -> None:
    """Drawn apart, 60 of 100 against itself would have an interval of some 27 points."""
    run = share(*[1.0] * 60, *[0.0] * 40)
    result = difference(run, run)
    assert (result.change, result.low, result.high, result.clear) == (0, 0, 0, False)


def test_twenty_questions_mended_of_a_hundred_is_a_clear_difference() -> None:
    result = difference(share(*[1.0] * 60, *[0.0] * 40), share(*[1.0] * 80, *[0.0] * 20))
    assert result.change == pytest.approx(0.2)
    assert result.clear


def test_a_figure_that_only_one_run_has_is_not_compared() -> None:
    result = difference(Ratio(np.zeros(2), np.zeros(2)), share(1, 0))
    assert (result.old, result.new, result.change, result.clear) == (None, 0.5, None, False)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=10))
def test_an_interval_holds_its_value(pairs: list[tuple[int, int]]) -> None:
    whole = np.array([max(pair) for pair in pairs], dtype=float)
    part = np.array([min(pair) for pair in pairs], dtype=float)
    result = estimate(Ratio(part, whole))
    if result.value is not None:
        assert 0 <= result.low <= result.value <= result.high <= 1
