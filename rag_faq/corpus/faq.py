"""From a document to its entries: questions with their answers, or sections where the document is no FAQ."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from rag_faq.corpus.blocks import HEADING, parse_blocks, render
from rag_faq.corpus.document import Document, Line
from rag_faq.corpus.markers import Marker, asking_headings, bodies, numbered_questions, section_headings
from rag_faq.corpus.tables import rejoin_columns
from rag_faq.errors import CorpusError
from rag_faq.records import FaqEntry

_ANSWER_MARK: Final = re.compile(r"^\s*(?:(\*\*|__)(?:A|Answer)\s*\d*\s*[:.]?\s*\1\s*:?|(?:A|Answer)\s*\d*\s*:)\s*")


@dataclass(frozen=True, slots=True)
class Split:
    """The entries of one document, and what was noticed."""

    entries: tuple[FaqEntry, ...]
    warnings: tuple[str, ...] = ()


def split_document(document: Document) -> Split:
    """Split a (repaired) document into entries.

    Questions are, in this order of trust: numbered headings of any level, lines that begin with `Q:`, numbered
    questions that stand by themselves, headings that ask. Entries carry the document's own numbers, else their place in
    order. Other headings inside an entry become lines of its answer. A document without questions is split by its
    headings, each section under its heading path ("Installation › Linux"). Text before the first question or section
    is an entry under the document's title. A question without an answer is left out with a warning.

    Raises CorpusError when a number occurs twice.
    """
    ways: tuple[Callable[[Document], list[Marker]], ...] = (numbered_questions, asking_headings, section_headings)
    for way in ways:
        starts = way(document)
        split = _split_at(document, starts)
        if starts and any(entry.lines[0] >= document.lines[starts[0].index].first for entry in split.entries):
            return split
    return _split_at(document, [])


def title_of(document: Document) -> str:
    """The heading of level 1 that opens the document, else the file name in words."""
    first = next((line for line in document.lines if line.text.strip()), None)
    match = HEADING.match(first.text) if first and not first.verbatim else None
    if match and match["text"] and match["marks"] == "#":
        return match["text"].strip()
    words = re.sub(r"[-_\s]+", " ", PurePath(document.name).stem).strip()
    return words[:1].upper() + words[1:] or document.name


def _split_at(document: Document, starts: Sequence[Marker]) -> Split:
    own_numbers = bool(starts) and starts[0].number is not None
    warnings: list[str] = []
    if own_numbers:
        starts = _with_all_numbers(starts)
        warnings += _check_numbers(document, starts)
    entries: list[FaqEntry] = []
    top = _entry(document, title_of(document), None, _without_headings(document.lines, starts))
    if top:
        lowest = min((start.number for start in starts if start.number is not None), default=1) if own_numbers else 1
        entries.append(_numbered(document, top, min(0, lowest - 1) if starts else 1))
    for start, body in bodies(document, starts):
        entry = _entry(document, start.text, document.lines[start.index], body)
        if entry:
            order = len(entries) + (0 if top else 1)
            number = start.number if own_numbers and start.number is not None else order
            entries.append(_numbered(document, entry, number))
        elif start.number is not None or start.asks:
            line = document.lines[start.index].first
            warnings.append(f"{document.name}, line {line}: {start.text!r} has no answer and is left out")
    return Split(tuple(entries), tuple(warnings))


def _numbered(document: Document, entry: FaqEntry, number: int) -> FaqEntry:
    return replace(entry, id=f"{PurePath(document.name).stem}#{number}", number=number)


def _entry(document: Document, question: str, heading: Line | None, body: Sequence[Line]) -> FaqEntry | None:
    """The entry, not numbered yet; `None` when there is nothing under the heading."""
    kept = _without_trailing_headings(body)
    if not kept:
        return None
    answer = render(rejoin_columns(question, kept) or parse_blocks(_without_answer_mark(kept)))
    if not answer:
        return None
    first = heading.first if heading else next(line.first for line in kept if line.text.strip())
    last = max(line.last for line in kept if line.text.strip())
    return FaqEntry("", 0, question, answer, document.name, (first, last))


def _without_headings(lines: Sequence[Line], starts: Sequence[Marker]) -> list[Line]:
    """What stands before the first start, without the headings over it."""
    body = list(lines[: starts[0].index] if starts else lines)
    while body and (not body[0].text.strip() or _is_heading(body[0])):
        del body[0]
    return body


def _without_trailing_headings(body: Sequence[Line]) -> list[Line]:
    """Headings with nothing below them belong to what follows: "## Billing" over the next question."""
    kept = list(body)
    while kept and (not kept[-1].text.strip() or _is_heading(kept[-1])):
        del kept[-1]
    return kept


def _without_answer_mark(lines: Sequence[Line]) -> list[Line]:
    """Without the `A:` before it."""
    result = list(lines)
    for index, line in enumerate(result):
        if line.text.strip():
            if not line.verbatim:
                result[index] = replace(line, text=_ANSWER_MARK.sub("", line.text))
            break
    return result


def _is_heading(line: Line) -> bool:
    return not line.verbatim and HEADING.match(line.text) is not None


def _with_all_numbers(starts: Sequence[Marker]) -> list[Marker]:
    """Questions that carry no number between numbered ones take the next number after the one before them."""
    result: list[Marker] = []
    taken = {start.number for start in starts}
    for start in starts:
        if start.number is None:
            number = result[-1].number if result else 0
            candidate = (number or 0) + 1
            while candidate in taken:
                candidate += 1
            taken.add(candidate)
            start = replace(start, number=candidate)
        result.append(start)
    return result


def _check_numbers(document: Document, starts: Sequence[Marker]) -> list[str]:
    """Warnings for numbers that are missing; CorpusError for one that occurs twice."""
    seen: dict[int, Marker] = {}
    for start in starts:
        number = start.number if start.number is not None else 0
        if other := seen.get(number):
            first, second = (document.lines[each.index].first for each in (other, start))
            raise CorpusError(
                f"{document.name} has question {number} twice, at line {first} and at line {second}",
                expected="a number of its own for each question",
                mend=f"change the number at line {second} of {document.name}",
            )
        seen[number] = start
    missing = sorted(set(range(min(seen), max(seen) + 1)) - set(seen))
    if not missing:
        return []
    shown = ", ".join(map(str, missing[:10])) + (" …" if len(missing) > 10 else "")
    return [f"{document.name}: no question is numbered {shown}"]
