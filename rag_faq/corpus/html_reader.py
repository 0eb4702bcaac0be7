"""HTML into Markdown, by the standard library's parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import groupby
from typing import Final, Literal, TypeAlias

from rag_faq.corpus.document import Line


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DROPPED: Final = _words(
    "script style noscript template svg math iframe object embed applet canvas audio video select textarea button "
    "nav head"
)
_VOID: Final = _words("area base br col embed hr img input link meta param source track wbr")
_BLOCKS: Final = _words(
    "address article aside blockquote body caption center dd details div dl fieldset figcaption figure footer form "
    "header hr html legend main ol p pre section table tbody tfoot thead tr ul"
)
_HEADINGS: Final = _words("h1 h2 h3 h4 h5 h6")
_MARKS: Final = {"b": "**", "strong": "**", "em": "*", "i": "*"}
_CODE: Final = _words("code kbd samp tt")
# Text that would be markup again once it stands in Markdown.
_TAG_LIKE: Final = re.compile(r"<(?=[A-Za-z/!?])[^<>`]*>?")


class HtmlReader:
    """HTML. Headings, paragraphs, lists, tables and code stay; scripts, styles, menus and tags go.

    The question of a `<details>` (its summary) and a term of a `<dl>` become headings. Text that looks like a tag
    (written with `&lt;`) becomes code, so that no Markdown renderer takes it for markup.
    """

    suffixes = (".html", ".htm")

    def lines(self, text: str) -> tuple[Line, ...]:
        """The document as Markdown; each line has the lines of the HTML that it was made from."""
        text = re.sub(r"\r\n?", "\n", text)
        writer = _Writer(last_line=text.count("\n") + 1)
        writer.feed(text)
        writer.close()
        writer.flush()
        return tuple(writer.written)


_Kind: TypeAlias = Literal["text", "code", "mark"]


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a line."""

    text: str
    kind: _Kind


