"""Repair rules for characters, headings and line breaks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from rag_faq.corpus.blocks import BULLET, HEADING, RULE_LINE
from rag_faq.corpus.document import Line

# Zero-width joiners stay: emoji and several scripts need them.
_INVISIBLE: Final = re.compile("[\u00ad\u200b\ufeff\x00-\x08\x0e-\x1f\x7f]")
_SPACES: Final = re.compile("[\u00a0\u2007\u202f\x0b\x0c\u2028\u2029\u0085]")
_LIGATURES: Final = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_LIGATURE: Final = re.compile("[" + "".join(_LIGATURES) + "]")

# "__init__" is no bold word, so that underscores must hold the whole heading.
_BOLD: Final = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*|(?<![^ ])__(?=\S)(.+?)(?<=\S)__$")
# A line that begins something of its own: it is never the rest of the line before.
_OWN_START: Final = re.compile(
    r"^\s*(?:[|>]|<[a-zA-Z/!]|#{1,6}\s|\*\*[^*]+\*\*\s*$|(?:Q|Question)\s*\d*[.:)]\s|(?:A|Answer)\s*\d*:\s)"
)
_QUESTION_LINE: Final = re.compile(r"^\s*(?:\d{1,4}[.)]|(?:Q|Question)\s*\d*[.:)])\s.*\?\s*$")
# "short-" / "and long-term": the hyphen belongs to the first word alone.
_SUSPENDED: Final = re.compile(r"^(?:and|or|to|und|et)\b")


def clean_characters(lines: Sequence[Line]) -> tuple[tuple[Line, ...], int]:
    """Take out invisible characters, write ligatures in letters, make odd spaces plain ones. Counts characters."""
    total = 0
    result = []
    for line in lines:
        text, count = line.text, 0
        if not line.verbatim:
            text, invisible = _INVISIBLE.subn("", text)
            text, spaces = _SPACES.subn(" ", text)
            text, ligatures = _LIGATURE.subn(lambda match: _LIGATURES[match[0]], text)
            count = invisible + spaces + ligatures
        total += count
        result.append(replace(line, text=text) if count else line)
    return tuple(result), total


def strip_heading_marks(lines: Sequence[Line]) -> tuple[tuple[Line, ...], int]:
    """`#### **Generative AI**` gives `#### Generative AI`. Counts headings."""
    total = 0
    result = []
    for line in lines:
        heading = None if line.verbatim else HEADING.match(line.text)
        plain = heading["text"] if heading else ""
        while (shorter := _BOLD.sub(r"\1\2", plain)) != plain:
            plain = shorter
        if heading and plain != heading["text"]:
            line = replace(line, text=f"{heading['marks']} {plain.strip()}")
            total += 1
        result.append(line)
    return tuple(result), total


def join_wraps(lines: Sequence[Line]) -> tuple[tuple[Line, ...], int]:
    """Join lines that were wrapped inside a paragraph or a list item. Counts joins.

    A break stays where it is meant: two spaces or a backslash at the line's end, or a run of short lines that each
    begin with a capital (a list that has lost its marks).
    """
    result: list[Line] = []
    joins = 0
    run: list[Line] = []
    for line in (*lines, None):
        if line is not None and run and _continues(run[-1], line):
            run.append(line)
            continue
        joined = _join(run)
        joins += len(run) - len(joined)
        result.extend(joined)
        run = [] if line is None else [line]
    return tuple(result), joins


def _continues(before: Line, line: Line) -> bool:
    if before.verbatim or line.verbatim or not before.text.strip() or not line.text.strip():
        return False
    if HEADING.match(before.text) or RULE_LINE.match(before.text) or RULE_LINE.match(line.text):
        return False
    if BULLET.match(line.text) or _OWN_START.match(line.text) or _QUESTION_LINE.match(before.text):
        return False
    # A row of a table has no wraps, and nor has a line that is bold as a whole.
    return not ("|" in before.text or "|" in line.text or re.fullmatch(r"\*\*[^*]+\*\*", before.text.strip()))


def _join(run: Sequence[Line]) -> list[Line]:
    """One run of lines of the same paragraph or item, with the breaks that are meant left in."""
    if len(run) < 2 or _is_bare_list(run):
        return list(run)
    result = [run[0]]
    for line in run[1:]:
        before = result[-1]
        if _is_hard_break(before.text):
            result.append(line)
        else:
            result[-1] = Line(_glue(before.text.rstrip(), line.text.strip(), line.text), before.first, line.last)
    return result


def _glue(before: str, text: str, raw: str) -> str:
    hyphenated = len(before) > 1 and before[-1] == "-" and before[-2].isalpha()
    tight = hyphenated and text[0].isalnum() and not text[0].isupper() and not _SUSPENDED.match(text)
    trailing = raw[len(raw.rstrip()) :]  # keeps a hard break at the end of the joined line
    return f"{before}{'' if tight else ' '}{text}{trailing}"


def _is_hard_break(text: str) -> bool:
    return text.endswith(("  ", "\\"))


def _is_bare_list(run: Sequence[Line]) -> bool:
    """True when every line begins with a capital and every break came before the line was full."""
    texts = [line.text.strip() for line in run]
    if BULLET.match(run[0].text) or not all(text.lstrip("\"'“‘(")[:1].isupper() for text in texts):
        return False
    width = max(len(text) for text in texts)
    # Whether the widest line of a list was full cannot be told; of two lines, the first must not be the widest.
    breaks = [(a, b) for a, b in pairwise(texts) if len(a) < width or len(texts) == 2]
    return all(len(a) + 1 + len(b.split()[0]) <= width for a, b in breaks)
