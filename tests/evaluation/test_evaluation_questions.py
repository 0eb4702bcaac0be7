from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.errors import InputFileError
from rag_faq.evaluation.questions import (
    KINDS,
    Question,
    fingerprint,
    load_questions,
    question_from_json,
    question_json,
    read_line,
)

GOOD: dict[str, Any] = {
    "id": "q1",
    "kind": "follow_up",
    "question": "And then?",
    "history": [["user", "What is it?"], ["assistant", "A thing."]],
    "gold": [8, 3, 8],
    "facts": [["mode collapse", "collapsed?"]],
    "forbidden": ["^yes"],
}


def written(folder: Path, *lines: str | dict[str, Any]) -> Path:
    path = folder / "set.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key not in keys}


def test_a_line_becomes_a_question_with_each_gold_entry_once() -> None:
    assert read_line(json.dumps(GOOD)).question == Question(
        id="q1",
        kind="follow_up",
        question="And then?",
        gold=(8, 3),
        history=(("user", "What is it?"), ("assistant", "A thing.")),
        facts=(("mode collapse", "collapsed?"),),
        forbidden=("^yes",),
    )


def test_history_facts_and_forbidden_may_be_left_out() -> None:
    question = read_line('{"id": 7, "kind": "detail", "question": "", "gold": []}').question
    assert question == Question("7", "detail", "", ())
    assert not question.answerable


def test_blank_lines_a_byte_order_mark_and_a_line_separator_in_a_string_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    record = GOOD | {"question": "one\u2028line"}
    path.write_text("\ufeff\n" + json.dumps(record, ensure_ascii=False) + "\r\n\n", encoding="utf-8")
    assert [question.question for question in load_questions(path)] == ["one\u2028line"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{oops", "it is no JSON (Expecting property name enclosed in double quotes at column 2)"),
        ("[1]", "it is a JSON list, not an object"),
        ('{"id": "a", "id": "b"}', "it cannot be read (the key 'id' is given twice)"),
        (without("kind"), "the key 'kind' is missing"),
        (without("gold"), "the key 'gold' is missing"),
        (GOOD | {"golden": []}, "the key 'golden' is not known"),
        (GOOD | {"id": " "}, '"id" must be a string that is not empty, or a whole number'),
        (GOOD | {"id": True}, '"id" must be a string that is not empty, or a whole number'),
        (GOOD | {"kind": "easy"}, f"the kind 'easy' is not known; it must be one of {', '.join(KINDS)}"),
        (GOOD | {"kind": ["detail"]}, f"the kind ['detail'] is not known; it must be one of {', '.join(KINDS)}"),
        (GOOD | {"question": None}, '"question" must be a string of valid Unicode'),
        (GOOD | {"question": "\ud800"}, '"question" must be a string of valid Unicode'),
        (GOOD | {"history": None}, '"history" must be a list of ["user" or "assistant", text] pairs'),
        (GOOD | {"history": [["system", "x"]]}, '"history" must be a list of ["user" or "assistant", text] pairs'),
        (GOOD | {"history": [["user"]]}, '"history" must be a list of ["user" or "assistant", text] pairs'),
        (GOOD | {"gold": ["8"]}, '"gold" must be a list of entry numbers'),
        (GOOD | {"gold": [True]}, '"gold" must be a list of entry numbers'),
        (GOOD | {"gold": 8}, '"gold" must be a list of entry numbers'),
        (GOOD | {"gold": [8, 36]}, "there is no entry 36 for gold in the index"),
        (GOOD | {"facts": ["mode"]}, '"facts" must be a list of lists of patterns, none of them empty'),
        (GOOD | {"facts": [[]]}, '"facts" must be a list of lists of patterns, none of them empty'),
        (GOOD | {"facts": [["a"], [""]]}, "fact 2 must hold patterns that are strings and not empty, not ''"),
        (
            GOOD | {"facts": [["(a"]]},
            "fact 1 has an invalid pattern '(a' (missing ), unterminated subpattern at position 0)",
        ),
        (GOOD | {"forbidden": "yes"}, '"forbidden" must be a list of patterns'),
        (GOOD | {"forbidden": ["*"]}, "\"forbidden\" has an invalid pattern '*' (nothing to repeat at position 0)"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, line: str | dict[str, Any], problem: str) -> None:
    path = written(tmp_path, GOOD | {"id": "first"}, "", line)
    with pytest.raises(InputFileError) as caught:
        load_questions(path, range(1, 36))
    assert caught.value.found == f"{path} has one problem:\n  line 3: {problem}\n"


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "{", GOOD | {"kind": "easy", "gold": [99]}, GOOD, without("question", "id"))
    with pytest.raises(InputFileError) as caught:
        load_questions(path, {3, 8})
    lines = caught.value.found.splitlines()
    assert lines[0] == f"{path} has 6 problems:"
    assert [line.strip().split(":")[0] for line in lines[1:]] == [
        "line 1",
        "line 2",
        "line 2",
        "line 3",
        "line 4",
        "line 4",
    ]
    assert lines[4] == "  line 3: the id 'q1' was used on line 2 already"


def test_too_deep_and_too_long_json_is_a_problem_not_a_crash() -> None:
    assert read_line("[" * 100_000).problems[0].startswith("it cannot be read")
    assert read_line('{"id": ' + "9" * 5000 + "}").problems[0].startswith("it cannot be read")


def test_a_file_that_is_not_there_not_text_or_empty(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"cannot be read: No such file"):
        load_questions(tmp_path / "none.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"{\xff}")
    with pytest.raises(InputFileError, match=r"is not UTF-8 \(byte 1\)"):
        load_questions(tmp_path / "binary.jsonl")
    with pytest.raises(InputFileError, match="holds no question"):
        load_questions(written(tmp_path, "", "  "))


def test_the_fingerprint_is_of_the_questions_not_of_the_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    before = fingerprint(load_questions(path))
    path.write_text("\n" + json.dumps(dict(reversed(GOOD.items())), indent=None, separators=(" ,", " : ")) + "\n")
    assert fingerprint(load_questions(path)) == before
    assert fingerprint(load_questions(written(tmp_path, GOOD | {"gold": [8]}))) != before


@given(st.text())
def test_any_line_is_either_a_question_or_has_a_problem(line: str) -> None:
    read = read_line(line)
    assert (read.question is None) == bool(read.problems)


QUESTIONS = st.builds(
    Question,
    id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    kind=st.sampled_from(KINDS),
    question=st.text(st.characters(exclude_categories=["Cs"])),
    gold=st.lists(st.integers(1, 99), unique=True).map(tuple),
    facts=st.lists(st.lists(st.sampled_from(["a", "b|c", r"\bd"]), min_size=1).map(tuple)).map(tuple),
)


@settings(deadline=None)
@given(QUESTIONS)
def test_a_question_comes_back_from_its_json(question: Question) -> None:
    assert question_from_json(json.loads(json.dumps(question_json(question)))) == question
