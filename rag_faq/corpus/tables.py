"""Tables that conversion has flattened into one list a column."""

from __future__ import annotations

from collections.abc import Sequence

from rag_faq.corpus.blocks import HEADING, Block, parse_blocks
from rag_faq.corpus.document import Line


def rejoin_columns(question: str, lines: Sequence[Line]) -> tuple[Block, ...] | None:
    """The rows of a comparison whose columns stand below each other, or `None` where there is none.

    A question that names two or more things, and an answer that is nothing but a heading for each of them over a list
    of the same length, is a table read column by column. Its rows have lost their names, so each row is told by its
    columns alone: "- Cats: Sleep all day. Dogs: Guard the house."
    """
    columns: list[tuple[str, list[Line]]] = []
    for line in lines:
        heading = None if line.verbatim else HEADING.match(line.text)
        if heading and heading["text"]:
            columns.append((heading["text"].rstrip(" :"), []))
        elif columns:
            columns[-1][1].append(line)
        elif line.text.strip():
            return None
    cells = [parse_blocks(body) for _, body in columns]
    rows = len(cells[0]) if cells else 0
    asked = all(name.casefold() in question.casefold() for name, _ in columns)
    listed = all(len(column) == rows and all(_is_item(cell) for cell in column) for column in cells)
    if len(columns) < 2 or rows < 2 or not asked or not listed:
        return None
    names = [name for name, _ in columns]
    lead = f"{', '.join(names[:-1])} and {names[-1]} compared, point by point:"
    told = (
        " ".join(f"{name}: {_sentence(column[row])}" for name, column in zip(names, cells, strict=True))
        for row in range(rows)
    )
    return (Block("paragraph", lead), *(Block("bullet", f"- {row}") for row in told))


def _is_item(block: Block) -> bool:
    return block.kind == "bullet" and block.text.startswith("- ") and "\n" not in block.text


def _sentence(block: Block) -> str:
    text = block.text.removeprefix("- ")
    return text if text.endswith((".", "!", "?")) else f"{text}."
