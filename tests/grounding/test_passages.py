import re

import pytest

from rag_faq.grounding.attribute import Grounded
from rag_faq.grounding.passages import with_passages
from rag_faq.grounding.units import SourceReader
from rag_faq.records import Citation, FaqEntry, Source
from rag_faq.testing import FakeEmbedder

TEXT = (
    "Parrots need these things:\n\n"
    "- Cage: A parrot needs a steel cage with three perches.\n"
    "- Food: Give seeds, nuts and a slice of apple every morning.\n\n"
    "I clean the bowl on Sundays."
)
SOURCE = Source(1, FaqEntry("pets#1", 1, "How are parrots kept?", TEXT, "pets.md", (1, 9)), TEXT, 0.9)


@pytest.fixture(scope="module")
def reader() -> SourceReader:
    return SourceReader(FakeEmbedder(sorted(set(re.findall(r"\w+", TEXT.lower())))))


def answer(text: str) -> Grounded:
    return Grounded(f"{text} [1]", (Citation(1, "pets#1", "", 0, len(text), 0.9),), ())


def test_a_brief_answer_gets_the_passage_that_is_to_the_point(reader):
    grounded = with_passages(
        answer("Parrots get food."), "Which food do I give a parrot every morning?", [SOURCE], reader
    )
    passage = "Food: Give seeds, nuts and a slice of apple every morning."
    assert grounded.text == f'Parrots get food. [1]\n\nThe FAQ writes: "{passage}" [1]'
    citation = grounded.citations[-1]
    assert grounded.text[citation.start : citation.end] == citation.quote == passage
    assert passage in SOURCE.text
    assert (citation.number, citation.entry_id, citation.support) == (1, "pets#1", 1.0)


def test_a_second_passage_follows_if_it_comes_near_enough_too(reader):
    """Cosines: 3 / sqrt(4 * 14) = 0.40 with the line on cages, and 2 / sqrt(4 * 11) = 0.30 with that on food."""
    question = "steel cage, food, morning"
    grounded = with_passages(answer("Parrots are birds."), question, [SOURCE], reader)
    cage, food = (line.removeprefix("- ") for line in TEXT.splitlines()[2:4])
    assert grounded.text == (
        f'Parrots are birds. [1]\n\nThe FAQ writes: "{cage}" [1]\n\nThe FAQ also writes: "{food}" [1]'
    )
    assert [grounded.text[c.start : c.end] for c in grounded.citations[1:]] == [cage, food]


def test_no_more_than_three_follow(reader):
    lines = [
        "Give each parrot seeds and nuts.",
        "Clean the bowl of a parrot on Sundays.",
        "Three steel perches are what a parrot needs.",
        "A slice of apple every morning suits a parrot.",
    ]
    text = "\n\n".join(lines)
    source = Source(1, FaqEntry("pets#1", 1, "How?", text, "pets.md", (1, 9)), text, 0.9)
    grounded = with_passages(answer("Yes."), "parrot", [source], reader)
    quoted = [citation.quote for citation in grounded.citations[1:]]
    assert len(quoted) == 3
    assert set(quoted) < set(lines)
    assert grounded.text.count("The FAQ writes:") == 1
    assert grounded.text.count("The FAQ also writes:") == 2


def test_none_that_is_much_farther_than_the_nearest_follows(reader):
    question = "Give seeds nuts slice apple every morning, steel"
    grounded = with_passages(answer("Parrots are birds."), question, [SOURCE], reader)
    assert grounded.text.count("writes:") == 1


def test_what_the_answer_has_told_is_not_told_twice(reader):
    before = answer("Seeds, nuts and a slice of apple are the food to give every morning.")
    assert with_passages(before, "Which food do I give every morning?", [SOURCE], reader) == before


def test_the_author_is_named(reader):
    grounded = with_passages(answer("Yes, it is cleaned."), "Who clean the bowl on Sundays?", [SOURCE], reader)
    assert grounded.text.endswith('The FAQ\'s author writes: "I clean the bowl on Sundays." [1]')


@pytest.mark.parametrize(
    ("text", "question"),
    [("Parrots are kept. " * 30, "Which food do I give?"), ("Parrots are kept.", "Zebras?")],
    ids=["long", "nothing to the point"],
)
def test_a_long_answer_and_a_far_question_get_none(reader, text, question):
    assert with_passages(answer(text), question, [SOURCE], reader) == answer(text)


def test_an_answer_without_citation_gets_none(reader):
    assert with_passages(Grounded("", (), ()), "Which food?", [SOURCE], reader) == Grounded("", (), ())


def test_a_source_that_is_not_cited_is_not_quoted(reader):
    other = Source(2, SOURCE.entry, TEXT, 0.8)
    grounded = Grounded("Yes. [2]", (Citation(2, "pets#1", "", 0, 4, 0.9),), ())
    found = with_passages(grounded, "Which food do I give a parrot every morning?", [SOURCE, other], reader)
    assert found.citations[-1].number == 2
