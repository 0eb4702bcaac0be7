"""What the benchmarks share: figures, percentiles, questions, made-up corpora, clocks."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from small_faq import VOCABULARY, pet_retriever

from benchmarks import batch_cost, decode_speed, index_build, search_speed, synthetic
from benchmarks.all import TASKS, Task, run, table
from benchmarks.process import anonymous, rest, rss
from benchmarks.report import Figure, Report, number, percentile
from benchmarks.sides import QUESTIONS, Question, Timed, draw, figures, in_turn, time_stream
from benchmarks.stages import time_search, with_clock
from rag_faq.records import FaqEntry
from rag_faq.settings import Settings
from rag_faq.testing import FakeEmbedder

ROOT = Path(__file__).resolve().parents[2]


def entry(number: int) -> FaqEntry:
    answer = "Cats sleep twelve hours.\n\nDogs sleep eighteen hours.\n\nParrots sleep standing."
    return FaqEntry(f"pets#{number}", number, "How long do animals sleep?", answer, "pets.md", (1, 5))


# -- figures


@pytest.mark.parametrize(
    ("figure", "reached", "verdict"),
    [
        (Figure("a", 1.0, "s"), None, ""),
        (Figure("a", 1.0, "s", 1.0), True, "wanted ≤ 1.00: reached"),
        (Figure("a", 1.1, "s", 1.0), False, "wanted ≤ 1.00: NOT reached"),
        (Figure("a", 0.96, "ratio", 0.95, "higher"), True, "wanted ≥ 0.950: reached"),
    ],
)
def test_a_figure_is_held_against_what_is_wanted(figure: Figure, reached: bool | None, verdict: str) -> None:
    assert (figure.reached, figure.verdict) == (reached, verdict)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.01234, "0.0123"), (4.561, "4.56"), (78.94, "78.9"), (1234.4, "1,234")]
)
def test_numbers_have_three_figures(value: float, text: str) -> None:
    assert number(value) == text


def test_percentiles_lie_on_a_line_between_two_values() -> None:
    assert percentile([4, 1, 3, 2], 0.5) == 2.5
    assert percentile([1, 2, 3], 1.0) == 3
    assert percentile([7], 0.99) == 7


def test_a_report_is_json_text_and_a_drawing() -> None:
    report = Report("speed", True, (Figure("a < b", 2.0, "s", 1.0),), {"llm": "m"}, [{"x": 1}])
    record = json.loads(report.to_json())
    assert record["figures"][0]["reached"] is False
    assert record["machine"]["cores"] >= 1
    assert "a trial run" in report.to_text()
    assert "a &lt; b" in report.to_svg()


# -- both sides


def test_the_questions_are_answerable_and_always_the_same() -> None:
    drawn = draw(QUESTIONS, 40)
    assert len(drawn) == 40
    assert drawn == draw(QUESTIONS, 40)
    assert all(question.gold for question in drawn)


def test_fresh_questions_have_entries_of_their_own() -> None:
    firsts = [question.gold[0] for question in draw(QUESTIONS, 40, distinct_entries=True)]
    assert len(firsts) == len(set(firsts)) >= 25


def test_the_first_word_is_the_first_piece_that_is_not_blank() -> None:
    def pieces():  # type: ignore[no-untyped-def]
        yield "\n"
        time.sleep(0.05)
        yield "Fish"
        time.sleep(0.05)
        yield "."

    timed = time_stream(pieces(), time.perf_counter())
    assert timed.text == "\nFish."
    assert 0.05 <= timed.first_s < timed.total_s
    assert time_stream(iter(()), time.perf_counter()).text == ""


class Sided:
    """Answers in a given time, and notes when it was asked."""

    def __init__(self, name: str, first_s: float, asked: list[str], *, written: bool = True) -> None:
        self.name, self.first_s, self.asked, self.written = name, first_s, asked, written

    def ask(self, question: str) -> Timed:
        self.asked.append(self.name)
        return Timed(self.first_s, 4 * self.first_s, question, {"written": self.written})

    def close(self) -> None:
        pass


def test_both_sides_answer_in_turn_and_change_who_begins() -> None:
    asked: list[str] = []
    questions = [Question(str(i), f"q{i}", (1,)) for i in range(3)]
    rows = in_turn(Sided("ours", 0.5, asked), Sided("theirs", 10.0, asked), questions)
    assert asked == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    by_name = {figure.name: figure for figure in figures(rows, fresh=False)}
    assert by_name["first word, ours / theirs"].value == 0.05
    assert by_name["first word, ours / theirs"].reached
    assert by_name["whole answer, ours / theirs"].value == 0.05


def test_answers_that_no_model_wrote_do_not_count_as_quick() -> None:
    rows = [
        {"ours": {"first_s": 0.001, "total_s": 0.001, "detail": {"written": False}}, "theirs": _their(2.0)},
        {"ours": {"first_s": 1.0, "total_s": 2.0, "detail": {"written": True}}, "theirs": _their(2.0)},
    ]
    by_name = {figure.name: figure.value for figure in figures(rows, fresh=False)}
    assert by_name["first word, ours / theirs"] == 0.5
    assert by_name["questions that our model wrote an answer to"] == 1


def _their(seconds: float) -> dict[str, object]:
    return {"first_s": seconds, "total_s": seconds, "detail": {}}


# -- made-up corpora


def test_a_made_up_corpus_begins_with_the_real_one_and_is_always_the_same() -> None:
    made = synthetic.entries([entry(1), entry(2)], 50)
    assert made[:2] == (entry(1), entry(2))
    assert len({each.id for each in made}) == 50
    assert made == synthetic.entries([entry(1), entry(2)], 50)
    assert len({each.answer for each in made[2:]}) > 20


def test_chunks_are_question_entry_and_paragraphs() -> None:
    kinds = [chunk.kind for chunk in synthetic.chunks([entry(1)])]
    assert kinds == ["question", "entry", "paragraph", "paragraph", "paragraph"]


def test_perturbed_vectors_are_unit_vectors_near_a_real_one() -> None:
    real = FakeEmbedder(VOCABULARY)
    anchors = ["cats eat fish", "dogs sleep twelve hours"]
    made = synthetic.PerturbingEmbedder(real, anchors)
    vectors = made.encode(["one", "two", "three"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert ((vectors @ real.encode(anchors).T).max(axis=1) > 0.8).all()
    np.testing.assert_array_equal(vectors, made.encode(["one", "two", "three"]))
    assert made.fingerprint == real.fingerprint


# -- clocks and memory


def test_the_stages_add_up_to_the_whole_and_nothing_found_changes(tmp_path: Path) -> None:
    plain = pet_retriever(tmp_path)
    clocked, clock = with_clock(plain)
    question = "What do cats eat?"
    (row,) = time_search(clocked, clock, [question])
    assert row["embed"] > 0
    assert row["lexical"] > 0
    assert row["embed"] + row["dense"] + row["lexical"] + row["fuse"] == pytest.approx(row["whole"])
    assert clocked.search(question) == plain.search(question)


def test_a_process_at_rest_is_not_waited_for() -> None:
    assert rest(window_s=0.02, most_s=5.0) < 5.0


def test_mapped_files_are_no_memory_of_its_own() -> None:
    assert 0 < anonymous() <= rss()


# -- all of them


def test_a_benchmark_without_its_peers_is_said_not_to_have_run(tmp_path: Path) -> None:
    report = run(Task("langchain", "recipe_langchain", peers=True), tmp_path / "a.json", tmp_path / "no", quick=True)
    assert report["failed"].startswith("not run: there is no")
    assert "not run" in table([report])


def test_a_benchmark_that_fails_is_said_to_have_failed(tmp_path: Path) -> None:
    report = run(Task("gone", "there_is_none"), tmp_path / "a.json", tmp_path, quick=True)
    assert "No module named" in report["failed"]


def test_the_table_says_what_was_missed() -> None:
    record = json.loads(Report("speed", False, (Figure("a", 2.0, "s", 1.0), Figure("b", 2.0, "s"))).to_json())
    assert table([record]).splitlines()[2:] == [
        "| speed | a | 2.00 s | ≤ 1.00 | **missed** |",
        "| speed | b | 2.00 s |  |  |",
    ]


def test_every_benchmark_is_among_all_and_in_the_document() -> None:
    own = {
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if "arguments(\n" in path.read_text("utf-8") or "= arguments(" in path.read_text("utf-8")
    }
    assert own == {task.module for task in TASKS}
    text = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert all(f"python -m benchmarks.{task.module}" in text for task in TASKS)


@pytest.mark.weights
def test_the_benchmarks_run_on_little() -> None:
    settings = Settings.load(llm="smollm2-135m-instruct-q4_1")
    reports = [
        decode_speed.run(settings, entries=2, tokens=24, quick=True),
        batch_cost.run(settings, rounds=2, quick=True),
        index_build.run(settings, rounds=1, quick=True),
        search_speed.run(settings, count=3, quick=True),
    ]
    for report in reports:
        assert report.quick
        assert all(figure.value >= 0 for figure in report.figures)
    assert [len(report.rows) for report in reports] == [2, 24, 1, 3]
