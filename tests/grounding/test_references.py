"""A word that stands for another ("it", "this model") must stand for the same thing as in the source."""

import pytest

from rag_faq.grounding.references import strays
from rag_faq.grounding.sentences import Span
from rag_faq.grounding.verify import Support
from rag_faq.records import FaqEntry, Source

TEXT = """Two machines are in use.

- Mill A: It grinds oats. It is made of oak.
- Mill B: Built by Miller & Sons, this mill grinds rye.

They stand by the river. It is deep."""


def source(number=1):
    return Source(number, FaqEntry(f"f#{number}", number, "Which mills are there?", TEXT, "f.md", (1, 9)), TEXT, 0.9)


def held(quote, number=1, in_question=False):
    start = max(0, TEXT.find(quote))
    return source(number), Support(0.9, True, quote, Span(start, start + len(quote)), "", in_question)


OATS, OAK, RYE = (
    held("It grinds oats."),
    held("It is made of oak."),
    held("Built by Miller & Sons, this mill grinds rye."),
)


@pytest.mark.parametrize(
    ("body", "support", "before", "named", "expected"),
    [
        # under the question
        ("This mill grinds rye.", RYE, None, "What does Mill B grind?", False),
        ("Built by Miller & Sons, this mill grinds rye.", RYE, None, "Why does OATMASTER grind rye?", True),
        ("This mill grinds rye.", RYE, None, "what grinds rye", False),  # no name: it may be asked in any words
        ("OATMASTER grinds rye.", RYE, None, "Why does OATMASTER grind rye?", False),  # no such word: others check it
        # after another sentence
        ("It is made of oak.", OAK, OATS, "Mill A grinds oats.", False),  # of the same line
        ("It grinds oats.", OATS, RYE, "The rye is ground by Miller & Sons.", True),
        (
            "It grinds oats.",
            OATS,
            RYE,
            "Unlike the other, Mill A is no rye mill.",
            False,
        ),  # which names the line's head
        ("It grinds oats.", OATS, held("It grinds oats.", number=2), "Mill A grinds oats.", True),  # of another source
        # where no list line supports it
        ("It is deep.", held("It is deep."), OATS, "Mill A grinds oats.", False),
        ("They are two.", held("", in_question=True), OATS, "Mill A grinds oats.", False),
        # a later "it" stands for something in the sentence
        ("The oak of which Mill A was once made is old, but it lasts.", OAK, RYE, "Rye is ground.", False),
    ],
)
def test_a_word_strays_where_it_stands_for_something_else(body, support, before, named, expected):
    assert strays(body, support, before, named) is expected
