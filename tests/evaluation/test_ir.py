"""Ranking measures, worked out by hand."""

import math

import pytest

from rag_faq.evaluation import ir

RANKED = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("gold", "expected"),
    [
        ({"a"}, 1.0),
        ({"b"}, 1 / math.log2(3)),
        ({"d"}, 1 / math.log2(5)),
        ({"x"}, 0.0),
        ({"a", "b"}, 1.0),
        ({"a", "c"}, (1 + 1 / 2) / (1 + 1 / math.log2(3))),
        ({"b", "x"}, (1 / math.log2(3)) / (1 + 1 / math.log2(3))),
    ],
)
def test_ndcg(gold, expected):
    assert ir.ndcg(RANKED, gold) == pytest.approx(expected)


def test_only_the_first_k_count():
    assert ir.ndcg(RANKED, {"c"}, k=2) == 0.0
    assert ir.recall(RANKED, {"c"}, k=2) == 0.0
    assert ir.reciprocal_rank(RANKED, {"c"}, k=2) == 0.0


def test_the_ideal_has_no_more_places_than_k():
    assert ir.ndcg(RANKED, {"a", "b", "c"}, k=2) == 1.0


def test_recall_is_the_share_of_the_gold():
    assert ir.recall(RANKED, {"a", "d", "x", "y"}) == 0.5


def test_reciprocal_rank_is_of_the_first_right_one():
    assert ir.reciprocal_rank(RANKED, {"d", "b"}) == 0.5


def test_nothing_found_scores_nothing():
    assert ir.ndcg([], {"a"}) == ir.recall([], {"a"}) == ir.reciprocal_rank([], {"a"}) == 0.0


@pytest.mark.parametrize("measure", [ir.ndcg, ir.recall, ir.reciprocal_rank])
def test_no_gold_or_no_places_is_an_error(measure):
    with pytest.raises(ValueError, match="no gold"):
        measure(RANKED, set())
    with pytest.raises(ValueError, match="at least 1"):
        measure(RANKED, {"a"}, 0)