class _Writer(HTMLParser):
    """Collects inline text and writes it out as a line when a block begins or ends."""

    def __init__(self, last_line: int) -> None:
        super().__init__(convert_charrefs=True)
        self._last_line = last_line
        self.written: list[Line] = []
        self._parts: list[_Part] = []  # of the line that is being written
        self._span: tuple[int, int] | None = None  # lines of the HTML that its text stands in
        self._prefix = ""  # "- ", "## "
        self._dropped: list[str] = []  # elements being dropped, outermost first
        self._lists: list[int | None] = []  # the number of the last item; None in a bullet list
        self._pre = False
        self._code = False
        self._heading = 0  # level of the last heading
        self._cells: list[str] | None = None  # of the table row that is open
        self._rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element. Attributes never matter."""
        if tag == "body":
            self._dropped.clear()  # an unclosed <head> ends here
        if self._dropped or tag in _DROPPED:
            if tag not in _VOID:
                self._dropped.append(tag)
        elif self._pre:
            return
        elif tag in _CODE:
            self._code = True
        elif tag in _HEADINGS or tag in ("summary", "dt"):
            self._begin_heading(tag)
        elif tag == "li":
            self._begin_item()
        elif tag == "br":
            self._break()
        elif tag in ("td", "th"):
            self._end_cell()
        elif tag in _BLOCKS:
            self._begin_block(tag)
        elif tag in _MARKS:
            self._parts.append(_Part(_MARKS[tag], "mark"))

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if self._dropped:
            if tag in self._dropped:
                del self._dropped[_last_index(self._dropped, tag) :]
        elif self._pre:
            if tag == "pre":
                self._end_pre()
        elif tag in _CODE:
            self._code = False
        elif tag in ("td", "th"):
            self._end_cell()
        elif self._cells is not None and tag in ("tr", "thead", "tbody", "tfoot", "table"):
            self._end_row()
        elif tag in _HEADINGS or tag in _BLOCKS or tag in ("summary", "dt", "li"):
            self.flush()
            self._prefix = ""
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()
        elif tag in _MARKS:
            self._end_mark(_MARKS[tag])

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if self._dropped:
            return
        self._parts.append(_Part(data, "code" if self._code else "text"))
        if data.strip():
            # A line end that was written as a reference (`&#10;`) is none of the file's.
            start = min(self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n"), self._last_line)
            end = min(start + data.strip().count("\n"), self._last_line)
            first, last = self._span or (start, end)
            self._span = (min(first, start), max(last, end))

    def flush(self, ending: str = "") -> None:
        """Write the open line, when it has text, and a blank line after it."""
        if self._cells is not None:  # a block inside a table's cell
            self._parts.append(_Part(" ", "text"))
            return
        self._code = False
        text = _inline(self._parts)
        self._parts.clear()
        if not text or self._span is None:
            return
        self.written.append(Line(self._prefix + text + ending, *self._span))
        if not ending:
            self._blank()
        self._prefix, self._span = "", None

    def _blank(self) -> None:
        last = self.written[-1].last
        self.written.append(Line("", last, last))

    def _begin_heading(self, tag: str) -> None:
        self.flush()
        if tag in _HEADINGS:
            self._heading = int(tag[1])
            self._prefix = "#" * self._heading + " "
        else:
            self._prefix = "#" * min(self._heading + 1, 6) + " "

    def _begin_item(self) -> None:
        self.flush()
        depth = max(len(self._lists) - 1, 0)
        mark = "-"
        if self._lists and (number := self._lists[-1]) is not None:
            self._lists[-1] = number + 1
            mark = f"{number + 1}."
        self._prefix = "  " * depth + mark + " "

    def _begin_block(self, tag: str) -> None:
        self.flush()
        if tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "pre":
            self._pre = self._cells is None
        elif tag == "tr":
            if self._cells is not None:  # its end tag was left out
                self._end_row()
            self._cells = []
        elif tag == "table":
            self._rows = 0

    def _break(self) -> None:
        if self._cells is None and not self._prefix.startswith("#"):
            self.flush("  ")
        else:
            self._parts.append(_Part(" ", "text"))

    def _end_mark(self, mark: str) -> None:
        """Close the mark; when there is nothing in it, take it back."""
        before = len(self._parts)
        while before and not self._parts[before - 1].text.strip():
            before -= 1
        if before and self._parts[before - 1] == _Part(mark, "mark"):
            del self._parts[before - 1]
        elif before:
            self._parts.insert(before, _Part(mark, "mark"))

    def _end_cell(self) -> None:
        text = _inline(self._parts)
        if self._cells is not None and text:
            self._cells.append(text.replace("|", "\\|"))
        self._parts.clear()

    def _end_row(self) -> None:
        self._end_cell()
        cells, self._cells = self._cells or [], None
        if cells and self._span is not None:
            row = f"| {' | '.join(cells)} |" if len(cells) > 1 else cells[0]
            if self._rows and self.written and not self.written[-1].text:
                self.written.pop()  # the rows of a table stand together
            self.written.append(Line(row, *self._span))
            if len(cells) > 1 and not self._rows:
                self.written.append(Line("|" + " --- |" * len(cells), *self._span))
            self._rows += 1
            self._blank()
        self._span = None

    def _end_pre(self) -> None:
        self._pre = False
        code = "".join(part.text for part in self._parts).replace("\r", "").strip("\n")
        self._parts.clear()
        if code.strip() and self._span is not None:
            first, last = self._span
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", code)), default=0))
            body = [
                Line(text, min(first + i, last), min(first + i, last), True) for i, text in enumerate(code.split("\n"))
            ]
            self.written += [Line(fence, first, first, True), *body, Line(fence, last, last, True)]
            self._blank()
        self._span = None


def _last_index(tags: list[str], tag: str) -> int:
    return len(tags) - 1 - tags[::-1].index(tag)


def _inline(parts: list[_Part]) -> str:
    """The parts as one line of Markdown in which no text is markup."""
    pieces: list[str] = []
    before: _Kind | None = None
    for kind, group in groupby(parts, key=lambda part: part.kind):
        text = re.sub(r"\s+", " ", "".join(part.text for part in group))
        if kind == "code":
            text = _code_span(text)
        elif kind == "text":
            text = _TAG_LIKE.sub(lambda match: f"`{match[0]}`", text.replace("`", "\\`")).replace("](", "] (")
        # Two code spans that touch would be read as one.
        pieces.append(f" {text}" if before == "code" and text.startswith("`") else text)
        before = kind
    return re.sub(r" +", " ", "".join(pieces)).strip()


def _code_span(text: str) -> str:
    if not text.strip():
        return text
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{text.strip()}{padding}{fence}"
