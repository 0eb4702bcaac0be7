"""The text of an answer put together anew from the pieces that stay, each followed by the numbers of its sources."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_faq.grounding.pieces import NUMBERED, Piece
from rag_faq.records import Citation


def laid_out(pieces: Sequence[Piece]) -> tuple[str, tuple[Citation, ...]]:
    """The text of the pieces that are kept, numbered lists numbered afresh, and its citations.

    Each piece is followed by the [n] of its sources; the span of a citation is that of the piece without them.
    """
    parts: list[str] = []
    length = 0
    citations: list[Citation] = []
    counters: dict[int, tuple[int, int]] = {}  # indent -> (number as written, number as given)
    pending = ""  # the widest space since the last piece that was kept
    marker = ""  # of a line whose first sentence was left out
    for piece in pieces:
        pending = _wider(pending, piece.before)
        marker = piece.marker or ("" if piece.new_line else marker)
        if not piece.kept:
            continue
        gap = pending if parts else ""
        if "\n" not in pending:
            gap, marker = " " if parts else "", ""
        if numbered := NUMBERED.match(marker):
            marker = _renumbered(numbered, piece.indent, counters)
        head = gap + marker
        start = length + len(head)
        numbers = "".join(f"[{source.number}]" for source, _ in piece.supports)
        parts.append(head + piece.body + (f" {numbers}" if numbers else ""))
        length += len(parts[-1])
        for source, support in piece.supports:
            citations.append(
                Citation(
                    number=source.number,
                    entry_id=source.entry.id,
                    quote=support.quote,
                    start=start,
                    end=start + len(piece.body),
                    support=support.score,
                )
            )
        pending, marker = "", ""
    return "".join(parts), tuple(citations)


def _wider(one: str, other: str) -> str:
    """The gap with more line breaks, at most one empty line; the later one's indent."""
    breaks = min(2, max(one.count("\n"), other.count("\n")))
    if not breaks:
        return other or one
    indent = other.rsplit("\n", 1)[-1] if "\n" in other else one.rsplit("\n", 1)[-1]
    return "\n" * breaks + indent


def _renumbered(marker: re.Match[str], indent: int, counters: dict[int, tuple[int, int]]) -> str:
    written = int(marker["number"])
    before = counters.get(indent)
    # A list goes on while its numbers rise.
    given = before[1] + 1 if before is not None and written > before[0] else 1
    counters[indent] = (written, given)
    for deeper in [i for i in counters if i > indent]:
        del counters[deeper]
    return f"{marker['indent']}{given}{marker['tail']}"
