"""Splitting text into sentences and list lines.

A unit is a sentence, or what stands on a line of its own (a heading, a list line, a lead-in). Every decision looks at
the unit's own beginning and at the one word that follows, never further.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Span(NamedTuple):
    """A half-open stretch of a text."""

    start: int
    end: int


# Never the end of a sentence, whatever follows.
_TITLES = frozenset(
    [
        "dr",
        "mr",
        "mrs",
        "ms",
        "prof",
        "st",
        "mt",
        "gen",
        "col",
        "sgt",
        "capt",
        "rev",
        "hon",
        "vs",
        "viz",
        "cf",
        "e.g",
        "i.e",
        "eg",
        "ie",
        "ca",
        "approx",
        "esp",
        "incl",
        "resp",
        "p.ej",
        "ej",
        "sr",
        "sra",
        "srta",
        "ud",
        "uds",
        "mme",
        "mlle",
    ]
)
# No end before a number: "Fig. 3", "No. 5".
_NUMBERED = frozenset("no nos fig figs eq eqs sec vol ch pp p art núm n.º tab".split())  # noqa: SIM905

_TERMINATOR = re.compile(r"[.!?…]+|[。！？]+|\n")
_CLOSERS = re.compile(r"""(?:[)\]}"'”’»›*_`]|[ \u00a0\u202f][»›])*""")
_OPENERS = "([{\"'“‘«‹*_`~¿¡ \u00a0\u202f"
_LIST_MARKER = re.compile(r"[ \t]*(?:[-*+•–—·▪‣◦]|\(?\d{1,3}[.)]|\(?[a-zA-Z]\))(?=[ \t\u00a0])[ \t\u00a0]+")
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]")
_WORD_BEFORE = re.compile(r"(?:[^\W_]|[.º'’-])+$")


def list_marker(unit: str) -> str:
    """The list marker at the beginning of a unit, with the spaces round it: "- " of "- x", "2. " of "2. x", or ""."""
    match = _LIST_MARKER.match(unit)
    return match.group() if match else ""


def split_sentences(text: str) -> tuple[Span, ...]:
    """The units of `text`, in order.

    The spans do not overlap, begin and end with a character that is no space, and leave out nothing but space. A list
    marker belongs to the first unit of its line.
    """
    spans: list[Span] = []
    start = _skip_space(text, 0)
    position = _after_marker(text, start, line_start=True)
    while match := _TERMINATOR.search(text, position):
        if match.group() == "\n":
            end = match.start()
            ends = _line_ends(text, start, end)
        else:
            end = _end_of_closers(text, match.end())
            ends = _sentence_ends(text, start, match, end)
        if not ends:
            position = max(match.end(), end)
            continue
        while end > start and text[end - 1].isspace():
            end -= 1
        if end > start:
            spans.append(Span(start, end))
        start = _skip_space(text, max(end, start))
        line_start = "\n" in text[end:start]
        position = max(_after_marker(text, start, line_start), start)
    end = len(text.rstrip())
    if end > start:
        spans.append(Span(start, end))
    return tuple(spans)


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _after_marker(text: str, start: int, line_start: bool) -> int:
    """Where to look for the first end: behind the list marker, whose point ends nothing."""
    if line_start and (match := _LIST_MARKER.match(text, start)):
        return match.end()
    return start


def _end_of_closers(text: str, position: int) -> int:
    match = _CLOSERS.match(text, position)
    return match.end() if match else position


def _line_ends(text: str, start: int, newline: int) -> bool:
    """Whether the unit ends with its line. A line that goes on in lower case was merely wrapped."""
    following = _skip_space(text, newline)
    if following >= len(text) or "\n" in text[newline + 1 : following]:
        return True
    if not text[following].islower() or _LIST_MARKER.match(text, following) or _HEADING.match(text, start):
        return True
    return text[start:newline].rstrip().endswith((":", ".", "!", "?", "…", "|"))


def _sentence_ends(text: str, start: int, terminator: re.Match[str], end: int) -> bool:
    if terminator.group()[0] in "。！？":
        return True
    if end >= len(text):
        return True
    if not text[end].isspace():
        return False
    following = _skip_space(text, end)
    if following >= len(text):
        return True
    gap = text[end:following]
    if "\n" in gap:
        # The line break decides: its own turn comes next.
        return False
    while following < len(text) and text[following] in _OPENERS and not text[following].isspace():
        following += 1
    next_character = text[following] if following < len(text) else " "
    if next_character.islower():
        return False
    if terminator.group() != ".":
        return True
    return not _is_abbreviation(text, start, terminator.start(), next_character)


def _is_abbreviation(text: str, start: int, point: int, next_character: str) -> bool:
    match = _WORD_BEFORE.search(text, start, point)
    if match is None:
        return False
    word = match.group().lower()
    if word in _TITLES:
        return True
    if word in _NUMBERED and next_character.isdigit():
        return True
    if word.isdigit() and len(word) <= 2:
        # "1. Collect data 2. Train": a number at the beginning, or after a colon, counts an item.
        before = text[start : match.start()].rstrip()
        return not before or before.endswith((":", ";"))
    single = match.group()
    if len(single) == 1 and single.isalpha():
        return single.isupper() and single != "I"
    return re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", single) is not None and single[0].isupper()
