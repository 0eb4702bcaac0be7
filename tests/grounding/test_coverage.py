"""Which parts of a question are covered. A name that the sources lack takes 2.0 off the log-odds: 0.95 is 0.72 then."""

import pytest
from small_faq import pet_retriever

from rag_faq.generation.found import Found, Share
from rag_faq.grounding.coverage import Coverage
from rag_faq.grounding.verify import Verifier
from rag_faq.records import Source, Timings

CATS, DOGS = "What do cats eat?", "How long do grown dogs sleep?"
BOTH = "What do cats eat in Patagonia, and how long do grown dogs sleep?"


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    return pet_retriever(tmp_path_factory.mktemp("pets"))


@pytest.fixture(scope="module")
def source(retriever):
    """A source of this number: that of the entry."""
    entries = {entry.number: entry for entry in retriever.index.entries}
    return lambda number: Source(number, entries[number], entries[number].answer, 0.9)


def covered(retriever, shares, open_parts=(), strictness=0.5):
    found = Found(BOTH, (), tuple(shares), 0.95, open_parts, Timings())
    left = Coverage(Verifier(retriever.embedder), strictness).covered(found)
    return [(share.question, pytest.approx(share.probability, abs=0.01)) for share in left.shares], left.open_parts


def test_what_the_sources_name_keeps_its_probability(retriever, source):
    assert covered(retriever, [Share(CATS, (source(1),), 0.95)]) == ([(CATS, 0.95)], ())


def test_a_name_that_the_sources_lack_makes_a_share_less_probable(retriever, source):
    share = Share("What do cats eat in Patagonia?", (source(1),), 0.95)
    assert covered(retriever, [share]) == ([(share.question, 0.72)], ())
    assert covered(retriever, [share], strictness=0.75) == ([], ())


def test_a_name_counts_only_for_the_part_that_has_it(retriever, source):
    patagonia = Share("What do cats eat in Patagonia?", (source(1),), 0.95)
    dogs = Share(DOGS, (source(2),), 0.95)
    assert covered(retriever, [patagonia, dogs]) == ([(patagonia.question, 0.72), (DOGS, 0.95)], ())
    assert covered(retriever, [patagonia, dogs], strictness=0.75) == ([(DOGS, 0.95)], (patagonia.question,))


def test_two_entries_side_by_side_share_the_questions_names(retriever, source):
    text = "Is it 12 for Rex?"
    alone = [Share(text, (source(1),), 0.95)]
    question = "Do Puppies sleep, and is there Chicken?"  # each entry has one of the names
    beside = [Share(question, (source(number),), 0.95) for number in (1, 2)]
    assert covered(retriever, alone) == ([(text, 0.72)], ())
    assert covered(retriever, beside) == ([(question, 0.95)] * 2, ())


def test_where_a_part_is_open_the_others_have_to_be_the_surer(retriever, source):
    def kept(probability):
        return covered(retriever, [Share(CATS, (source(1),), probability)], open_parts=("Who won?",))[0]

    assert kept(0.81) == [(CATS, 0.81)]
    assert kept(0.79) == []


@pytest.mark.parametrize(
    ("question", "probability", "in_parts", "stays"),
    [(CATS, 0.81, True, True), (CATS, 0.79, True, False), (CATS, 0.79, False, True), (BOTH, 0.95, True, False)],
)
def test_what_stays_whatever_comes_beside_it(retriever, source, question, probability, in_parts, stays):
    share = Share(question, (source(1),), probability)
    assert Coverage(Verifier(retriever.embedder), 0.5).stays(share, in_parts=in_parts) is stays
