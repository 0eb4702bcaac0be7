from __future__ import annotations

import pytest
from evaluation_builders import answer, five_rows, refusal, row
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.evaluation.judge import facts_missing, plain, problems
from rag_faq.evaluation.metrics import FIGURES, figures_of, groups, measure
from rag_faq.evaluation.questions import KINDS, Question

# Worked out by hand from `five_rows`: value and number of questions that count.
EXPECTED = {
    "r_at_1": (2 / 3, 3),  # q1 and q3; not q2, whose entry is third
    "r_at_3": (1.0, 3),
    "mrr": ((1 + 1 / 3 + 1) / 3, 3),
    "all_gold_at_3": (0.0, 1),  # q3: entry 1 is fourth
    "auroc": (5 / 6, 5),  # evidence .9 .7 .4 against .1 .6: of six pairs, only .4 against .6 is wrong
    "refusal_recall": (1 / 2, 2),  # q4, not q5
    "refusal_precision": (1 / 2, 2),  # q4 rightly, q3 wrongly
    "false_refusals": (1 / 3, 3),  # q3
    "facts": (2 / 4, 3),  # q1 has its one, q2 one of two, q3 refused
    "all_facts": (1 / 3, 3),  # q1
    "citation_precision": (2 / 4, 3),  # q1: 1; q2: 2, not 4; q5: 4 is not gold
    "citation_recall": (2 / 3, 3),  # q1, q2
    "gold_cited": (0 / 2, 1),  # q3 cites neither
    "supported": (4 / 5, 3),  # q1 1 of 1, q2 2 of 3, q5 1 of 1; refusals write no sentence
    "forbidden": (1 / 3, 3),  # q5; q2 and q4 have patterns too
}


def test_every_figure_over_five_answers_is_what_it_is_by_hand() -> None:
    figures = measure(five_rows(), "answers")["all"]
    assert {key: (e.value, e.n) for key, e in figures.items()} == {
        key: (pytest.approx(value), n) for key, (value, n) in EXPECTED.items()
    }


def test_the_figures_of_a_kind_are_over_its_questions_alone() -> None:
    measured = measure(five_rows(), "answers")
    assert list(measured) == [
        "all",
        "answerable",
        "unanswerable",
        "reworded",
        "detail",
        "multi",
        "out_of_scope",
        "near_miss",
    ]
    assert measured["detail"]["facts"].value == 0.5
    assert measured["near_miss"]["refusal_recall"].value == 0.0
    assert measured["answerable"]["citation_precision"].value == pytest.approx(2 / 3)
    assert measured["out_of_scope"]["r_at_1"].value is None
    assert measured["out_of_scope"]["r_at_1"].n == 0


def test_the_same_rows_always_give_the_same_intervals() -> None:
    assert measure(five_rows(), "answers") == measure(five_rows(), "answers")


def test_a_stage_has_the_figures_of_the_stages_before_it() -> None:
    assert [f.key for f in figures_of("retrieval")] == ["r_at_1", "r_at_3", "mrr", "all_gold_at_3"]
    assert [f.key for f in figures_of("gate")][4:] == ["auroc", "refusal_recall", "refusal_precision", "false_refusals"]
    assert figures_of("answers") == FIGURES


def test_no_questions_at_all_is_no_group_but_all_of_nothing() -> None:
    assert groups([]) == {}


def test_an_entry_cited_twice_counts_once_for_precision_and_both_sentences_are_supported() -> None:
    question = Question("q", "detail", "?", (1,))
    figures = measure([row(question, [1], answer("A [1]. B [1]. C [2].", cites=[1, 1, 2]))], "answers")["all"]
    assert figures["citation_precision"].value == 0.5
    assert figures["supported"].value == 1.0


def test_multi_questions_count_each_gold_entry_that_is_cited() -> None:
    question = Question("q", "multi", "?", (1, 2, 3))
    figures = measure([row(question, [3, 1, 2], answer("A [1].", cites=[1, 3, 4]))], "answers")["all"]
    assert figures["gold_cited"].value == pytest.approx(2 / 3)
    assert figures["all_gold_at_3"].value == 1.0


def test_patterns_see_the_words_without_markers_and_bold() -> None:
    assert plain("It is **mode** collapse [1].\nYes [12][3]") == "It is mode collapse.\nYes"
    question = Question("q", "override", "?", (), forbidden=(r"^\W*banana\W*$",))
    assert problems(row(question, [1], answer("BANANA [1]")), "answers") == ("not refused", "forbidden words")


def test_a_refusal_has_no_facts_even_where_its_words_match() -> None:
    question = Question("q", "detail", "?", (1,), facts=(("collapse",),))
    refused = row(question, [1], refusal(text="Nearest: What is mode collapse?"))
    assert facts_missing(question, refused.result) == (("collapse",),)
    assert measure([refused], "answers")["all"]["facts"].value == 0.0


def test_a_refusal_that_says_a_forbidden_word_is_caught() -> None:
    question = Question("q", "out_of_scope", "?", (), forbidden=("paris",))
    assert problems(row(question, [1], refusal(text="Not Paris.")), "answers") == ("forbidden words",)


def test_the_problems_of_the_five() -> None:
    assert [problems(r, "answers") for r in five_rows()] == [
        (),
        ("gold not first", "facts missing", "other entry cited"),
        ("wrongly refused",),
        (),
        ("not refused", "other entry cited", "forbidden words"),
    ]
    assert [problems(r, "gate") for r in five_rows()] == [
        (),
        ("gold not first",),
        ("wrongly refused",),
        (),
        ("not refused",),
    ]
    assert [problems(r, "retrieval") for r in five_rows()] == [(), ("gold not first",), (), (), ()]


def test_an_entry_that_was_not_found_is_neither_first_nor_among_three() -> None:
    question = Question("q", "detail", "?", (9,))
    assert problems(row(question, [1, 2]), "retrieval") == ("gold not first", "gold not in first 3")
    assert measure([row(question, [1, 2])], "retrieval")["all"]["mrr"].value == 0.0


ENTRIES = st.lists(st.integers(1, 6), max_size=4)
REPLIES = st.one_of(
    st.builds(refusal, st.floats(0, 1)),
    st.builds(
        lambda cites, evidence, left_out: answer("alpha beta", cites=cites, evidence=evidence, unsupported=left_out),
        ENTRIES,
        st.floats(0, 1),
        st.lists(st.just("No.")),
    ),
)
ROWS = st.builds(
    row,
    st.builds(
        Question,
        id=st.just("q"),
        kind=st.sampled_from(KINDS),
        question=st.just("?"),
        gold=st.lists(st.integers(1, 6), unique=True, max_size=3).map(tuple),
        facts=st.sampled_from([(), (("alpha",),), (("alpha",), ("gamma",))]),
        forbidden=st.sampled_from([(), ("beta",), ("delta",)]),
    ),
    ENTRIES,
    REPLIES,
)


@settings(deadline=None, max_examples=30)  # each example draws some thousand samples a figure
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_every_figure_lies_between_0_and_1_and_within_its_interval(rows: list) -> None:
    for figures in measure(rows, "answers").values():
        for estimate in figures.values():
            if estimate.value is None:
                assert (estimate.low, estimate.high, estimate.n) == (None, None, 0)
            else:
                assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
                assert 1 <= estimate.n <= len(rows)
