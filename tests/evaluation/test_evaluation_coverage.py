from __future__ import annotations

import pytest
from evaluation_builders import five_rows, row

from rag_faq.evaluation.coverage import Point, as_run, at_threshold, risk_coverage
from rag_faq.evaluation.questions import Question


def test_the_curve_of_the_five() -> None:
    """Evidence: q1 .9, q2 .7, q5 .6 (unanswerable), q3 .4, q4 .1 (unanswerable)."""
    curve = risk_coverage(five_rows())
    assert [point.threshold for point in curve] == [0.9, 0.7, 0.6, 0.4, 0.1]
    assert [point.coverage for point in curve] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert [point.risk for point in curve] == pytest.approx([0, 0, 1 / 3, 1 / 4, 2 / 5])
    assert [point.refused for point in curve] == pytest.approx([1, 1, 0.5, 0.5, 0])
    assert [point.false_refusals for point in curve] == pytest.approx([2 / 3, 1 / 3, 1 / 3, 0, 0])


def test_a_threshold_between_two_answers() -> None:
    assert at_threshold(five_rows(), 0.65) == Point(0.65, 0.4, 0.0, 1.0, pytest.approx(1 / 3))


def test_above_all_evidence_nothing_is_answered_and_nothing_is_risked() -> None:
    assert at_threshold(five_rows(), 0.99) == Point(0.99, 0.0, 0.0, 1.0, 1.0)


def test_what_was_really_answered_is_a_point_of_its_own() -> None:
    assert as_run(five_rows()) == Point(None, 0.6, pytest.approx(1 / 3), 0.5, pytest.approx(1 / 3))


def test_a_search_alone_decides_nothing() -> None:
    rows = [row(Question("q", "detail", "?", (1,)), [1])]
    assert risk_coverage(rows) == ()
    assert as_run(rows) is None
