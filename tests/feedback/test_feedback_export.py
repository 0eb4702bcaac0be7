"""Tables that no spreadsheet runs, and drafts that the corpus reader reads, whatever people ask."""

import csv
import io
import json
import re

import pytest
from feedback_builders import CATS, answered, entry, refused
from hypothesis import given
from hypothesis import strategies as st
from small_faq import pet_retriever

from rag_faq.corpus.reader import read_corpus
from rag_faq.errors import CorpusError
from rag_faq.feedback.clusters import Cluster, Question
from rag_faq.feedback.export import Table, csv_text, drafts, gaps_json, safe_cell, tables, wording_drafts
from rag_faq.feedback.gaps import Gap, Gaps, Totals, find_gaps
from rag_faq.feedback.store import FeedbackStore


def gaps_of(*groups: tuple[str, ...]) -> Gaps:
    found = tuple(
        Gap(Cluster(g[0], (), tuple(Question(q, 1, 0.0) for q in g), len(g), 0.0), CATS, 0.25) for g in groups
    )
    return Gaps(0.0, Totals(0, 0, 0, 0, 0, 0), (), (), (), found, (), (), ())


# -- CSV


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("What do cats eat?", "What do cats eat?"),
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "' =1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ("two\r\nlines", "two lines"),
        ("a=b", "a=b"),
        (-3, "-3"),
        (0.5, "0.5"),
        (None, ""),
    ],
)
def test_a_cell_is_text_on_one_line(cell, safe):
    assert safe_cell(cell) == safe


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_every_cell_comes_back_and_none_is_a_formula(rows):
    read = list(csv.reader(io.StringIO(csv_text(Table("t", ("a", "b"), tuple(rows))), newline="")))
    assert read[0] == ["a", "b"]
    assert len(read) == len(rows) + 1
    for given_row, read_row in zip(rows, read[1:], strict=True):
        for cell, text in zip(given_row, read_row, strict=True):
            assert not re.match(r"\s*[=+\-@]", text)
            plain = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", cell)
            assert text in (plain, f"'{plain}")


# -- drafts


def test_a_draft_is_a_heading_and_a_comment_with_what_was_asked():
    text = drafts(gaps_of(("How much is it", "price?"), ("Is it safe?",)), [entry(7, "Why?"), entry(2, "Who?")])
    assert text.split("\n\n", 1)[1] == (
        "## 8. How much is it?\n\n"
        "<!-- Asked 2 times, in these words:\n  How much is it (1)\n  price? (1)\n"
        "Nearest entry: 1. What do cats eat?\nWrite the answer below. -->\n\n"
        "## 9. Is it safe?\n\n"
        "<!-- Asked 1 times, in these words:\n  Is it safe? (1)\n"
        "Nearest entry: 1. What do cats eat?\nWrite the answer below. -->\n"
    )


def test_drafts_that_are_not_filled_in_yet_leave_the_faq_as_it_is(tmp_path):
    faq = "## 1. Why?\n\nBecause.\n\n"
    (tmp_path / "faq.md").write_text(faq + drafts(gaps_of(("How?",), ("When?",)), [entry(1, "Why?")]), encoding="utf-8")
    corpus = read_corpus(tmp_path)
    assert [(e.id, e.answer) for e in corpus.entries] == [("faq#1", "Because.")]
    assert len([w for w in corpus.warnings if "has no answer and is left out" in w]) == 2


def test_drafts_by_themselves_have_nothing_to_answer_from(tmp_path):
    (tmp_path / "drafts.md").write_text(drafts(gaps_of(("How?",)), ()), encoding="utf-8")
    with pytest.raises(CorpusError):
        read_corpus(tmp_path / "drafts.md")


HOSTILE = st.one_of(
    st.text(min_size=1, max_size=60),
    st.text(alphabet="<>!-#`?1.) \n\tQ:*_a{}&", min_size=1, max_size=40),
    st.sampled_from(
        ["a --> b", "<!-- a", "--->", "--!>", "```\nx", "a `b", "## 3. x", "3. x?", "Q: x", "x {#y}", "---"]
    ),
)


@given(st.lists(st.lists(HOSTILE, min_size=1, max_size=3), min_size=1, max_size=4))
def test_whatever_was_asked_the_filled_drafts_are_the_entries(tmp_path_factory, groups):
    # A letter, since a question without any word is never refused for want of an entry.
    text = drafts(gaps_of(*(tuple(f"How {q}" for q in g) for g in groups)), [entry(1, "Why?")])
    filled = text.replace("Write the answer below. -->\n", "Write the answer below. -->\n\nTwelve hours a day.\n")
    path = tmp_path_factory.mktemp("drafts") / "faq.md"
    path.write_text(f"## 1. Why?\n\nBecause.\n\n{filled}", encoding="utf-8")
    entries = read_corpus(path).entries
    assert [e.number for e in entries] == list(range(1, len(groups) + 2))
    assert {e.answer for e in entries[1:]} == {"Twelve hours a day."}
    assert all(e.question.endswith("?") and e.question.startswith("How") for e in entries[1:])


# -- wordings


def test_what_was_asked_is_put_below_the_nearest_question():
    text = wording_drafts(gaps_of(("How much is it", "price?"), ("Is it safe?",)))
    assert text.split("\n\n", 1)[1] == "## What do cats eat?\n\n- How much is it\n- price?\n- Is it safe?\n"


@given(st.lists(HOSTILE, min_size=1, max_size=4))
def test_whatever_was_asked_the_drafts_are_wordings_of_the_nearest_question(tmp_path_factory, asked):
    path = tmp_path_factory.mktemp("wordings") / "faq.md"
    path.write_text("## 1. What do cats eat?\n\nFish.\n", encoding="utf-8")
    asked = [f"How {question}" for question in asked]
    path.with_name("faq.wordings.md").write_text(wording_drafts(gaps_of(tuple(asked))), encoding="utf-8")
    read = read_corpus(path)
    assert read.warnings == ()
    assert {wording.entry_id for wording in read.wordings} == {"faq#1"}
    assert all(wording.text.startswith("How") for wording in read.wordings)
    assert 1 <= len(read.wordings) <= len(asked)  # those with the same words are one


# -- everything


def test_all_tables_from_a_real_store(tmp_path):
    store = FeedbackStore.open(tmp_path / "f.sqlite3")
    store.log_answer(refused("Do dogs drink water?"))
    store.add_feedback(store.log_answer(answered("=Do cats eat?", CATS)), "down", "@wrong")
    gaps = find_gaps(store, pet_retriever(tmp_path))
    found = {table.name: csv_text(table).splitlines() for table in tables(gaps)}
    assert list(found) == ["gaps", "refused", "asked", "complaints", "entries", "duplicates"]
    assert found["gaps"][1].startswith('"Do dogs drink water?","Do dogs drink water?","1","2')
    assert found["complaints"][1].endswith('"\'=Do cats eat?","grounded","So it is. [1]","\'@wrong"')
    assert found["entries"][1] == '"pets#1","What do cats eat?","1","1","0","1","1.0"'
    told = json.loads(json.dumps(gaps_json(gaps)))
    assert told["totals"] == {"asked": 2, "grounded": 1, "verbatim": 0, "refused": 1, "up": 0, "down": 1}
    assert told["complaints"][0]["reason"] == "@wrong"
    assert told["trouble"] is None
    store.close()
