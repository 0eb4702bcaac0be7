"""Other wordings: which lines of the file count, to which entry, and what is said of the rest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.corpus.chunking import chunk_entries
from rag_faq.corpus.document import Document, plain_lines
from rag_faq.corpus.reader import Corpus, read_corpus
from rag_faq.corpus.wordings import Wording, parse_wordings, wordings_file
from rag_faq.errors import CorpusError
from rag_faq.records import FaqEntry

FAQ = "## 1. Why is the sky blue?\n\nLight.\n\n## 2. How tall is a giraffe?\n\nFive metres.\n"
SKY, GIRAFFE = "faq#1", "faq#2"


def corpus(folder: Path, wordings: str, faq: str = FAQ) -> Corpus:
    (folder / "faq.md").write_text(faq, encoding="utf-8")
    (folder / "faq.wordings.md").write_text(wordings, encoding="utf-8")
    return read_corpus(folder)


def test_each_item_is_a_wording_of_the_question_above_it(tmp_path: Path) -> None:
    read = corpus(
        tmp_path,
        "# Other wordings\n\n## Why is the sky blue?\n\n- what makes it blue up there\n* blue sky??\n\n"
        "## How tall is a giraffe?\n+ neck height\n",
    )
    assert read.wordings == (
        Wording(SKY, "what makes it blue up there"),
        Wording(SKY, "blue sky??"),
        Wording(GIRAFFE, "neck height"),
    )
    assert read.warnings == ()  # a title with nothing below it does no harm
    assert [entry.id for entry in read.entries] == [SKY, GIRAFFE]  # the file is no document


@pytest.mark.parametrize(
    "heading",
    [
        "## 1. Why is the sky blue?",
        "# why is the SKY blue",
        "### Why is the sky - blue ?",
        "## 7) Why is the sky blue?",
    ],
)
def test_a_heading_is_known_by_its_words(tmp_path: Path, heading: str) -> None:
    assert corpus(tmp_path, f"{heading}\n- up there\n").wordings == (Wording(SKY, "up there"),)


def test_a_heading_may_be_copied_from_the_unrepaired_document(tmp_path: Path) -> None:
    faq = "## 1. What is generative Al?\n\nAI that makes things. AI is a wide field, and AI is old.\n"
    read = corpus(tmp_path, "## What is generative Al?\n- one\n\n## What is generative AI?\n- two\n", faq)
    assert read.entries[0].question == "What is generative AI?"
    assert [wording.text for wording in read.wordings] == ["one", "two"]
    assert read.warnings == ()


def test_form_feeds_do_not_shift_the_unrepaired_headings(tmp_path: Path) -> None:
    faq = "## 1. Why AI?\n\nAI\x0c is\x0c a wide field.\n\n## 2. What is generative Al?\n\nAI that makes things.\n"
    assert corpus(tmp_path, "## What is generative Al?\n- one\n", faq).wordings == (Wording("faq#2", "one"),)


def test_what_belongs_to_no_question_is_left_out_with_its_line_and_the_rest_is_used(tmp_path: Path) -> None:
    read = corpus(
        tmp_path,
        "- too early\n\n## Why was the sky blue?\n\n- under a stranger\n\n"
        "## How tall is a giraffe?\n\nsome prose\n\n- good\n",
    )
    assert read.wordings == (Wording(GIRAFFE, "good"),)
    assert read.warnings == (
        "faq.wordings.md, line 1: 'too early' stands below no question and is left out",
        "faq.wordings.md, line 3: no question of the document is 'Why was the sky blue?'; the nearest is "
        "'Why is the sky blue?': what stands below is left out",
        "faq.wordings.md, line 9: 'some prose' is neither a heading nor a list item and is left out",
    )


def test_a_line_below_an_item_goes_on_with_it(tmp_path: Path) -> None:
    read = corpus(tmp_path, "## Why is the sky blue?\n- i look up\n  and it is blue\n\n- so\n")
    assert [wording.text for wording in read.wordings] == ["i look up and it is blue", "so"]


def test_a_wording_counts_once_and_for_one_question(tmp_path: Path) -> None:
    read = corpus(tmp_path, "## Why is the sky blue?\n- blue?\n- Blue!\n\n## How tall is a giraffe?\n- blue\n")
    assert read.wordings == (Wording(SKY, "blue?"),)
    assert read.warnings == ("faq.wordings.md, line 6: 'blue' is a wording of faq#1 already and is left out",)


def test_a_change_of_the_wordings_is_a_change_of_the_corpus(tmp_path: Path) -> None:
    text = "## Why is the sky blue?\n- blue?\n"
    files = corpus(tmp_path, text).files
    assert list(files) == ["faq.md", "faq.wordings.md"]
    assert files["faq.wordings.md"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_single_document_has_its_wordings_too(tmp_path: Path) -> None:
    read = corpus(tmp_path, "## Why is the sky blue?\n- blue?\n")
    assert read_corpus(tmp_path / "faq.md").wordings == read.wordings
    assert wordings_file(tmp_path / "faq.html") == tmp_path / "faq.wordings.md"


def test_wordings_without_their_document_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "old.wordings.md").write_text("## Why?\n- y\n")
    read = corpus(tmp_path, "## Why is the sky blue?\n- blue?\n")
    assert read.warnings == ("old.wordings.md: left out, no document beside it has this name",)


def test_a_wordings_file_is_no_corpus(tmp_path: Path) -> None:
    corpus(tmp_path, "## Why is the sky blue?\n- blue?\n")
    with pytest.raises(CorpusError, match="no answers") as caught:
        read_corpus(tmp_path / "faq.wordings.md")
    assert caught.value.mend == f"name the document, for example {tmp_path / 'faq.md'}"


def test_an_empty_wordings_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"faq\.wordings\.md is empty"):
        corpus(tmp_path, "")


def test_wordings_are_chunks_of_their_entry_and_split_where_they_are_too_long() -> None:
    entries = [
        FaqEntry("faq#1", 1, "Why?", "So.", "faq.md", (1, 3)),
        FaqEntry("faq#2", 2, "How?", "Thus.", "faq.md", (5, 7)),
    ]
    wordings = [
        Wording("faq#2", "in what way"),
        Wording("faq#1", "one two three four five six"),
        Wording("faq#2", "How?"),
    ]
    chunks = chunk_entries(entries, lambda text: len(text.split()), 4, wordings)
    assert [(chunk.id, chunk.text) for chunk in chunks if chunk.kind == "wording"] == [
        ("faq#1/wording/0", "one two three four"),
        ("faq#1/wording/1", "five six"),
        ("faq#2/wording/0", "in what way"),  # "How?" is a chunk of its entry already
    ]


@given(st.text(alphabet=st.sampled_from("ab?# -*\n.1"), max_size=80))
def test_every_wording_stands_in_the_file_and_no_two_have_the_same_words(text: str) -> None:
    entries = [FaqEntry("d#1", 1, "a?", "x", "d.md", (1, 1)), FaqEntry("d#2", 2, "b", "x", "d.md", (3, 3))]
    document = Document("d.md", "a?\n\nb\n", "", plain_lines("a?\n\nb\n"))
    read = parse_wordings(Document("d.wordings.md", text, "", plain_lines(text)), document, entries)
    lines = [line.strip() for line in text.split("\n")]
    for wording in read.found:
        assert any(line[:1] in ("-", "*") and wording.text.startswith(line[1:].strip()) for line in lines)
        assert wording.entry_id in {"d#1", "d#2"}
    assert len({wording.text for wording in read.found}) == len(read.found)


def test_the_wordings_of_the_faq_that_comes_with_the_package_all_find_their_question() -> None:
    read = read_corpus(Path(__file__).parents[2] / "corpus")
    assert not [warning for warning in read.warnings if "wordings" in warning]
    of_entry = {entry.id: sum(wording.entry_id == entry.id for wording in read.wordings) for entry in read.entries}
    assert min(of_entry.values()) >= 100
