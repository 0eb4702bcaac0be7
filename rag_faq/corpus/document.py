"""A document as lines that know where they stand in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_FENCE: Final = re.compile(r"^\s{0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, and the lines of the file that it was made of: a line whose wraps were joined has several."""

    text: str
    first: int  # counted from 1, both included
    last: int
    verbatim: bool = False  # code: no rule may touch it


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the corpus."""

    name: str  # file name
    text: str  # as in the file, without a byte order mark
    sha256: str  # of the file's bytes, hexadecimal
    lines: tuple[Line, ...]  # what the reader made of the text: Markdown


def plain_lines(text: str) -> tuple[Line, ...]:
    r"""Number the lines of a text.

    Only `\n`, `\r\n` and `\r` end a line, as in every editor: `str.splitlines` would also count form feeds.
    """
    return tuple(Line(part, number, number) for number, part in enumerate(_LINE_END.split(text), start=1))


def mark_fences(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Mark the lines of fenced code blocks, fences included, as verbatim. A fence that never closes is no fence."""
    marked = list(lines)
    opened: tuple[int, str] | None = None
    for index, line in enumerate(lines):
        match = _FENCE.match(line.text)
        if match is None:
            continue
        if opened is None:
            opened = index, match[1]
        elif match[1].startswith(opened[1]) and not line.text.strip().strip(match[1][0]):
            for inside in range(opened[0], index + 1):
                marked[inside] = Line(lines[inside].text, lines[inside].first, lines[inside].last, verbatim=True)
            opened = None
    return tuple(marked)
