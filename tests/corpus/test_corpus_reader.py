"""Reading files and folders: what is read, and what is said when it cannot be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from rag_faq.corpus.reader import Corpus, read_corpus, read_document
from rag_faq.errors import CorpusError

FAQ = "## 1. Why?\n\nBecause.\n\n## 2. How?\n\nLike this.\n"


def fails(path: Path) -> CorpusError:
    with pytest.raises(CorpusError) as caught:
        read_corpus(path)
    assert caught.value.mend
    return caught.value


def test_a_document_has_its_text_and_the_hash_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "faq.md"
    path.write_bytes(b"\xef\xbb\xbf" + FAQ.replace("\n", "\r\n").encode())
    document = read_document(path)
    assert document.name == "faq.md"
    assert document.text == FAQ.replace("\n", "\r\n")
    assert document.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [line.text for line in document.lines][:3] == ["## 1. Why?", "", "Because."]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_mark_change_nothing(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "faq.md"
    path.write_bytes(("\ufeff" + FAQ.replace("\n", ending)).encode())
    entries = read_corpus(path).entries
    assert [(e.number, e.question, e.answer, e.lines) for e in entries] == [
        (1, "Why?", "Because.", (1, 3)),
        (2, "How?", "Like this.", (5, 7)),
    ]


def test_form_feeds_and_line_separators_are_no_line_ends(read: Callable[..., Corpus]) -> None:
    corpus = read("## 1. Why?\n\nBe\x0ccause\u2028of it.\n\n## 2. How?\n\nSo.\n")
    assert [(entry.answer, entry.lines) for entry in corpus.entries] == [("Be cause of it.", (1, 3)), ("So.", (5, 7))]


@pytest.mark.parametrize("name", ["faq.md", "faq.markdown", "faq.txt", "FAQ.MD"])
def test_formats_are_told_by_their_ending(read: Callable[..., Corpus], name: str) -> None:
    assert [entry.question for entry in read(FAQ, name).entries] == ["Why?", "How?"]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("## 1. B?\n\nb\n")
    (tmp_path / "a.txt").write_text("## 1. A?\n\na\n")
    (tmp_path / "c.html").write_text("<h2>1. C?</h2><p>c</p>")
    corpus = read_corpus(tmp_path)
    assert [(e.id, e.question, e.source) for e in corpus.entries] == [
        ("a#1", "A?", "a.txt"),
        ("b#1", "B?", "b.md"),
        ("c#1", "C?", "c.html"),
    ]
    assert list(corpus.files) == ["a.txt", "b.md", "c.html"]
    assert corpus.files["b.md"] == hashlib.sha256(b"## 1. B?\n\nb\n").hexdigest()


def test_what_a_folder_leaves_out_is_said(tmp_path: Path) -> None:
    (tmp_path / "faq.md").write_text(FAQ)
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "old").mkdir()
    (tmp_path / ".hidden.md").write_text("## 1. Hidden?\n\nYes.\n")
    corpus = read_corpus(tmp_path)
    assert len(corpus.entries) == 2
    assert corpus.warnings == ("logo.png: left out, no known format", "old: left out, a folder")


def test_repairs_are_summed_over_the_documents(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("## 1. **A?**\n\na\n")
    (tmp_path / "b.md").write_text("## **1. B?**\n\nb\n")
    assert read_corpus(tmp_path).repairs == {"heading-marks": 2}


def test_missing(tmp_path: Path) -> None:
    assert "is not there" in fails(tmp_path / "no.md").found


def test_unknown_ending(tmp_path: Path) -> None:
    path = tmp_path / "faq.docx"
    path.write_text(FAQ)
    error = fails(path)
    assert "'.docx'" in error.found
    assert error.expected == "one of .md, .markdown, .txt, .html, .htm"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "has no text in it"),
        (b" \n\t\r\n \n", "has no text in it"),
        (b"## 1. Why?\n\x00\x01", "is binary: byte 11 is zero"),
        (b"## 1. Why?\n\nCaf\xe9.\n", "is not UTF-8: byte 15 is 0xe9"),
        ("## 1. Why?\n\nSo.\n".encode("utf-16"), "starts with a UTF-16 byte order mark"),
        (b"# Title\n\n## Empty\n", "has headings, but no text below them"),
        (b"<!-- nothing -->\n", "has no text in it"),
    ],
)
def test_nothing_to_read(tmp_path: Path, raw: bytes, found: str) -> None:
    path = tmp_path / "faq.md"
    path.write_bytes(raw)
    assert found in fails(path).found


@pytest.mark.parametrize(("encoding", "name"), [("cp1252", "WINDOWS-1252"), ("utf-16", "UTF-16")])
def test_the_command_for_another_encoding_mends_it(tmp_path: Path, encoding: str, name: str) -> None:
    path = tmp_path / "my faq.md"
    path.write_bytes("## 1. Why?\n\nCafé.\n".encode(encoding))
    mend = fails(path).mend
    assert mend
    assert mend.startswith(f"iconv -f {name} -t UTF-8 '{path}' > '{tmp_path / 'my faq-utf8.md'}'")


def test_the_command_for_another_encoding_runs(tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "faq.md"
    path.write_bytes("## 1. Why?\n\nCafé “so”.\n".encode("cp1252"))
    mend = fails(path).mend or ""
    subprocess.run(mend.split(", and")[0], shell=True, check=True)
    assert read_corpus(tmp_path / "faq-utf8.md").entries[0].answer == "Café “so”."


def test_a_folder_without_documents(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_text("x")
    error = fails(tmp_path)
    assert "has no document" in error.found
    assert error.expected == "files ending in .htm, .html, .markdown, .md, .txt"


def test_two_documents_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "faq.md").write_text(FAQ)
    (tmp_path / "FAQ.txt").write_text(FAQ)
    error = fails(tmp_path)
    assert "FAQ.txt and faq.md" in error.found
    assert error.mend == f"mv {tmp_path / 'faq.md'} {tmp_path / 'faq-2.md'}"


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is a folder"):
        read_document(tmp_path)


def test_front_matter_and_comments_are_not_text_and_keep_the_line_numbers(read: Callable[..., Corpus]) -> None:
    corpus = read("---\ntitle: FAQ\ntags: [a]\n---\n<!-- draft\n## 9. Old?\n-->\n## 1. Why?\n\nBecause <!-- x -->so.\n")
    assert [(e.number, e.question, e.answer, e.lines) for e in corpus.entries] == [(1, "Why?", "Because so.", (8, 10))]


def test_a_comment_in_code_is_code(read: Callable[..., Corpus]) -> None:
    corpus = read("## 1. How do I comment?\n\n```html\n<!-- so -->\n```\n")
    assert corpus.entries[0].answer == "```html\n<!-- so -->\n```"


def test_underlined_titles_are_headings(read: Callable[..., Corpus]) -> None:
    corpus = read("Guide\n=====\n\nSetup\n-----\n\nRun it.\n\n- a\n---\n", "guide.txt")
    assert [(e.question, e.answer, e.lines) for e in corpus.entries] == [("Setup", "Run it.\n\n- a", (4, 10))]


def test_a_document_of_five_thousand_questions(read: Callable[..., Corpus]) -> None:
    text = "".join(f"## {n}. Question {n}?\n\nAnswer\nover two lines, {n}.\n\n- item\n" for n in range(1, 5001))
    assert len(read(text).entries) == 5000
