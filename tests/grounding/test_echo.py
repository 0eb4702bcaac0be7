"""The user's own words in an answer are no claims of the answer's; names, numbers and negations are."""

import pytest

from rag_faq.assembly import load_embedder
from rag_faq.grounding.echo import EchoTolerant
from rag_faq.grounding.verify import Verifier
from rag_faq.settings import Settings

QUESTION = "How do you manage large models?"
SOURCE = (
    "I leverage distributed computing, parallelization techniques, and optimized model architectures to handle "
    "large-scale generative models efficiently, often utilizing cloud-based resources."
)
ASKED = "Our cluster bill from Google is exploding with 5 nodes. What do you do?"

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(load_embedder(Settings.load()))


def supported(verifier: Verifier, sentence: str) -> bool:
    return EchoTolerant(verifier, ASKED).check(sentence, SOURCE, QUESTION).supported


def test_words_of_the_question_do_not_count_against_a_sentence(verifier):
    sentence = "The exploding cluster bill is handled by distributed computing and parallelization."
    assert supported(verifier, sentence)
    assert not verifier.check(sentence, SOURCE, QUESTION).supported


@pytest.mark.parametrize(
    "sentence",
    [
        "The cluster bill is exploding.",  # nothing but the question's own words
        "Google handles the bill by distributed computing and parallelization.",  # a name
        "The 5 nodes are handled by distributed computing and parallelization.",  # a number
        "The bill is handled by magnets and moonlight.",  # new words that the source does not have
    ],
)
def test_what_the_source_must_bear_out_still_counts(verifier, sentence):
    assert not supported(verifier, sentence)
