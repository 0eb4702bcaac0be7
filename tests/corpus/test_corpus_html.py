"""HTML into Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.corpus.html_reader import HtmlReader
from rag_faq.corpus.reader import Corpus


def markdown(html: str) -> str:
    text = "\n".join(line.text for line in HtmlReader().lines(html))
    return re.sub(r"\n{2,}", "\n\n", text).strip()


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h2>Why?</h2><p>Because\n  of it.</p>", "## Why?\n\nBecause of it."),
        ("<ul><li>one<li>two</ul>", "- one\n\n- two"),
        ("<ol><li><p>one</p></li><li>two</li></ol>", "1. one\n\n2. two"),
        ("<ul><li>one<ul><li>in</li></ul></li><li>two</li></ul>", "- one\n\n  - in\n\n- two"),
        ("<p>a<br>b</p>", "a  \nb"),
        ("<p><b>bold</b>, <em>it</em>, <code>x &lt; y</code><i></i></p>", "**bold**, *it*, `x < y`"),
        ("<p>a<a href='javascript:x()'>link</a> &amp; &eacute;</p>", "alink & é"),
        ("<details><summary>Why?</summary>So.</details>", "# Why?\n\nSo."),
        ("<h1>T</h1><dl><dt>Why?<dd>So.</dl>", "# T\n\n## Why?\n\nSo."),
        ("<pre>a\n  b</pre>", "```\na\n  b\n```"),
        ("<pre><code>```</code></pre>", "````\n```\n````"),
        ("<table><tr><th>a<th>b<tr><td>1<td>2|3</table>", "| a | b |\n| --- | --- |\n| 1 | 2\\|3 |"),
        ("<table><tr><td><p>layout</p></td></tr></table>", "layout"),
        ("<head><title>T</title><style>p{}</style></head><body><nav>menu</nav>x<script>alert(1)</script>", "x"),
        ("<!DOCTYPE html><html><head><meta charset=x><title>t<body><p>x", "x"),
        ("<p>x<!-- c --><?php y ?><svg><g>1</g></svg><video>v</video></p>", "x"),
        ("<p>a</p><hr><p>b</p>", "a\n\nb"),
    ],
)
def test_elements(html: str, expected: str) -> None:
    assert markdown(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Use &lt;script&gt;alert(1)&lt;/script&gt;.</p>", "Use `<script>`alert(1)`</script>`."),
        ("<p>1 &lt; 2 and a&lt;b</p>", "1 < 2 and a`<b`"),
        ("<p><b>&lt;</b>img src=x&gt;</p>", "**<**img src=x>"),
        ("<p>&lt;<i></i>img src=x onerror=y&gt;</p>", "`<img src=x onerror=y>`"),
        ("<p>[x](javascript:y)</p>", "[x] (javascript:y)"),
    ],
)
def test_text_never_becomes_markup(html: str, expected: str) -> None:
    assert markdown(html) == expected


def test_lines_lead_to_the_html(read: Callable[..., Corpus]) -> None:
    corpus = read(
        "<html>\n<body>\n<h2>1. Why?</h2>\n<p>\n  Because\n  of it.\n</p>\n<h2>2. How?</h2>\n<ul>\n<li>So.</ul>\n",
        "a.html",
    )
    assert [(e.number, e.question, e.answer, e.lines) for e in corpus.entries] == [
        (1, "Why?", "Because of it.", (3, 6)),
        (2, "How?", "- So.", (8, 10)),
    ]


def test_a_page_of_folded_questions(read: Callable[..., Corpus]) -> None:
    corpus = read(
        "<h1>Help</h1><details><summary>Is it far?</summary><p>No.</p></details>\r\n"
        "<details><summary>Is it open?</summary><p>Yes.</p></details>",
        "help.htm",
    )
    assert [(e.number, e.question, e.answer, e.lines) for e in corpus.entries] == [
        (1, "Is it far?", "No.", (1, 1)),
        (2, "Is it open?", "Yes.", (2, 2)),
    ]


def _code_removed(text: str) -> str:
    """Without code spans, as CommonMark tells them: a run of backticks up to the next run of the same length."""
    text = text.replace("\\`", "'")
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", " ", text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            re.findall(
                r"\S+",
                "<p> </p> <li> <ul> </ul> <ol> </ol> <b> </b> <script> </script> <pre> </pre> <code> </code> <table> "
                "</table> <tr> <td> </td> </tr> <br> <h2> </h2> <nav> </nav> text &lt; &gt; script ` < > | </ "
                "&lt;b&gt; <img/> <body> &#10; `` <i>",
            )
        ),
        max_size=25,
    )
)
def test_no_tag_survives_outside_code(pieces: list[str]) -> None:
    lines = HtmlReader().lines("".join(pieces))
    for line in lines:
        assert line.first <= line.last
        if not line.verbatim:
            assert not re.search(r"<[a-zA-Z/!?]", _code_removed(line.text)), line
