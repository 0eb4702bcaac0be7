from __future__ import annotations

from dataclasses import replace

import pytest
from evaluation_builders import answer, five_rows, refusal, report, row

from rag_faq.errors import InputFileError
from rag_faq.evaluation.compare import compare, comparison_text


def changed() -> list:
    """q2 finds its entry first, q3 is answered but with an entry too many, q4 is no longer refused."""
    one, two, three, four, five = five_rows()
    return [
        one,
        row(two.question, [2], answer("A bee and gamma [1].", cites=[2])),
        row(three.question, [3, 1], answer("Alpha [1].", cites=[1, 5])),
        row(four.question, [5], answer("Brazil [1].", cites=[5])),
        five,
    ]


def test_each_question_is_better_worse_or_mixed_and_says_why() -> None:
    changes = compare(report(), report(changed())).changes
    assert [(c.question.id, c.direction, c.gone, c.new) for c in changes] == [
        ("q2", "better", ("gold not first", "facts missing", "other entry cited"), ()),
        ("q3", "mixed", ("wrongly refused",), ("other entry cited",)),
        ("q4", "worse", (), ("not refused", "other entry cited")),
    ]
    assert changes[0].details == ("gold at 3, now at 1", "facts 1/2, now 2/2")
    assert changes[1].details == ("outcome refused, now grounded", "facts 0/1, now 1/1")


def test_a_worse_rank_is_worse() -> None:
    one = five_rows()[1]
    changes = compare(report([one]), report([row(one.question, [4, 5, 6, 2], answer("A bee.", cites=[2, 4]))])).changes
    assert [(c.direction, c.new) for c in changes] == [("worse", ("gold not in first 3",))]


def test_the_figures_stand_side_by_side() -> None:
    figures = compare(report(), report(changed())).figures
    first = figures["all"]["r_at_1"]
    assert (first.old, first.new, first.change) == (pytest.approx(2 / 3), 1.0, pytest.approx(1 / 3))
    assert figures["all"]["refusal_recall"].change == -0.5
    assert figures["detail"]["facts"].change == 0.5


def test_the_text_marks_the_questions() -> None:
    text = comparison_text(compare(report(), report(changed())))
    assert "better (1)\n  q2 [detail] What is B?\n    -gold not first; -facts missing; -other entry cited; " in text
    assert "worse (1)\n  q4 [out_of_scope] Who won?\n    +not refused; +other entry cited; outcome refused, now" in text
    assert "mixed (1)" in text


def test_what_the_runs_were_made_of_is_told_where_it_differs() -> None:
    comparison = compare(report(), report(settings={"strictness": 0.7}))
    assert comparison.differing == {"setting strictness": ("0.5", "0.7")}
    assert "setting strictness: 0.5, now 0.7" in comparison_text(comparison)


def test_a_report_against_itself_has_no_changes() -> None:
    comparison = compare(report(), report())
    assert comparison.changes == ()
    assert all(not d.change and not d.clear for d in comparison.figures["all"].values())
    assert "No question came out better or worse." in comparison_text(comparison)


def test_runs_of_different_stages_are_compared_as_far_as_both_went() -> None:
    rows = [row(r.question, r.result.found) for r in five_rows()]
    comparison = compare(report(rows, stage="retrieval"), report(changed()))
    assert comparison.stage == "retrieval"
    assert list(comparison.figures["all"]) == ["r_at_1", "r_at_3", "mrr", "all_gold_at_3"]
    assert [change.question.id for change in comparison.changes] == ["q2"]


def test_different_question_sets_are_not_compared() -> None:
    with pytest.raises(InputFileError, match="different question sets"):
        compare(report(), report(set_sha256="ee" * 32))
    other = [*five_rows()[:4], row(replace(five_rows()[4].question, id="q6"), [4], refusal())]
    with pytest.raises(InputFileError, match="different question sets"):
        compare(report(), report(other))
