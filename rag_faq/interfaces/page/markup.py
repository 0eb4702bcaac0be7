"""Text from anywhere to HTML that is safe: everything is escaped, and a small part of Markdown is understood.

Paragraphs, nested lists, headings (as bold lines), bold, emphasis and code. No link and no picture is ever made of the
text itself. Spans of the text can be marked, and pieces of it replaced, by their place in the original text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Literal

_ITEM = re.compile(r"(?P<indent>[ \t]*)(?P<mark>[-*+•]|\d{1,3}[.)])[ \t]+(?=\S)")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(?=\S)")
# Up to the words beside it, which may begin a fence and not end one (CommonMark 0.31.2, 4.5).
_FENCE = re.compile(r"[ \t]*(?:`{3,}(?=[^`]*$)|~{3,})[ \t]*")
_STYLES = (
    (re.compile(r"`([^`\n]{1,400})`"), "code", 1),
    (re.compile(r"\*\*(?=\S)([^\n]{1,400}?)(?<=\S)\*\*"), "strong", 2),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]{1,400}?)(?<=[^\s*])\*(?![\w*])"), "em", 1),
)
# Characters that HTML cannot carry, and those that would turn round the text after them.
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the text to be found again in the page: `text[start:end]`, under `names`."""

    start: int
    end: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Insert:
    """`html`, made by the program, in the place of `text[start:end]`."""

    start: int
    end: int
    html: str


@dataclass(frozen=True, slots=True)
class _Block:
    """A run of lines of one kind; `lines` are ranges of the text, without list marks."""

    kind: Literal["p", "heading", "code", "item"]
    lines: tuple[Range, ...]
    indent: int = 0
    number: int | None = None  # of an item in a numbered list


def plain(text: str) -> str:
    """`text`, escaped, for one place in the page; characters that HTML cannot carry become U+FFFD."""
    return escape(_UNFIT.sub("\ufffd", text), quote=True)


def render(
    text: str, spans: Sequence[Span] = (), inserts: Sequence[Insert] = (), *, css: str = "", anchors: bool = False
) -> str:
    """HTML blocks of `text`. Each piece of a span becomes `<span class=css data-for="names">`.

    With `anchors`, the first piece of a span has the span's first name as its id.
    """
    return "".join(_Renderer(text, spans, inserts, css, anchors).blocks(_parse(text)))


def _parse(text: str) -> list[_Block]:
    blocks: list[_Block] = []
    fenced = fresh = False
    for start, end in _lines(text):
        line = text[start:end]
        fence = _FENCE.match(line)
        beside = line[fence.end() :].strip() if fence else ""
        if fence and not (fenced and beside):
            fenced, fresh = not fenced, True
            if beside:  # most often the name of a language, but nothing of a text gets lost
                _extend(blocks, "code", (start + fence.end(), end), fresh)
                fresh = False
        elif fenced:
            _extend(blocks, "code", (start, end), fresh)
            fresh = False
        elif not line.strip():
            fresh = True
        elif heading := _HEADING.match(line):
            blocks.append(_Block("heading", ((start + heading.end(), end),)))
            fresh = True
        elif item := _ITEM.match(line):
            number = int(item["mark"][:-1]) if item["mark"][0].isdigit() else None
            indent = len(item["indent"].expandtabs(4))
            blocks.append(_Block("item", ((start + item.end(), end),), indent, number))
            fresh = False
        else:
            kind: Literal["item", "p"] = "item" if blocks and blocks[-1].kind == "item" and not fresh else "p"
            _extend(blocks, kind, (start, end), fresh)
            fresh = False
    return blocks


def _lines(text: str) -> Iterable[Range]:
    start = 0
    for line in text.split("\n"):
        yield start, start + len(line)
        start += len(line) + 1


def _extend(blocks: list[_Block], kind: Literal["p", "code", "item"], line: Range, fresh: bool) -> None:
    """Another line of the last block, or a new block."""
    if blocks and blocks[-1].kind == kind and not fresh:
        last = blocks[-1]
        blocks[-1] = _Block(kind, (*last.lines, line), last.indent, last.number)
    else:
        blocks.append(_Block(kind, (line,)))


