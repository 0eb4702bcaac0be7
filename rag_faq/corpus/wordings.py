"""Other wordings: a file beside a document with the words in which people ask what its entries answer.

`faq.md` has its wordings in `faq.wordings.md`. Each heading is a question of the document, each list item under it
another way to ask it:

    ## How do I repair a leaking tap?

    - the thing under my sink drips all night
    - water keeps coming though i turned it off

They are searched for beside the entry and never shown as its words. The headings are the document's questions, and not
their numbers, so that a question may be put in between without any harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

from rag_faq.corpus.blocks import HEADING
from rag_faq.corpus.document import Document, Line, plain_lines
from rag_faq.records import FaqEntry

SUFFIX: Final = ".wordings.md"

_ITEM: Final = re.compile(r"^\s*[-*+]\s+(?P<text>\S.*)$")
_NUMBER: Final = re.compile(r"^\d{1,5}\s*[.)]\s+")
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Wording:
    """Another way to ask what an entry answers."""

    entry_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Wordings:
    """What one file holds, and what was left out of it."""

    found: tuple[Wording, ...]  # in the file's order, no two with the same words
    warnings: tuple[str, ...] = ()


def wordings_file(document: Path) -> Path:
    """Where the wordings of a document are, if it has any."""
    return document.with_name(f"{document.stem}{SUFFIX}")


def is_wordings_file(path: Path) -> bool:
    """True for a file that has wordings, and is no document itself."""
    return path.name.lower().endswith(SUFFIX)


def same_words(one: str, other: str) -> bool:
    """True for two spellings of one question: the same words in the same order, whatever stands between them."""
    return _key(one) == _key(other)


def parse_wordings(file: Document, document: Document, entries: Sequence[FaqEntry]) -> Wordings:
    """The wordings in a file; `entries` are those of its `document`. A heading may be copied from it unrepaired.

    What belongs to no entry is left out with a warning that names its line, and the rest is used: a question that was
    changed in the document must not take its wordings' neighbours away.
    """
    lines = plain_lines(document.text)  # as they are numbered in the entries
    known = {_key(question): entry for entry in entries for question in _spellings(entry, lines)}
    found: dict[str, Wording] = {}  # by its words
    warnings: list[str] = []
    entry: FaqEntry | None = None
    stranger: tuple[int, str] | None = (0, "")  # the heading above that is no question of the document: line, text

    def warn(line: int, what: str) -> None:
        warnings.append(f"{file.name}, line {line}: {what}")

    for line, kind, text in _parts(file):
        if kind == "heading":
            entry = known.get(_key(text))
            stranger = None if entry else (line, text)
        elif kind == "prose":
            warn(line, f"{text!r} is neither a heading nor a list item and is left out")
        elif entry is not None and _key(text):
            wording = found.setdefault(_key(text), Wording(entry.id, text))
            if wording.entry_id != entry.id:
                warn(line, f"{text!r} is a wording of {wording.entry_id} already and is left out")
        elif stranger and stranger[1]:  # said once for all that stands below, and only if something does
            near = get_close_matches(_key(stranger[1]), known, n=1, cutoff=0.0)
            hint = f"; the nearest is {known[near[0]].question!r}" if near else ""
            warn(stranger[0], f"no question of the document is {stranger[1]!r}{hint}: what stands below is left out")
            stranger = None
        elif stranger:
            warn(line, f"{text!r} stands below no question and is left out")
    return Wordings(tuple(found.values()), tuple(warnings))


def _parts(file: Document) -> Iterator[tuple[int, Literal["heading", "item", "prose"], str]]:
    """The headings, list items and other texts with their lines; a line below an item goes on with it."""
    item: tuple[int, str] | None = None
    for line in (*file.lines, Line("", 0, 0)):
        heading, begins = HEADING.match(line.text), _ITEM.match(line.text)
        text = line.text.strip()
        if item and text and not heading and not begins:
            item = item[0], f"{item[1]} {text}"
            continue
        if item:
            yield item[0], "item", item[1]
        item = (line.first, begins["text"].strip()) if begins else None
        if heading:
            yield line.first, "heading", _NUMBER.sub("", (heading["text"] or "").strip())
        elif text and not begins:
            yield line.first, "prose", text


def _spellings(entry: FaqEntry, lines: Sequence[Line]) -> tuple[str, str]:
    """The entry's question, and the line of the file that it was made of."""
    heading = HEADING.match(lines[entry.lines[0] - 1].text)
    return entry.question, _NUMBER.sub("", heading["text"].strip()) if heading else entry.question


def _key(text: str) -> str:
    """What two spellings of one question have in common: their words, in small letters."""
    return " ".join(_WORD.findall(text.casefold()))
