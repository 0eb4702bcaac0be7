import math

import pytest

from rag_faq.errors import EngineError
from rag_faq.grounding.asking import ModelsWord
from rag_faq.testing import ScriptedGenerator


def test_the_model_is_asked_about_the_sentence_over_the_source():
    seen = []

    def yes(prompt, options):
        seen.append((prompt, options))
        return (0.9, 0.1)

    word = ModelsWord(ScriptedGenerator("", choices=yes))
    assert word("Cats purr.", "Most cats purr.", "What do cats do?") == pytest.approx(math.log(9) / 4)
    ((prompt, options),) = seen
    assert options == ("yes", "no")
    assert prompt.messages[1].segments == (
        "FAQ text:\nWhat do cats do?\nMost cats purr.\n\n",
        "Statement: Cats purr.\nIs everything in this statement said in the FAQ text? Answer yes or no.",
    )


def test_a_model_that_breaks_down_says_nothing():
    def broken(_prompt, _options):
        raise EngineError("gone")

    assert ModelsWord(ScriptedGenerator("", choices=broken))("Cats purr.", "Most cats purr.", "What?") is None
