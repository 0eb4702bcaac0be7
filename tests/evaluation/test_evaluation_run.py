from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_builders import FakeSubject, answer, refusal
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from rag_faq.errors import InputFileError
from rag_faq.evaluation.journal import Journal
from rag_faq.evaluation.questions import Question
from rag_faq.evaluation.results import Cited, Given, Result, Row, result_from_json
from rag_faq.evaluation.run import evaluate
from rag_faq.records import Answer, History

QUESTIONS = (
    Question("q1", "detail", "one", (1,)),
    Question("q2", "follow_up", "two", (2,), history=(("user", "before"),)),
    Question("q3", "out_of_scope", "three", ()),
)
FOUND = {"one": [1, 2], "two": [4, 2], "three": [5]}
REPLIES = {"one": answer("One [1].", cites=[1]), "two": answer("Two [1].", cites=[2]), "three": refusal()}


def subject() -> FakeSubject:
    return FakeSubject(FOUND, REPLIES)


def test_retrieval_searches_and_asks_nothing(tmp_path: Path) -> None:
    chatbot = subject()
    rows = evaluate(chatbot, QUESTIONS, "retrieval", Journal(tmp_path / "j.jsonl", "f"))
    assert [row.result.found for row in rows] == [(1, 2), (4, 2), (5,)]
    assert [row.result.given for row in rows] == [None, None, None]
    assert chatbot.asked == []
    assert chatbot.searched[1] == ("two", (("user", "before"),))


def test_an_answer_is_asked_with_its_history_and_tells_itself_how_the_entries_rank(tmp_path: Path) -> None:
    chatbot = subject()
    rows = evaluate(chatbot, QUESTIONS, "answers", Journal(tmp_path / "j.jsonl", "f"))
    assert chatbot.asked[1] == ("two", (("user", "before"),))
    assert chatbot.searched == []
    assert [row.result.found for row in rows] == [(1, 2), (4, 2), (5,)]
    assert [row.result.search_s for row in rows] == [0.1, 0.1, 0.1]
    assert rows[0].result.given == Given(
        outcome="grounded",
        text="One [1].",
        searched="one",
        evidence=0.9,
        cited=(Cited(1, "Text 1.", 0, 9),),
        sources=(1,),
        unsupported=(),
        note="",
        retrieve_s=0.1,
        first_token_s=0.5,
        total_s=2.0,
    )


def test_an_interrupted_run_keeps_what_was_done_and_goes_on_from_it(tmp_path: Path) -> None:
    class Interrupted(FakeSubject):
        def ask(self, question: str, history: History = ()) -> Answer:
            if question == "three":
                raise KeyboardInterrupt
            return super().ask(question, history)

    journal = Journal(tmp_path / "sub" / "j.jsonl", "f")
    with pytest.raises(KeyboardInterrupt):
        evaluate(Interrupted(FOUND, REPLIES), QUESTIONS, "answers", journal)
    assert list(journal.read()) == ["q1", "q2"]

    seen: list[tuple[int, int]] = []
    chatbot = subject()
    rows = evaluate(chatbot, QUESTIONS, "answers", journal, lambda done, total: seen.append((done, total)))
    assert [asked for asked, _ in chatbot.asked] == ["three"]
    assert seen == [(3, 3)]
    uninterrupted = evaluate(subject(), QUESTIONS, "answers", Journal(tmp_path / "k.jsonl", "f"))
    assert [_timeless(row) for row in rows] == [_timeless(row) for row in uninterrupted]


def test_a_line_that_was_cut_short_is_asked_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl", "f")
    evaluate(subject(), QUESTIONS, "answers", journal)
    data = journal.path.read_bytes()
    for cut in [*range(0, len(data), 37), data.find(b"\n"), data.find(b"\n") + 1, len(data) - 1]:
        journal.path.write_bytes(data[:cut])
        chatbot = subject()
        rows = evaluate(chatbot, QUESTIONS, "answers", journal)
        assert len(rows) == 3
        assert len(chatbot.asked) == 3 - max(0, data[:cut].count(b"\n") - 1)


def test_a_run_that_is_complete_asks_nothing_and_one_that_is_cleared_asks_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl", "f")
    evaluate(subject(), QUESTIONS, "answers", journal)
    again = subject()
    evaluate(again, QUESTIONS, "answers", journal)
    assert again.asked == []
    journal.clear()
    evaluate(again, QUESTIONS, "answers", journal)
    assert len(again.asked) == 3


@pytest.mark.parametrize(
    "text",
    [
        '{"evaluation": "other"}\n',
        "[]\n",
        "nonsense\n",
        '{"evaluation": "f"}\n{"id": 1}\n',
        '{"evaluation": "f"}\n[]\n',
    ],
)
def test_a_journal_of_something_else_is_not_gone_on_from(tmp_path: Path, text: str) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text(text)
    with pytest.raises(InputFileError, match="--fresh"):
        Journal(path, "f").read()
    assert path.read_text() == text


def _timeless(row: Row) -> Row:
    return replace(row, result=replace(row.result, search_s=0.0))


GIVEN = st.builds(
    Given,
    outcome=st.sampled_from(["grounded", "verbatim", "refused"]),
    text=st.text(),
    searched=st.text(),
    evidence=st.floats(0, 1),
    cited=st.lists(st.builds(Cited, st.integers(1, 9), st.text(), st.integers(0, 9), st.integers(0, 9))).map(tuple),
    sources=st.lists(st.integers(1, 9)).map(tuple),
    unsupported=st.lists(st.text()).map(tuple),
    note=st.text(),
    retrieve_s=st.floats(0, 9),
    first_token_s=st.none() | st.floats(0, 9),
    total_s=st.floats(0, 9),
)
RESULTS = st.builds(Result, st.text(), st.lists(st.integers(1, 9)).map(tuple), st.floats(0, 9), st.none() | GIVEN)


@settings(deadline=None)
@for_all(RESULTS)
def test_a_result_comes_back_from_its_line(result: Result) -> None:
    assert result_from_json(json.loads(json.dumps(result.to_json()))) == result
