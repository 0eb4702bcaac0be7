"""A file of questions: bad lines are reported, good ones answered, and a broken run goes on."""

import json
from pathlib import Path

import pytest
from small_faq import pet_chatbot

from rag_faq.errors import InputFileError
from rag_faq.interfaces.batch import parse_line, read_questions, run_batch
from rag_faq.testing import ScriptedGenerator


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "it is no JSON"),
        ("[1]", "a JSON list, not an object"),
        ('{"question": "q"}', '"id" must be'),
        ('{"id": true, "question": "q"}', '"id" must be'),
        ('{"id": 1}', '"question" must be a string'),
        ('{"id": 1, "question": "q", "history": "x"}', '"history" must be'),
        ('{"id": 1, "question": "q", "history": [["user"]]}', '"history" must be'),
        ('{"id": 1, "question": "q", "history": [["system", "x"]]}', '"history" must be'),
    ],
)
def test_a_malformed_line_says_what_is_wrong(line, problem):
    with pytest.raises(ValueError, match="it") as error:
        parse_line(line)
    assert problem in str(error.value)


def test_bad_lines_are_told_by_number_and_the_rest_goes_on(tmp_path):
    source = write(
        tmp_path / "in.jsonl", '{"id": 1, "question": "a"}', "", "oops", '{"id": 1, "question": "b"}',
        '{"id": "2", "question": "c", "history": [["user", "u"], ["assistant", "v"]]}',
    )  # fmt: skip
    questions, bad = read_questions(source)
    assert [(q.id, q.question, q.history) for q in questions] == [
        (1, "a", ()),
        ("2", "c", (("user", "u"), ("assistant", "v"))),
    ]
    assert [message.split(": ")[0] for message in bad] == [f"{source}, line 3", f"{source}, line 4"]


def test_each_answer_is_one_line_with_the_faqs_own_numbers(tmp_path):
    bot = pet_chatbot(tmp_path, ScriptedGenerator("never"))
    source = write(tmp_path / "in.jsonl", '{"id": "x", "question": "What do cats eat?"}')
    summary = run_batch(lambda: bot, source, tmp_path / "new" / "out.jsonl")
    assert (summary.answered, summary.skipped, summary.bad) == (1, 0, ())
    (line,) = lines_of(tmp_path / "new" / "out.jsonl")
    assert (line["id"], line["outcome"]) == ("x", "verbatim")
    assert line["citations"] == [
        {
            "number": 1,
            "entry": 1,
            "quote": "Cats eat fish and chicken. Most cats drink water.",
            "start": 0,
            "end": 49,
            "support": 1.0,
        }
    ]
    assert [(s["number"], s["entry"], s["question"]) for s in line["sources"]] == [(1, 1, "What do cats eat?")]
    assert {"retrieve_s", "first_token_s", "total_s", "prompt_tokens", "new_tokens"} <= set(line["timings"])


def test_a_second_run_answers_only_what_is_missing_even_after_a_line_was_cut(tmp_path):
    bot = pet_chatbot(tmp_path, None)
    source = write(tmp_path / "in.jsonl", *(json.dumps({"id": i, "question": "What do cats eat?"}) for i in range(3)))
    out = tmp_path / "out.jsonl"
    run_batch(lambda: bot, source, out)
    whole = out.read_text(encoding="utf-8").splitlines(keepends=True)
    out.write_text(whole[0] + whole[1][:20], encoding="utf-8")
    summary = run_batch(lambda: bot, source, out)
    assert (summary.answered, summary.skipped) == (2, 1)
    assert [line["id"] for line in lines_of(out)] == [0, 1, 2]


def test_with_nothing_left_to_do_no_model_is_loaded(tmp_path):
    def load():
        raise AssertionError("loaded")

    source = write(tmp_path / "in.jsonl", "", "not json")
    assert run_batch(load, source, tmp_path / "out.jsonl").answered == 0


def test_a_foreign_output_file_is_left_alone(tmp_path):
    source = write(tmp_path / "in.jsonl", '{"id": 1, "question": "q"}')
    out = write(tmp_path / "notes.txt", "my notes")
    with pytest.raises(InputFileError, match="did not write"):
        run_batch(lambda: pytest.fail("loaded"), source, out)
    assert out.read_text(encoding="utf-8") == "my notes\n"


def test_an_input_that_is_not_there(tmp_path):
    with pytest.raises(InputFileError, match="cannot be read"):
        read_questions(tmp_path / "none.jsonl")
