"""Fitting the gate."""

import tomllib

import numpy as np
import pytest

from benchmarks.calibrate_gate import Row, calibrate, fit_order, order_out_of_fold
from rag_faq.generation.odds import logit


def row(number, right, score, likelihood, yes, answerable=True):
    return Row(f"q{number}", answerable, right, score, likelihood, yes)


def rows(count=40):
    """Questions whose right entry is the likelier one, wherever the search has it; the others have none."""
    found = []
    for number in range(count):
        wobble = 0.01 * (number % 7)
        second = number % 2 == 0
        likelihood = [-3.0 - wobble, -2.0] if second else [-2.0, -3.0 - wobble]
        found.append(row(number, [not second, second], [0.5 + wobble, 0.45], likelihood, [0.9 - wobble, 0.9]))
        found.append(row(number, [False], [0.2 + wobble], [-4.0], [0.3 + wobble], answerable=False))
    return found


def test_what_tells_right_entries_from_wrong_ones_gets_the_weight():
    (score, likelihood), among = fit_order(rows())
    assert likelihood > 1
    assert abs(score) * 0.05 < likelihood  # a difference of scores, as they are here, never outweighs it
    assert among[1] > 1
    assert len(among) == 3


def test_the_order_of_a_question_is_fitted_without_it():
    given = rows()
    for leading in order_out_of_fold(given):
        assert all(row.right[place] for row, place in zip(given, leading, strict=True) if row.answerable)


def test_the_verdict_looks_at_the_leading_entry():
    one = row(1, [False, True], [0.6, 0.5], [-3.0, -1.0], [0.2, 0.8])
    assert one.leading(np.array([1.0, 1.0])) == 1
    assert one.leading(np.array([100.0, 1.0])) == 0
    assert one.leading(np.array([0.0, 0.1]), np.array([0.0, 0.0, -1.0])) == 0  # 0.2 behind is close: "no" decides
    assert one.leading(np.array([0.0, 9.0]), np.array([0.0, 0.0, -1.0])) == 1
    assert one.read(1) == [0.5, 0.6, -1.0]
    assert one.verdict(1) == [0.5, 0.6, -1.0, pytest.approx(logit(0.8))]


def test_the_table_has_every_weight_and_puts_the_chosen_share_of_answerable_questions_below_one_half(capsys):
    table = tomllib.loads(calibrate(rows(), false_refusals=0.0))
    assert set(table["order"]) == {"score", "likelihood"}
    assert set(table["among"]) == {"score", "likelihood", "yes"}
    assert set(table["read"]) == {"intercept", "score", "first", "likelihood"}
    assert set(table["search"]) == {"intercept", "score"}
    assert set(table["verdict"]) == {"intercept", "score", "first", "yes", "likelihood"}
    assert {"far", "sure", "plain", "near", "typical", "close"} <= set(table)
    said = capsys.readouterr().out
    assert "right entry first: 0.500 by the search, 1.000 in order" in said
    assert "1.000 refused, 0.000 falsely" in said