class _Renderer:
    """One text on its way to HTML."""

    def __init__(self, text: str, spans: Sequence[Span], inserts: Sequence[Insert], css: str, anchors: bool) -> None:
        self._text = text
        self._spans = spans
        self._inserts = inserts
        self._css = css
        self._anchors = {span.names[0] for span in spans} if anchors else set()

    def blocks(self, blocks: Sequence[_Block]) -> Iterable[str]:
        place = 0
        while place < len(blocks):
            block = blocks[place]
            if block.kind == "item":
                end = place
                while end < len(blocks) and blocks[end].kind == "item":
                    end += 1
                yield self._list(blocks[place:end])
                place = end
                continue
            if block.kind == "code":
                code = "\n".join(self._inline(line, styled=False) for line in block.lines)
                yield f'<pre tabindex="0"><code>{code}</code></pre>'
            elif block.kind == "heading":
                yield f'<p dir="auto"><strong>{self._inline(block.lines[0])}</strong></p>'
            else:
                yield f'<p dir="auto">{self._body(block)}</p>'
            place += 1

    def _list(self, items: Sequence[_Block]) -> str:
        """Items up to the next that is numbered otherwise; deeper ones go inside the one before them."""
        html, place = "", 0
        while place < len(items):
            first = items[place]
            numbered = first.number is not None
            start = f' start="{first.number}"' if numbered and first.number != 1 else ""
            tag = "ol" if numbered else "ul"
            html += f"<{tag}{start}>"
            while place < len(items) and (items[place].number is not None) == numbered:
                inner = place + 1
                while inner < len(items) and items[inner].indent > items[place].indent + 1:
                    inner += 1
                html += f'<li dir="auto">{self._body(items[place])}{self._list(items[place + 1 : inner])}</li>'
                place = inner
            html += f"</{tag}>"
        return html

    def _body(self, block: _Block) -> str:
        return "<br>".join(self._inline(line) for line in block.lines)

    def _inline(self, line: Range, *, styled: bool = True) -> str:
        """One line: cut wherever a style, a span or an insert begins or ends, each piece wrapped by itself."""
        start, end = line
        styles, hidden = self._styles(line) if styled else ([], [])
        inserts = [i for i in self._inserts if start <= i.start and i.end <= end]
        spans = [s for s in self._spans if s.start < end and s.end > start]
        edges = {start, end}
        ranges = [(low, high) for low, high, _ in styles] + hidden
        ranges += [(i.start, i.end) for i in inserts] + [(s.start, s.end) for s in spans]
        for low, high in ranges:
            edges |= {max(start, low), min(end, high)}
        cuts = sorted(edges)
        begins = {i.start: i for i in inserts}
        html = ""
        for low, high in pairwise(cuts):
            if low in begins:
                html += begins[low].html
            if any(i.start <= low < i.end for i in inserts) or any(a <= low < b for a, b in hidden):
                continue
            names = [n for s in spans if s.start <= low < s.end for n in s.names]
            tags = [tag for a, b, tag in styles if a <= low < b]
            html += self._piece(self._text[low:high], names, tags)
        return html

    def _piece(self, text: str, names: Sequence[str], tags: Sequence[str]) -> str:
        html = plain(text)
        for tag in tags:
            html = f"<{tag}>{html}</{tag}>"
        if not names:
            return html
        fresh = next((name for name in names if name in self._anchors), None)
        anchor = f' id="{plain(fresh)}"' if fresh else ""
        self._anchors.discard(fresh or "")
        return f'<span class="{self._css}"{anchor} data-for="{plain(" ".join(names))}">{html}</span>'

    def _styles(self, line: Range) -> tuple[list[tuple[int, int, str]], list[Range]]:
        """Styled ranges, and the marks round them, which are not shown."""
        styles: list[tuple[int, int, str]] = []
        hidden: list[Range] = []
        for pattern, tag, width in _STYLES:
            for match in pattern.finditer(self._text, *line):
                low, high = match.span()
                if any(a < high and low < b for a, b in hidden) or any(
                    t == "code" and a < high and low < b for a, b, t in styles
                ):
                    continue
                styles.append((low + width, high - width, tag))
                hidden += [(low, low + width), (high - width, high)]
        return styles, hidden
