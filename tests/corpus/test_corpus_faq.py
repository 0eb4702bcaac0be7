"""Splitting documents of many shapes into entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from rag_faq.corpus.reader import Corpus
from rag_faq.errors import CorpusError

Read: TypeAlias = Callable[..., Corpus]


def short(corpus: Corpus) -> list[tuple[int, str, str]]:
    return [(entry.number, entry.question, entry.answer) for entry in corpus.entries]


@pytest.mark.parametrize(
    "heading",
    [
        "# 1. Why?",
        "###### 1. Why?",
        "## 1) Why?",
        "## **1. Why?**",
        "## 1. **Why?**",
        "## **1.** Why?",
        "## __1. Why?__ ##",
        "## Q1. Why?",
        "## Q1: Why?",
        "## Question 1: Why?",
        "## 1. Q: Why?",
        "## 1. Why? {#why}",
        "**1. Why?**",
        "Q: Why?",
        "Q1: Why?",
        "**Q: Why?**",
        "**Q:** Why?",
        "**Question 1.** Why?",
        "### Why?",
        "**Why?**",
    ],
)
def test_every_way_of_marking_a_question(read: Read, heading: str) -> None:
    assert short(read(f"{heading}\n\nBecause.\n")) == [(1, "Why?", "Because.")]


def test_levels_of_numbered_headings_do_not_matter(read: Read) -> None:
    corpus = read("#### 1. A?\n\na\n\n## 2. B?\n\nb\n\n# 3. C?\n\nc\n")
    assert short(corpus) == [(1, "A?", "a"), (2, "B?", "b"), (3, "C?", "c")]


def test_other_headings_are_lines_of_the_answer(read: Read) -> None:
    corpus = read(
        "## 1. How?\n\nSo.\n\n## Here's how:\n\nFirst this.\n\n### Linux\n\nThat.\n\n## 2. Why?\n\nBecause.\n"
    )
    assert short(corpus) == [
        (1, "How?", "So.\n\nHere's how:\n\nFirst this.\n\nLinux:\n\nThat."),
        (2, "Why?", "Because."),
    ]


def test_a_heading_with_nothing_below_it_belongs_to_what_follows(read: Read) -> None:
    corpus = read("# FAQ\n\n## Money\n\n### 1. How much?\n\nTen.\n\n## Time\n\n### 2. How long?\n\nLong.\n")
    assert short(corpus) == [(1, "How much?", "Ten."), (2, "How long?", "Long.")]
    assert corpus.entries[0].lines == (5, 7)


def test_numbered_steps_below_a_question_are_part_of_its_answer(read: Read) -> None:
    corpus = read(
        "## 1. Why?\n\nSo.\n\n## 2. How?\n\n### 1. Unpack\n\nOpen it.\n\n### 2. Run\n\nStart it.\n\n"
        "## 3. When?\n\nNow.\n"
    )
    assert short(corpus) == [
        (1, "Why?", "So."),
        (2, "How?", "1. Unpack:\n\nOpen it.\n\n2. Run:\n\nStart it."),
        (3, "When?", "Now."),
    ]


def test_question_and_answer_marks(read: Read) -> None:
    corpus = read("Q: Is it far?\nA: No.\n\nIt is near.\n\nQ: Is it\nreally?\nA: Yes.\n", "faq.txt")
    assert short(corpus) == [(1, "Is it far?", "No.\n\nIt is near."), (2, "Is it really?", "Yes.")]
    assert [entry.lines for entry in corpus.entries] == [(1, 4), (6, 8)]


def test_bold_answer_marks(read: Read) -> None:
    corpus = read("**Q: Far?**\n\n**A:** No.\n\n**Q: Near?**\n\n**Answer:** Yes.\n")
    assert short(corpus) == [(1, "Far?", "No."), (2, "Near?", "Yes.")]


def test_numbered_questions_in_plain_text(read: Read) -> None:
    corpus = read(
        "1. Is it far?\nNo, it is\nnear.\n\n2. Is it open?\n\nYes:\n1. on weekdays\n2. on Sundays\n", "faq.txt"
    )
    assert short(corpus) == [
        (1, "Is it far?", "No, it is near."),
        (2, "Is it open?", "Yes:\n\n1. on weekdays\n2. on Sundays"),
    ]


def test_headings_that_ask_end_at_other_headings_of_their_level(read: Read) -> None:
    corpus = read(
        "# Help\n\nWelcome.\n\n## Billing\n\n### How do I pay?\n\nBy card.\n\n#### Abroad\n\nBy wire.\n\n"
        "### Can I stop?\n\nYes.\n\n## Contact\n\nWrite to us.\n"
    )
    assert short(corpus) == [
        (0, "Help", "Welcome."),
        (1, "How do I pay?", "By card.\n\nAbroad:\n\nBy wire."),
        (2, "Can I stop?", "Yes."),
        (3, "Contact", "Write to us."),
    ]


def test_sections_of_a_document_that_asks_nothing(read: Read) -> None:
    corpus = read(
        "# Manual\n\nAll about it.\n\n## Installation\n\nIt is easy.\n\n### Linux\n\nUse apt.\n\n### Mac\n\n"
        "Use brew.\n\n## Use\n\nRun it.\n",
        "manual.md",
    )
    assert short(corpus) == [
        (0, "Manual", "All about it."),
        (1, "Installation", "It is easy."),
        (2, "Installation › Linux", "Use apt."),
        (3, "Installation › Mac", "Use brew."),
        (4, "Use", "Run it."),
    ]
    assert [entry.lines for entry in corpus.entries] == [(3, 3), (5, 7), (9, 11), (13, 15), (17, 19)]


def test_numbered_sections_of_a_document_that_asks_nothing(read: Read) -> None:
    corpus = read("## 1. Linux\n\n### 1. Install\n\nApt.\n\n## 2. Mac\n\n### 1. Install\n\nBrew.\n", "manual.md")
    assert short(corpus) == [(1, "Linux › Install", "Apt."), (2, "Mac › Install", "Brew.")]


def test_text_without_headings_is_one_entry_under_the_name_of_the_file(read: Read) -> None:
    corpus = read("It was a dark\nand stormy night.\n\nThe end.\n", "old_story-2.txt")
    assert short(corpus) == [(1, "Old story 2", "It was a dark and stormy night.\n\nThe end.")]
    assert corpus.entries[0].lines == (1, 4)


def test_a_preamble_is_kept(read: Read) -> None:
    corpus = read("# Our FAQ\n\nAsk away.\n\n## 1. Why?\n\nSo.\n")
    assert [(e.id, e.question, e.answer) for e in corpus.entries] == [
        ("faq#0", "Our FAQ", "Ask away."),
        ("faq#1", "Why?", "So."),
    ]


def test_a_preamble_over_a_question_numbered_0(read: Read) -> None:
    corpus = read("Ask away.\n\n## 0. Zero?\n\nNone.\n\n## 1. One?\n\nSome.\n")
    assert [entry.id for entry in corpus.entries] == ["faq#-1", "faq#0", "faq#1"]


def test_a_question_without_an_answer_is_left_out_with_a_warning(read: Read) -> None:
    corpus = read("## 1. Why?\n\n## 2. How?\n\nSo.\n\n## 3. When?\n")
    assert short(corpus) == [(2, "How?", "So.")]
    assert corpus.warnings == (
        "faq.md, line 1: 'Why?' has no answer and is left out",
        "faq.md, line 7: 'When?' has no answer and is left out",
    )


def test_gaps_in_the_numbering_are_kept_with_a_warning(read: Read) -> None:
    corpus = read("## 2. B?\n\nb\n\n## 5. E?\n\ne\n")
    assert [entry.number for entry in corpus.entries] == [2, 5]
    assert corpus.warnings == ("faq.md: no question is numbered 3, 4",)


def test_questions_out_of_order_stay_in_the_order_of_the_document(read: Read) -> None:
    assert [entry.number for entry in read("## 2. B?\n\nb\n\n## 1. A?\n\na\n").entries] == [2, 1]


def test_a_number_that_occurs_twice_is_an_error_with_both_lines(read: Read) -> None:
    with pytest.raises(CorpusError) as caught:
        read("## 1. A?\n\na\n\n## 2. B?\n\nb\n\n## 1. C?\n\nc\n")
    assert str(caught.value) == (
        "faq.md has question 1 twice, at line 1 and at line 9. Expected: a number of its own for each question. "
        "To mend it: change the number at line 9 of faq.md"
    )


def test_headings_in_code_are_code(read: Read) -> None:
    corpus = read("## 1. How?\n\n```sh\n# 2. Not a question?\nrun   it\n```\n\nDone.\n\n## 2. Why?\n\nSo.\n")
    assert short(corpus)[0] == (1, "How?", "```sh\n# 2. Not a question?\nrun   it\n```\n\nDone.")
    assert len(corpus.entries) == 2


def test_lists_are_tight_and_keep_what_is_nested(read: Read) -> None:
    corpus = read("## 1. What?\n* one\n   goes on\n    * inner\n\n+ two\n\n1) first\n2) second\n\n***\n\nend\n")
    assert corpus.entries[0].answer == "- one goes on\n  - inner\n- two\n1) first\n2) second\n\nend"


def test_tables_stay_tables(read: Read) -> None:
    corpus = read("## 1. What?\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert corpus.entries[0].answer == "| a | b |\n|---|---|\n| 1 | 2 |"


FLAT = "## 1. What is the difference between {}?\n\n### Cats\n\n- Sleep.\n- Purr\n\n### Dogs\n\n- Guard.\n- Bark\n{}"


def test_a_flattened_comparison_is_told_row_by_row(read: Read) -> None:
    assert read(FLAT.format("cats and dogs", "")).entries[0].answer == (
        "Cats and Dogs compared, point by point:\n\n- Cats: Sleep. Dogs: Guard.\n- Cats: Purr. Dogs: Bark."
    )


@pytest.mark.parametrize(
    ("asked", "more"),
    [("pets", ""), ("cats and dogs", "- Fetch\n"), ("cats and dogs", "\nAnd so on.\n"), ("cats", "")],
)
def test_lists_that_are_no_comparison_stay_lists(read: Read, asked: str, more: str) -> None:
    answer = read(FLAT.format(asked, more)).entries[0].answer
    assert answer.startswith("Cats:\n\n- Sleep.\n- Purr\n\nDogs:\n\n- Guard.\n- Bark")
