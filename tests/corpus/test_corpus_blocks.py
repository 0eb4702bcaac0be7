"""Blocks of an answer, and their Markdown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.corpus.blocks import answer_blocks, parse_blocks, render
from rag_faq.corpus.document import mark_fences, plain_lines

LINES = st.sampled_from(
    [
        "text",
        "more text",
        "",
        "- item",
        "  - nested",
        "1. one",
        "* star",
        "```",
        "| a | b |",
        "# head",
        "---",
        "  rest",
        "    x",
    ]
)


def test_kinds() -> None:
    text = "para\nline\n\n- a\n- b\n  - c\n\n```\n- code\n```\n\n| t |"
    assert [(block.kind, block.text) for block in answer_blocks(text)] == [
        ("paragraph", "para\nline"),
        ("bullet", "- a"),
        ("bullet", "- b\n  - c"),
        ("code", "```\n- code\n```"),
        ("table", "| t |"),
    ]
    assert render(answer_blocks(text)) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=20))
def test_the_blocks_of_an_answer_are_pieces_of_it_in_order(lines: list[str]) -> None:
    answer = render(parse_blocks(mark_fences(plain_lines("\n".join(lines)))))
    for text in (answer, "\n".join(lines)):
        at = 0
        for block in answer_blocks(text):
            start = text.index(block.text, at)
            assert not text[at:start].strip()
            at = start + len(block.text)
        assert not text[at:].strip()


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES.filter(lambda line: line not in ("# head", "```", "    x", "  rest")), max_size=20))
def test_rendered_blocks_read_back_as_the_same(lines: list[str]) -> None:
    blocks = parse_blocks(plain_lines("\n".join(lines)))
    assert answer_blocks(render(blocks)) == blocks
