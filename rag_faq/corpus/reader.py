"""Reading documents: one reader a format, each giving lines of Markdown that know where they stand in the file."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from rag_faq.corpus.document import Document, Line, mark_fences, plain_lines
from rag_faq.corpus.faq import split_document
from rag_faq.corpus.html_reader import HtmlReader
from rag_faq.corpus.repair import repair
from rag_faq.corpus.wordings import SUFFIX, Wording, is_wordings_file, parse_wordings, wordings_file
from rag_faq.errors import CorpusError
from rag_faq.records import FaqEntry

_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_NO_TITLE: Final = re.compile(r"^\s*(?:[-*+•>|#]|\d+[.)]\s|`{3}|~{3})|^\s*$")
# Code comes first in the pattern: a comment in it is code.
_COMMENT: Final = re.compile(
    r"(?P<code>^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\2|`[^`\n]*`)|<!--.*?-->", re.DOTALL | re.MULTILINE
)


class Reader(Protocol):
    """Turns the text of one format into lines of Markdown."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """File name endings of this format, in small letters, with the dot."""
        ...

    def lines(self, text: str) -> tuple[Line, ...]:
        """The Markdown of the text, each line with the lines of the text it comes from."""
        ...


class MarkdownReader:
    """Markdown. Underlined titles become `#` headings; comments and front matter go."""

    suffixes = (".md", ".markdown")

    def lines(self, text: str) -> tuple[Line, ...]:
        """The lines themselves."""
        return _underlined_titles(mark_fences(_without_front_matter(plain_lines(_without_comments(text)))))


class TextReader:
    """Plain text. Underlined titles become `#` headings."""

    suffixes = (".txt",)

    def lines(self, text: str) -> tuple[Line, ...]:
        """The lines themselves."""
        return _underlined_titles(plain_lines(text))


READERS: Final[tuple[Reader, ...]] = (MarkdownReader(), TextReader(), HtmlReader())


@dataclass(frozen=True, slots=True)
class Corpus:
    """All documents, their entries in order, and what was noticed on the way."""

    documents: tuple[Document, ...]  # repaired
    entries: tuple[FaqEntry, ...]
    repairs: Mapping[str, int]  # how often each repair rule was needed, over all documents
    warnings: tuple[str, ...] = ()  # entries without an answer, gaps in the numbering, what was left out
    wordings: tuple[Wording, ...] = ()  # other ways to ask, from the files beside the documents
    wordings_files: tuple[Document, ...] = ()

    @property
    def files(self) -> Mapping[str, str]:
        """The sha256 of each file, by name."""
        return {document.name: document.sha256 for document in (*self.documents, *self.wordings_files)}


def read_document(path: Path, readers: Sequence[Reader] = READERS) -> Document:
    """Read one file, unrepaired.

    Raises CorpusError when it is missing, of an unknown format, empty, binary, or not UTF-8.
    """
    reader = next((reader for reader in readers if path.suffix.lower() in reader.suffixes), None)
    known = ", ".join(suffix for each in readers for suffix in each.suffixes)
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "is not there"
        raise CorpusError(f"The document {path} {kind}", mend="name a file that is there: `--corpus FILE`")
    if reader is None:
        raise CorpusError(
            f"The document {path} has the ending {path.suffix or '(none)'!r}, which no reader knows",
            expected=f"one of {known}",
            mend="convert it, for example with `pandoc -t gfm`, or rename it if it is Markdown or plain text",
        )
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"The document {path} cannot be read: {error.strerror}", mend=f"chmod u+r {shlex.quote(str(path))}"
        ) from error
    text = _decode(path, raw)
    lines = reader.lines(text)
    if not any(line.text.strip() for line in lines):
        raise CorpusError(f"The document {path} has no text in it", mend="write the FAQ into it, or name another file")
    return Document(path.name, text, hashlib.sha256(raw).hexdigest(), lines)


def read_corpus(path: Path, readers: Sequence[Reader] = READERS) -> Corpus:
    """Read a file, or every document directly in a folder in the order of their names; repair them and split them.

    Entry ids are `<file stem>#<number>`. Raises CorpusError for a file that cannot be read, a folder without
    documents, two documents with the same stem, a number that occurs twice, and documents without any text to answer
    from.
    """
    paths, warnings = _documents(path, readers)
    documents: list[Document] = []
    entries: list[FaqEntry] = []
    repairs: Counter[str] = Counter()
    wordings: list[Wording] = []
    wordings_files: list[Document] = []
    for each in paths:
        document, counts = repair(read_document(each, readers))
        split = split_document(document)
        if not split.entries:
            raise CorpusError(
                f"The document {each} has headings, but no text below them",
                mend="write the answers into it, or name another file",
            )
        documents.append(document)
        entries.extend(split.entries)
        repairs.update(counts)
        warnings.extend(split.warnings)
        if (beside := wordings_file(each)).is_file():
            file = read_document(beside)
            asked = parse_wordings(file, document, split.entries)
            wordings.extend(asked.found)
            wordings_files.append(file)
            warnings.extend(asked.warnings)
    return Corpus(
        tuple(documents),
        tuple(entries),
        dict(repairs),
        tuple(warnings),
        tuple(wordings),
        tuple(wordings_files),
    )


def _documents(path: Path, readers: Sequence[Reader]) -> tuple[list[Path], list[str]]:
    """The files to read, and warnings for those that are left out."""
    if not path.is_dir():
        if is_wordings_file(path):
            raise CorpusError(
                f"{path} holds other wordings for the questions of a document, and no answers",
                expected="the document itself; its wordings are found beside it",
                mend=f"name the document, for example {path.with_name(path.name[: -len(SUFFIX)] + '.md')}",
            )
        return [path], []
    suffixes = {suffix for reader in readers for suffix in reader.suffixes}
    visible = sorted((each for each in path.iterdir() if not each.name.startswith(".")), key=lambda each: each.name)
    readable = [each for each in visible if each.is_file() and each.suffix.lower() in suffixes]
    beside = [each for each in readable if is_wordings_file(each)]
    chosen = [each for each in readable if not is_wordings_file(each)]
    if not chosen:
        raise CorpusError(
            f"The folder {path} has no document in it",
            expected=f"files ending in {', '.join(sorted(suffixes))}",
            mend=f"put the FAQ there, for example {path / 'faq.md'}",
        )
    stems: dict[str, Path] = {}
    for each in chosen:
        if other := stems.get(each.stem.casefold()):
            raise CorpusError(
                f"The documents {other.name} and {each.name} in {path} have the same name but for the ending",
                expected="names that differ, since an entry is called after its document",
                mend=f"mv {shlex.quote(str(each))} {shlex.quote(str(each.with_stem(each.stem + '-2')))}",
            )
        stems[each.stem.casefold()] = each
    owned = {wordings_file(each) for each in chosen}
    left_out = {each: "a folder" if each.is_dir() else "no known format" for each in visible if each not in readable}
    left_out |= {each: "no document beside it has this name" for each in beside if each not in owned}
    return chosen, [f"{each.name}: left out, {why}" for each, why in sorted(left_out.items())]


def _decode(path: Path, raw: bytes) -> str:
    if not raw:
        raise CorpusError(f"The document {path} is empty", mend="write the FAQ into it, or name another file")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _wrong_encoding(path, "UTF-16", "starts with a UTF-16 byte order mark, at byte 0")
    if (at := raw.find(b"\x00")) >= 0:
        raise CorpusError(
            f"The document {path} is binary: byte {at} is zero",
            expected="text in UTF-8",
            mend="export it as Markdown, plain text or HTML, and name that file",
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"is not UTF-8: byte {error.start} is 0x{raw[error.start]:02x}"
        raise _wrong_encoding(path, "WINDOWS-1252", found) from error
    return text.removeprefix("\ufeff")


def _wrong_encoding(path: Path, likely: str, found: str) -> CorpusError:
    converted = path.with_stem(f"{path.stem}-utf8")
    return CorpusError(
        f"The document {path} {found}",
        expected="text in UTF-8",
        mend=f"iconv -f {likely} -t UTF-8 {shlex.quote(str(path))} > {shlex.quote(str(converted))}, "
        "and use that file instead",
    )


def _without_comments(text: str) -> str:
    """The text with comments blanked; line ends stay, so that the lines keep their numbers."""
    return _COMMENT.sub(lambda match: match["code"] or re.sub(r"[^\r\n]", "", match[0]), text)


def _without_front_matter(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Blank a YAML block between `---` lines at the very top."""
    if not lines or lines[0].text.strip() != "---":
        return lines
    for index, line in enumerate(lines[1:], start=1):
        if line.text.strip() in ("---", "..."):
            return tuple(Line("", each.first, each.last) for each in lines[: index + 1]) + lines[index + 1 :]
        if not re.match(r"^\s*$|^\s|^#|^-\s|^[\w-]+\s*:", line.text):
            return lines
    return lines


def _underlined_titles(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """A line of text over a line of `===` or `---` is a heading of level 1 or 2."""
    result: list[Line] = []
    for line in lines:
        underline = None if line.verbatim else _UNDERLINE.match(line.text)
        title = result[-1] if underline and result else None
        alone = len(result) < 2 or not result[-2].text.strip()
        if underline and title and alone and not title.verbatim and not _NO_TITLE.match(title.text):
            marks = "#" if underline[1][0] == "=" else "##"
            result[-1] = Line(f"{marks} {title.text.strip()}", title.first, line.last)
        else:
            result.append(line)
    return tuple(result)
