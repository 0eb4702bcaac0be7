"""The blocks of an answer: paragraphs, list items, code and tables, and their Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from rag_faq.corpus.document import Line, mark_fences

BlockKind: TypeAlias = Literal["paragraph", "bullet", "code", "table"]

HEADING: Final = re.compile(r"^ {0,3}(?P<marks>#{1,6})[ \t]+(?P<text>.*?)(?:[ \t]+#+)?[ \t]*$")
BULLET: Final = re.compile(r"^(?P<indent>[ \t]*)(?P<mark>[-*+•]|\d{1,3}[.)])[ \t]+(?P<text>\S.*)$")
TABLE_ROW: Final = re.compile(r"^\s*\|.*\|\s*$")
RULE_LINE: Final = re.compile(r"^\s*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of an answer that is never torn unless it is too long by itself."""

    kind: BlockKind
    text: str  # Markdown; a bullet with its mark and its nested items


def parse_blocks(lines: Iterable[Line]) -> tuple[Block, ...]:
    """Group lines into blocks. Headings become paragraphs that end in a colon; thematic breaks go.

    Lines are expected to be repaired already: a line break that is still there inside a paragraph is meant.
    """
    blocks: list[Block] = []
    kind: BlockKind | None = None  # of the block that the next line may belong to
    indent = 0  # of the list item that is open
    for line in lines:
        text = line.text.rstrip()
        if line.verbatim:
            _append(blocks, "code", text, fresh=kind != "code")
            kind = "code"
        elif not text.strip() or RULE_LINE.match(text):
            kind = None
        elif heading := HEADING.match(text):
            if heading["text"]:
                blocks.append(Block("paragraph", as_label(heading["text"])))
            kind = None
        elif item := BULLET.match(text):
            depth = len(item["indent"].expandtabs(4))
            mark = "-" if item["mark"] in "-*+•" else item["mark"]
            nested = bool(blocks) and blocks[-1].kind == "bullet" and depth > indent + 1
            if not nested:
                indent = depth
                blocks.append(Block("bullet", f"{mark} {item['text']}"))
            else:
                _append(blocks, "bullet", f"  {mark} {item['text']}", fresh=False)
            kind = "bullet"
        elif TABLE_ROW.match(text):
            _append(blocks, "table", text.strip(), fresh=kind != "table")
            kind = "table"
        elif kind == "bullet":
            _append(blocks, "bullet", f"  {text.strip()}", fresh=False)
        else:
            _append(blocks, "paragraph", text.strip(), fresh=kind != "paragraph")
            kind = "paragraph"
    return tuple(blocks)


def _append(blocks: list[Block], kind: BlockKind, text: str, *, fresh: bool) -> None:
    if fresh or not blocks:
        blocks.append(Block(kind, text))
    else:
        blocks[-1] = Block(kind, f"{blocks[-1].text}\n{text}")


def answer_blocks(answer: str) -> tuple[Block, ...]:
    """The blocks of an answer as `render` wrote it: pieces of the very text, in order, with nothing but space between.

    Unlike `parse_blocks` this changes no character, so that a block can be found again in the answer.
    """
    blocks: list[Block] = []
    kind: BlockKind | None = None
    for line in mark_fences(tuple(Line(text, 0, 0) for text in answer.split("\n"))):
        if not line.text.strip() and not line.verbatim:
            kind = None
            continue
        own = _kind(line)
        begins = kind is None or (own == "bullet" and kind != "code") or (own == "code") != (kind == "code")
        if begins:
            kind = own
        _append(blocks, kind or own, line.text, fresh=begins)
    return tuple(blocks)


def _kind(line: Line) -> BlockKind:
    if line.verbatim:
        return "code"
    if TABLE_ROW.match(line.text):
        return "table"
    item = BULLET.match(line.text)
    return "bullet" if item and not item["indent"] else "paragraph"


def render(blocks: Sequence[Block]) -> str:
    """Markdown of the blocks: a blank line between two, none between the items of a list."""
    parts: list[str] = []
    for index, block in enumerate(blocks):
        if index:
            parts.append("\n" if block.kind == blocks[index - 1].kind == "bullet" else "\n\n")
        parts.append(block.text)
    return "".join(parts)


def as_label(heading: str) -> str:
    """A heading as a line of text: "Linux" gives "Linux:", "Here's how it works:" stays."""
    return heading if heading[-1] in ".:;!?…" else f"{heading}:"
