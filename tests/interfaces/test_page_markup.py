"""Text becomes HTML: its structure is kept, and nothing in it can act."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.interfaces.page.markup import Insert, Span, plain, render


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("One.", '<p dir="auto">One.</p>'),
        ("One.\n\nTwo.", '<p dir="auto">One.</p><p dir="auto">Two.</p>'),
        ("One\ntwo", '<p dir="auto">One<br>two</p>'),
        ("a **b** c", '<p dir="auto">a <strong>b</strong> c</p>'),
        ("a *b* c * d", '<p dir="auto">a <em>b</em> c * d</p>'),
        ("2 ** 3 ** 4", '<p dir="auto">2 ** 3 ** 4</p>'),
        ("`a **b**`", '<p dir="auto"><code>a **b**</code></p>'),
        ("**a *b* c**", '<p dir="auto"><strong>a </strong><em><strong>b</strong></em><strong> c</strong></p>'),
        ("# Head\nText", '<p dir="auto"><strong>Head</strong></p><p dir="auto">Text</p>'),
        ("- a\n- b", '<ul><li dir="auto">a</li><li dir="auto">b</li></ul>'),
        ("- a\n  more", '<ul><li dir="auto">a<br>  more</li></ul>'),
        ("- a\n  - b\n- c", '<ul><li dir="auto">a<ul><li dir="auto">b</li></ul></li><li dir="auto">c</li></ul>'),
        ("3. a\n4. b", '<ol start="3"><li dir="auto">a</li><li dir="auto">b</li></ol>'),
        ("1. a\n- b", '<ol><li dir="auto">a</li></ol><ul><li dir="auto">b</li></ul>'),
        ("Text:\n- a", '<p dir="auto">Text:</p><ul><li dir="auto">a</li></ul>'),
        ("```\na < **b**\n\nc\n```", '<pre tabindex="0"><code>a &lt; **b**\n\nc</code></pre>'),
        ("```sh\nls\n```sh\n```\nx", '<pre tabindex="0"><code>sh\nls\n```sh</code></pre><p dir="auto">x</p>'),
        ("```ls```\nx", '<p dir="auto">``<code>ls</code>``<br>x</p>'),
    ],
)
def test_a_small_part_of_markdown_is_understood(text: str, html: str) -> None:
    assert render(text) == html


@pytest.mark.parametrize(
    "text",
    [
        '<img src=x onerror="alert(1)">',
        "<script>alert(1)</script>",
        "</p></div><b>",
        "[x](javascript:alert(1))",
        "![x](https://elsewhere.example/x.png)",
        "<https://elsewhere.example>",
        "&lt;b&gt;",
        "**<b>**`<i>`*<u>*",
        "- <li>\n  - <li>",
        "# <h1>",
        "```\n</code></pre><script>\n```",
    ],
)
def test_markup_stays_text(text: str) -> None:
    parsed = _parsed(render(text))
    assert parsed.tags <= {"p", "br", "strong", "em", "code", "pre", "ul", "ol", "li"}
    assert parsed.attributes <= {"dir", "start", "tabindex"}


def test_what_html_cannot_carry_and_what_turns_text_round_is_replaced() -> None:
    assert plain("a\x00b\x1b\u202ec\u2066d\ud800\r\n\t") == "a\ufffdb\ufffd\ufffdc\ufffdd\ufffd\r\n\t"


def test_quotes_are_escaped_for_attributes() -> None:
    assert plain("\"'<>&") == "&quot;&#x27;&lt;&gt;&amp;"


def test_a_span_is_marked_in_every_line_that_it_crosses_and_named_once() -> None:
    assert render("- ab\n- cd", [Span(3, 8, ("s", "t"))], css="said", anchors=True) == (
        '<ul><li dir="auto">a<span class="said" id="s" data-for="s t">b</span></li>'
        '<li dir="auto"><span class="said" data-for="s t">c</span>d</li></ul>'
    )


def test_spans_that_overlap_are_both_marked() -> None:
    assert render("abc", [Span(0, 2, ("x",)), Span(1, 3, ("y",))], css="q") == (
        '<p dir="auto"><span class="q" data-for="x">a</span><span class="q" data-for="x y">b</span>'
        '<span class="q" data-for="y">c</span></p>'
    )


def test_a_span_and_a_style_may_cross() -> None:
    assert render("a **b c** d", [Span(0, 5, ("x",))], css="q") == (
        '<p dir="auto"><span class="q" data-for="x">a </span><span class="q" data-for="x"><strong>b</strong></span>'
        "<strong> c</strong> d</p>"
    )


def test_an_insert_takes_the_place_of_its_text_and_is_not_escaped() -> None:
    assert render("One. [1] Two.", inserts=[Insert(4, 8, "<a>1</a>")]) == '<p dir="auto">One.<a>1</a> Two.</p>'


def test_a_very_long_word_and_unclosed_marks_take_no_time() -> None:
    assert len(render("W" * 50_000)) == 50_000 + len('<p dir="auto"></p>')
    render("**a " * 12_000)
    render("`a\t*b " * 8_000)


@given(st.text(alphabet=st.sampled_from("ab *`#->\n\t1.)[]<&\"'_~\u202e")))
def test_whatever_the_text_the_html_is_well_formed_and_says_the_same(text: str) -> None:
    parsed = _parsed(render(text))
    assert parsed.open == []
    said = set(parsed.text) - set(" \n\t")
    assert said <= set(plain(text)) | set("\ufffd") | set(text)


@given(st.text(alphabet="ab *\n-`", max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_whatever_the_span_no_letter_is_lost(text: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    letters = [c for c in _parsed(render(text, [Span(start, end, ("x",))])).text if c in "ab"]
    assert letters == [c for c in text if c in "ab"]


class _Parsed(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _parsed(html: str) -> _Parsed:
    parser = _Parsed()
    parser.feed(html)
    parser.close()
    return parser
