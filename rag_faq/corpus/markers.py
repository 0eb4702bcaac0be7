"""Finding the lines of a document where questions or sections begin, whatever way it marks them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rag_faq.corpus.blocks import HEADING
from rag_faq.corpus.document import Document, Line

PATH_SEPARATOR: Final = " › "

_BOLD_LINE: Final = re.compile(r"^\s*(\*\*|__)(?P<text>(?:(?!\1).)+)\1\s*$")
_NUMBER: Final = re.compile(r"^(?:Q(?:uestion)?\.?\s*)?(?P<number>\d{1,5})\s*[.)](?!\d)\s*(?P<text>\S.*)$")
_Q_NUMBER: Final = re.compile(r"^Q(?:uestion)?\.?\s*(?P<number>\d{1,5})\s*[:–—-]\s*(?P<text>\S.*)$")
_Q_LINE: Final = re.compile(
    r"^\s*(?P<bold>\*\*|__)?Q(?:uestion)?\s*(?P<number>\d{1,5})?\s*[:.)](?P<text>(?:\*\*|__)?\s*\S.*)$"
)
_Q_MARK: Final = re.compile(r"^Q(?:uestion)?\s*:\s*")
_DECIMAL: Final = re.compile(r"^\d+(?:\.\d+)+\.?\s+(?=\S)")
_ANCHOR: Final = re.compile(r"\s*\{#[\w-]+\}\s*$")

_BOLD_LEVEL: Final = 7  # a line in bold stands below every heading
_LINE_LEVEL: Final = 8


@dataclass(frozen=True, slots=True)
class Marker:
    """A line that begins a question or a section."""

    index: int  # of the line in `Document.lines`
    level: int  # 1 to 6 for headings, 7 for a line in bold, 8 for other lines
    text: str  # without marks and number
    number: int | None = None  # the document's own

    @property
    def asks(self) -> bool:
        """True for a question."""
        return self.text.endswith("?")


def bodies(document: Document, markers: Sequence[Marker]) -> list[tuple[Marker, tuple[Line, ...]]]:
    """Each marker with the lines between it and the next one."""
    ends = (*(marker.index for marker in markers[1:]), len(document.lines))
    return [(marker, document.lines[marker.index + 1 : end]) for marker, end in zip(markers, ends, strict=False)]


def numbered_questions(document: Document) -> list[Marker]:
    """Numbered headings (at least half of them must ask), else `Q:` lines, else numbered questions by themselves."""
    found = [marker for marker in _headings(document) if marker.number is not None]
    numbers = {marker.number for marker in found}
    found += [bold for bold in _bold_lines(document) if bold.number not in {None, *numbers} and bold.asks]
    found.sort(key=lambda marker: marker.index)
    if found and 2 * sum(marker.asks for marker in found) >= len(found):
        return _without_steps(found)
    if lines := _question_lines(document):
        return lines
    plain = [] if _headings(document) else _numbered_lines(document)
    return plain if len(plain) > 1 else []


def asking_headings(document: Document) -> list[Marker]:
    """Headings that ask (else lines in bold that do), with the headings that end their answers.

    Empty unless at least half of the headings with text of their own ask.
    """
    every = _headings(document)
    if not any(marker.asks for marker in every):
        every = sorted([*every, *(bold for bold in _bold_lines(document) if bold.asks)], key=lambda each: each.index)
    asking = [marker for marker in every if marker.asks]
    others = [
        marker
        for marker, body in bodies(document, every)
        if any(line.text.strip() for line in body) and not marker.asks and not _opens(document, marker)
    ]
    if not asking or len(others) > len(asking):
        return []
    starts: list[Marker] = []
    level = asking[0].level
    for marker in every:
        if marker.asks:
            level = marker.level
            starts.append(marker)
        elif marker.level <= level and (starts or not _opens(document, marker)):
            starts.append(marker)
    return starts


def section_headings(document: Document) -> list[Marker]:
    """Every heading, its text being the path that leads to it, without the document's title."""
    path: list[Marker] = []
    found = []
    for marker in _headings(document):
        path = [above for above in path if above.level < marker.level]
        if not _opens(document, marker):
            path.append(marker)
        else:
            continue
        found.append(Marker(marker.index, marker.level, PATH_SEPARATOR.join(above.text for above in path)))
    return found


def _opens(document: Document, marker: Marker) -> bool:
    """True for the title: the only heading of level 1, with nothing before it."""
    if marker.level != 1 or any(line.text.strip() for line in document.lines[: marker.index]):
        return False
    return sum(each.level == 1 for each in _headings(document)) == 1


def _without_steps(found: list[Marker]) -> list[Marker]:
    """Leave out numbered headings below a question that count anew without asking: the steps of its answer."""
    kept: list[Marker] = []
    for marker in found:
        if (
            kept
            and not marker.asks
            and marker.level > kept[-1].level
            and (marker.number or 0) <= (kept[-1].number or 0)
        ):
            continue
        kept.append(marker)
    return kept


def _headings(document: Document) -> list[Marker]:
    matches = ((i, None if line.verbatim else HEADING.match(line.text)) for i, line in enumerate(document.lines))
    return [_marker(index, len(match["marks"]), match["text"]) for index, match in matches if match and match["text"]]


def _bold_lines(document: Document) -> list[Marker]:
    matches = ((i, None if line.verbatim else _BOLD_LINE.match(line.text)) for i, line in enumerate(document.lines))
    return [_marker(index, _BOLD_LEVEL, match["text"]) for index, match in matches if match]


def _marker(index: int, level: int, text: str) -> Marker:
    text = _ANCHOR.sub("", text).strip()
    if match := _Q_NUMBER.match(text) or _NUMBER.match(text):
        return Marker(index, level, _Q_MARK.sub("", match["text"].strip()), int(match["number"]))
    return Marker(index, level, _DECIMAL.sub("", _Q_MARK.sub("", text)))


def _question_lines(document: Document) -> list[Marker]:
    """Lines like `Q: How?`, `Q3. How?` or `**Question 3:** How?`. A single one without an answer mark is no sign."""
    found = []
    for index, line in enumerate(document.lines):
        match = None if line.verbatim else _Q_LINE.match(line.text)
        if match:
            text = re.sub(r"\*\*|__", "", match["text"]).strip() if match["bold"] else match["text"].strip()
            found.append(Marker(index, _LINE_LEVEL, text, int(match["number"]) if match["number"] else None))
    return found


def _numbered_lines(document: Document) -> list[Marker]:
    """Lines like `3. How?` after a blank line."""
    found = []
    lines = document.lines
    for index, line in enumerate(lines):
        match = None if line.verbatim else _NUMBER.match(line.text)
        if match and match["text"].rstrip().endswith("?") and (index == 0 or not lines[index - 1].text.strip()):
            found.append(Marker(index, _LINE_LEVEL, match["text"].strip(), int(match["number"])))
    return found
