from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from evaluation_builders import PROVENANCE, FakeSubject, answer, entry, five_rows, refusal, report, row

from rag_faq.errors import InputFileError
from rag_faq.evaluation.bootstrap import Estimate
from rag_faq.evaluation.command import Request, compare_files, evaluate_file
from rag_faq.evaluation.html_report import html_report, misses
from rag_faq.evaluation.provenance import code_fingerprint
from rag_faq.evaluation.questions import Question
from rag_faq.evaluation.report import Report, Seconds, load_report, make_report, report_json, save_report
from rag_faq.evaluation.svg import Axes, Bar, bars, curve
from rag_faq.evaluation.text_report import table, text_report

ATTACK = "<script>alert('x')</script>"


def test_the_text_has_the_figures_the_kinds_the_times_and_the_problems() -> None:
    text = text_report(report())
    assert text.startswith("set.jsonl: 5 questions, stage answers\nmodel fake on cpu, index bbbbbbbbbbbb\n")
    assert re.search(r"^gold entry found first \(R@1\) +66\.7% +0\.0% to 100\.0% +3$", text, re.MULTILINE)
    assert re.search(r"^near_miss +1 +- +- +- +0\.0% +- +0\.0% +- +100\.0%$", text, re.MULTILINE)
    assert re.search(r"^whole answer +2\.000 +2\.000 +5$", text, re.MULTILINE)
    assert re.search(r"^other entry cited +2$", text, re.MULTILINE)


def test_a_set_without_misses_says_so() -> None:
    assert text_report(report(five_rows()[:1])).endswith("Nothing went wrong.\n")


def test_a_table_is_aligned() -> None:
    assert table([("a", "n"), ("bcd", "10")]) == "a     n\n---  --\nbcd  10"


def test_times_are_the_median_and_a_time_that_was_measured() -> None:
    assert report().seconds["search"] == Seconds(median=0.01, p95=0.01, n=5)


def test_a_report_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "r.json"
    save_report(report(), path)
    assert load_report(path) == report()
    assert not list(tmp_path.rglob("*.part"))


def test_the_json_has_the_figures_with_intervals_and_each_question_with_its_problems() -> None:
    record = json.loads(json.dumps(report_json(report())))
    assert record["figures"]["all"]["facts"]["value"] == 0.5
    assert set(record["figures"]["all"]["facts"]) == {"value", "low", "high", "n"}
    assert record["provenance"]["settings"] == {"strictness": 0.5}
    assert record["rows"][1]["problems"] == ["gold not first", "facts missing", "other entry cited"]
    assert record["entries"]["1"] == {"question": "Question 1?", "answer": "Text 1."}
    assert sorted(record["entries"]) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"provenance": {}, "format": 1}', "[" * 100_000])
def test_a_file_that_is_no_report_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(InputFileError, match=r"is no report of `rag-faq eval`"):
        load_report(path)


def test_a_report_of_another_format_or_with_a_bad_row_is_told(tmp_path: Path) -> None:
    record = report_json(report())
    path = tmp_path / "r.json"
    path.write_text(json.dumps(record | {"format": 99}))
    with pytest.raises(InputFileError, match="format version 99"):
        load_report(path)
    record["rows"][0]["question"]["kind"] = "easy"
    path.write_text(json.dumps(record))
    with pytest.raises(InputFileError, match="altered"):
        load_report(path)
    with pytest.raises(InputFileError, match="cannot be read"):
        load_report(tmp_path / "none.json")


