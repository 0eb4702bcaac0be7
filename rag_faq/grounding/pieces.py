"""An answer cut into pieces: each sentence with what stands round it, and what a lead-in announces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag_faq.grounding.sentences import list_marker, split_sentences
from rag_faq.grounding.verify import Support
from rag_faq.records import Source

# A list marker that counts.
NUMBERED = re.compile(r"(?P<indent>[ \t]*\(?)(?P<number>\d{1,3})(?P<tail>[.)]\s*)")


@dataclass(frozen=True, slots=True)
class Piece:
    """One sentence of the answer with what stands round it."""

    before: str  # the space before it
    marker: str  # list marker, or ""
    body: str
    supports: tuple[tuple[Source, Support], ...] = ()
    reason: str = ""
    kept: bool = False
    nearest: tuple[Source, Support] | None = None  # of a piece that is not kept
    left_out: str = ""  # the end of it that was cut off

    @property
    def leads_in(self) -> bool:
        """True for "The steps are:" and headings: nothing is claimed, something is announced."""
        return self.body.rstrip("*_ ").endswith(":") or self.heading

    @property
    def heading(self) -> bool:
        """True for a Markdown heading, or a line that is all bold."""
        return self.body.startswith("#") or re.fullmatch(r"(\*\*|__)[^*_]+\1", self.body) is not None

    @property
    def indent(self) -> int:
        """Columns before the list marker."""
        column = self.before.rsplit("\n", 1)[-1] + self.marker
        return len(column) - len(column.lstrip())

    @property
    def new_line(self) -> bool:
        """True when it begins a line."""
        return "\n" in self.before


def pieces_of(text: str) -> list[Piece]:
    """The pieces of a written answer, in order; a list marker is told apart from the first sentence of its line."""
    found: list[Piece] = []
    end = 0
    for span in split_sentences(text):
        unit = text[span.start : span.end]
        new_line = not found or "\n" in text[end : span.start]
        marker = list_marker(unit) if new_line else ""
        before = text[end : span.start] if found else "\n"
        found.append(Piece(before, marker, unit[len(marker) :]))
        end = span.end
    return found


def led_by(pieces: Sequence[Piece], place: int) -> list[Piece]:
    """What a lead-in announces: its list, else the one piece after it; for a heading all up to the next heading."""
    lead, following = pieces[place], pieces[place + 1 :]
    found: list[Piece] = []
    for piece in following:
        if _ends_scope(lead, piece, bool(found)):
            break
        found.append(piece)
        if not lead.heading and len(found) == 1 and not piece.marker:
            break
    return found


def _ends_scope(lead: Piece, piece: Piece, any_before: bool) -> bool:
    """Whether `piece` no longer belongs to what `lead` announces."""
    if lead.heading:
        return piece.heading
    if lead.marker and piece.marker and piece.indent <= lead.indent and _alike(lead.marker, piece.marker):
        return True
    return any_before and piece.new_line and not piece.marker and piece.indent <= lead.indent


def _alike(marker: str, other: str) -> bool:
    return bool(NUMBERED.match(marker)) == bool(NUMBERED.match(other))
