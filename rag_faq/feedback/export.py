"""What was found, to take elsewhere: tables as CSV, drafts as Markdown, everything as JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rag_faq.feedback.clusters import Question
from rag_faq.feedback.gaps import Duplicate, EntryUse, Gap, Gaps
from rag_faq.records import FaqEntry

# A spreadsheet takes a cell that begins with one of these for a formula, which may fetch or run something.
_FORMULA: Final = re.compile(r"^\s*[=+\-@\uff0b\uff0d\uff1d\uff20|%]")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DASHES: Final = re.compile(r"-(?=-)")
_LONGEST_HEADING: Final = 300

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """One table, with a name that a file can have."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables(gaps: Gaps) -> tuple[Table, ...]:
    """Everything as tables: gaps, refused, asked, complaints, entries, duplicates."""
    return (
        Table(
            "gaps",
            ("subject", "question", "times", "last_asked", "shared_words", "nearest_entry", "nearest_cosine"),
            tuple(row for gap in gaps.gaps for row in _gap_rows(gap)),
        ),
        Table("refused", ("question", "times", "last_asked"), _question_rows(gaps.refused)),
        Table("asked", ("question", "times", "last_asked"), _question_rows(gaps.asked)),
        Table(
            "complaints",
            ("asked_at", "question", "outcome", "answer", "reason"),
            tuple((when(one.at), one.question, one.outcome, one.text, one.reason) for one in gaps.complaints),
        ),
        Table(
            "entries",
            ("entry", "question", "shown", "cited", "up", "down", "share_down"),
            tuple(_entry_row(use) for use in gaps.entries),
        ),
        Table(
            "duplicates",
            ("first", "first_question", "second", "second_question", "cosine"),
            tuple(_duplicate_row(pair) for pair in gaps.duplicates),
        ),
    )


def csv_text(table: Table) -> str:
    """The table as CSV (RFC 4180), every cell quoted and none of them a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(table.columns)
    writer.writerows([safe_cell(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def safe_cell(cell: Cell) -> str:
    """A cell as text on one line; an apostrophe stands before what a spreadsheet would take for a formula."""
    if not isinstance(cell, str):
        return "" if cell is None else str(cell)
    text = one_line(cell)
    return f"'{text}" if _FORMULA.match(text) else text


def drafts(gaps: Gaps, entries: Sequence[FaqEntry]) -> str:
    """A draft entry for each gap in the corpus's own format, numbered after those that are there.

    What was asked stands in a comment, which no reader shows, where the answer shall go. An entry that was given no
    answer is left out with a warning when the corpus is read.
    """
    first = max((entry.number for entry in entries), default=0) + 1
    parts = [
        "<!-- Drafts from the questions that the FAQ does not answer. Write the answers, delete what you do not want,\n"
        "and add the rest to your FAQ; then: rag-faq index build -->\n"
    ]
    for number, gap in enumerate(gaps.gaps, first):
        asked = "\n".join(f"  {_in_comment(q.text)} ({q.times})" for q in gap.cluster.questions)
        near = f"Nearest entry: {gap.nearest.number}. {_in_comment(gap.nearest.question)}\n" if gap.nearest else ""
        parts.append(
            f"## {number}. {_heading(gap.cluster.name)}\n\n"
            f"<!-- Asked {gap.cluster.times} times, in these words:\n{asked}\n{near}Write the answer below. -->\n"
        )
    return "\n".join(parts)


def wording_drafts(gaps: Gaps) -> str:
    """What was asked and not answered, as other wordings of the questions that come nearest, in the document's order.

    Whether the FAQ answers it after all is for its owner to say: what it does not answer is to be deleted.
    """
    asked: dict[str, tuple[FaqEntry, list[Question]]] = {}
    for gap in gaps.gaps:
        if gap.nearest is not None:
            asked.setdefault(gap.nearest.id, (gap.nearest, []))[1].extend(gap.cluster.questions)
    parts = [
        "<!-- Asked and not answered, below the question that comes nearest. Delete what that entry does not answer,\n"
        "put the rest into the file beside your FAQ that has wordings (as faq.wordings.md is beside faq.md); then:\n"
        "rag-faq index build -->\n"
    ]
    for nearest, questions in sorted(asked.values(), key=lambda group: (group[0].source, group[0].number)):
        listed = "".join(f"- {_in_comment(question.text)}\n" for question in questions)
        parts.append(f"## {nearest.question}\n\n{listed}")
    return "\n".join(parts)


def gaps_json(gaps: Gaps) -> dict[str, Any]:
    """All tables as lists of objects, with the totals."""
    t = gaps.totals
    totals = {"asked": t.asked, "grounded": t.grounded, "verbatim": t.verbatim, "refused": t.refused}
    return {
        "since": when(gaps.since) if gaps.since else None,
        "totals": {**totals, "up": t.up, "down": t.down},
        **{table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables(gaps)},
        "trouble": gaps.trouble or None,
    }


def one_line(text: str) -> str:
    """The text without line breaks, and without control characters, which a terminal would obey."""
    return _UNPRINTABLE.sub(" ", text)


def when(seconds: float) -> str:
    """A time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _gap_rows(gap: Gap) -> list[tuple[Cell, ...]]:
    words = " ".join(gap.cluster.words)
    nearest = gap.nearest.id if gap.nearest else None
    return [
        (gap.cluster.name, q.text, q.times, when(q.last), words, nearest, round(gap.cosine, 3))
        for q in gap.cluster.questions
    ]


def _question_rows(questions: Sequence[Question]) -> tuple[tuple[Cell, ...], ...]:
    return tuple((q.text, q.times, when(q.last)) for q in questions)


def _entry_row(use: EntryUse) -> tuple[Cell, ...]:
    share = None if use.share_down is None else round(use.share_down, 3)
    return (use.entry.id, use.entry.question, use.shown, use.cited, use.up, use.down, share)


def _duplicate_row(pair: Duplicate) -> tuple[Cell, ...]:
    first, second = pair.first, pair.second
    return (first.id, first.question, second.id, second.question, round(pair.cosine, 3))


def _heading(question: str) -> str:
    """The question as a heading that asks: one line, no comment begun or ended in it, a question mark at its end."""
    text = _in_comment(question)
    if len(text) > _LONGEST_HEADING:
        text = text[:_LONGEST_HEADING].rsplit(" ", 1)[0] + " …"
    return text.rstrip(" ?!.#`") + "?"


def _in_comment(text: str) -> str:
    """The text on one line, with nothing in it that begins or ends a comment."""
    line = " ".join(one_line(text).split())
    return _DASHES.sub("- ", line)