class Tags(HTMLParser):
    """Collects tags, their addresses, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def attacked() -> Report:
    question = Question(ATTACK, "odd_input", ATTACK, (1,), (("user", ATTACK),), ((ATTACK,),), (ATTACK,))
    reply = answer(ATTACK, cites=[4], unsupported=[ATTACK])
    bad = dataclasses.replace(entry(1), question=ATTACK, answer=ATTACK)
    provenance = dataclasses.replace(
        PROVENANCE, set_name=ATTACK, settings={ATTACK: ATTACK}, model={"name": ATTACK, "sha256": "", "device": ATTACK}
    )
    return make_report(provenance, [row(question, [4, 1], reply)], [bad], ATTACK)


def test_the_page_asks_the_network_for_nothing_and_its_tags_are_closed() -> None:
    page = html_report(report())
    tags = Tags(page)
    assert tags.open == []
    assert tags.addresses == ["data:,"]
    assert "script" not in tags.seen
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import", page)


def test_nothing_that_was_asked_or_answered_becomes_markup() -> None:
    page = html_report(attacked())
    assert "<script" not in page
    assert "script" not in Tags(page).seen
    assert Tags(page).text.count(ATTACK) > 10


def test_the_page_shows_a_miss_with_its_gold_its_sources_and_what_is_missing() -> None:
    text = Tags(html_report(report())).text
    assert "A bee [1]. Fine [2]." in text
    assert "Left out: Gamma." in text
    assert "gold, found at 3, source 1, cited" in text
    assert "Missing: gamma" in text
    assert "What is A?" not in text  # came out right


def test_misses_come_in_order_with_those_not_found_first_last() -> None:
    minor = row(Question("q0", "detail", "Zero?", (2,)), [1, 2], answer("Two [1].", cites=[2]))
    assert [miss.row.question.id for miss in misses(report([minor, *five_rows()]))] == ["q2", "q3", "q5", "q0"]


@pytest.mark.parametrize("stage", ["retrieval", "gate", "answers"])
def test_every_stage_has_its_reports(stage: str) -> None:
    rows = [row(r.question, r.result.found) for r in five_rows()] if stage == "retrieval" else five_rows()
    made = report(rows, stage=stage)
    page, text = html_report(made), text_report(made)
    assert ("risk and coverage" in page) == (stage != "retrieval")
    assert ("facts present" in text) == (stage == "answers")


def test_a_bar_is_as_long_as_its_share_and_names_are_escaped() -> None:
    drawing = bars(
        "T", [Bar("<b>", Estimate(0.5, 0.25, 0.75, 4), "50%"), Bar("none", Estimate(None, None, None, 0), "-")]
    )
    assert '<rect class="bar" x="108" y="6.0" width="100.0" height="12"/>' in drawing
    assert "M158.0 12.0H258.0" in drawing
    assert "&lt;b&gt;" in drawing
    assert "none" not in drawing


def test_a_curve_goes_from_corner_to_corner() -> None:
    drawing = curve("T", [(0.0, 0.0), (1.0, 0.4)], (0.5, 0.2), Axes("across", "up"))
    assert 'points="50.0,216.0 340.0,' in drawing
    assert "across" in drawing
    assert 'class="mark" cx="195.0"' in drawing
    assert "nan" not in curve("T", [], None, Axes("", ""))


def test_code_is_told_apart_by_what_makes_answers(tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "chatbot.py").write_text("one")
    before = code_fingerprint(tmp_path)
    (tmp_path / "evaluation" / "svg.py").write_text("drawing")
    (tmp_path / "notes.txt").write_text("notes")
    assert code_fingerprint(tmp_path) == before
    (tmp_path / "prompt.md").write_text("Answer.")
    assert code_fingerprint(tmp_path) != before


def test_a_run_is_told_apart_by_what_changes_answers_not_by_where_things_lie() -> None:
    def fingerprint(**changes: Any) -> str:
        return dataclasses.replace(PROVENANCE, **changes).fingerprint

    assert fingerprint() == fingerprint(set_name="copy.jsonl", settings={"strictness": 0.5, "port": 1, "models": "/x"})
    different = [{"settings": {"strictness": 0.6}}, {"index": "x"}, {"code": "x"}, {"stage": "gate"}, {"model": {}}]
    assert len({fingerprint(), *(fingerprint(**change) for change in different)}) == 6


LINES = [
    {"id": "q1", "kind": "detail", "question": "one", "gold": [1], "facts": [["one"]]},
    {"id": "q2", "kind": "near_miss", "question": "two", "gold": []},
]


def question_file(folder: Path) -> Path:
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


def chatbot(second: bool = True) -> FakeSubject:
    replies = {"one": answer("One [1].", cites=[1]), "two": refusal() if second else answer("Two [1].", cites=[2])}
    return FakeSubject({"one": [1], "two": [2]}, replies)


def test_a_file_is_evaluated_written_and_gone_on_from(tmp_path: Path) -> None:
    request = Request(question_file(tmp_path), tmp_path / "out", settings={"strictness": 0.5})
    done = evaluate_file(request, range(1, 6), chatbot)
    assert (done.json.name, done.html.name, done.kept) == ("set-answers.json", "set-answers.html", 0)
    assert done.report.figures["all"]["refusal_recall"].value == 1.0
    assert load_report(done.json) == done.report
    assert done.html.read_text(encoding="utf-8").startswith("<!doctype html>")
    again = chatbot()
    assert evaluate_file(request, range(1, 6), lambda: again).kept == 2
    assert again.asked == []
    fresh = Request(request.questions, request.out, fresh=True, settings=request.settings)
    assert evaluate_file(fresh, range(1, 6), lambda: again).kept == 0
    assert len(again.asked) == 2


def test_other_settings_do_not_go_on_from_it_and_do_not_undo_it(tmp_path: Path) -> None:
    questions = question_file(tmp_path)
    first = evaluate_file(Request(questions, tmp_path, settings={"strictness": 0.5}), range(6), chatbot)
    other = evaluate_file(Request(questions, tmp_path, settings={"strictness": 0.9}), range(6), chatbot)
    assert other.kept == 0
    assert first.journal.exists()
    assert first.journal != other.journal


def test_a_bad_set_is_told_before_the_chatbot_is_loaded(tmp_path: Path) -> None:
    def never() -> FakeSubject:
        raise AssertionError("loaded")

    with pytest.raises(InputFileError, match="there is no entry 1 for gold"):
        evaluate_file(Request(question_file(tmp_path), tmp_path / "out"), {2}, never)
    assert not (tmp_path / "out").exists()


def test_two_files_are_compared(tmp_path: Path) -> None:
    questions = question_file(tmp_path)
    old = evaluate_file(Request(questions, tmp_path / "a"), range(6), lambda: chatbot(second=False))
    new = evaluate_file(Request(questions, tmp_path / "b"), range(6), chatbot)
    comparison = compare_files(old.json, new.json)
    assert [(change.question.id, change.direction) for change in comparison.changes] == [("q2", "better")]
