"""When nothing that was written holds: the source's own text, or a refusal?"""

import re

import pytest

from rag_faq.grounding.stand_in import stands_in
from rag_faq.grounding.verify import Verifier
from rag_faq.records import FaqEntry, Source
from rag_faq.testing import FakeEmbedder

TEXT = "Parrots need a steel cage with three perches.\n\nGive them seeds, nuts and a slice of apple every morning."
SOURCE = Source(1, FaqEntry("pets#1", 1, "How are parrots kept?", TEXT, "pets.md", (1, 3)), TEXT, 0.9)
ASKED = "Which seeds and nuts do parrots need?"
SPOILT = "Parrots need no seeds, nuts or apple in the morning."  # a negation that the source does not have
INVENTED = "They come from Peru and were first kept by Marco Polo."
ELSEWHERE = "It is best to walk slowly over wet stones."


@pytest.fixture(scope="module")
def verifier():
    return Verifier(FakeEmbedder(sorted(set(re.findall(r"\w+", f"{TEXT} {ELSEWHERE}".lower())))))


@pytest.mark.parametrize(
    ("asked", "probability", "written", "expected"),
    [
        (ASKED, 0.6, [SPOILT], True),  # the model spoilt what the source says
        (ASKED, 0.6, [ELSEWHERE], False),  # nothing of the source in it, and no more than likely that it answers
        (ASKED, 0.85, [ELSEWHERE], True),
        (ASKED, 0.6, [ELSEWHERE, SPOILT], True),
        (ASKED, 0.85, [INVENTED], False),  # names from nowhere
        (ASKED, 0.85, [SPOILT, INVENTED], False),
        (ASKED, 0.95, [INVENTED], True),  # next to certain that the source answers
        ("Which seeds do parrots need in Patagonia?", 0.95, [SPOILT], False),  # a name that the source does not know
        ("What is the weather like?", 0.6, [SPOILT], False),  # no passage comes near
        ("What is the weather like?", 0.85, [ELSEWHERE], False),
        ("What is the weather like?", 0.85, [SPOILT], True),
        ("What is the weather like?", 0.95, [ELSEWHERE], True),
    ],
)
def test_it_depends_on_what_the_model_wrote_and_on_how_likely_an_answer_was(
    verifier, asked, probability, written, expected
):
    assert stands_in(SOURCE, asked, probability, written, verifier) is expected
