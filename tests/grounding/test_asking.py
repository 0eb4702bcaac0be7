import math

import numpy as np
import pytest

from rag_faq.errors import EngineError
from rag_faq.generation.probe import Probe
from rag_faq.grounding.asking import ModelsWord
from rag_faq.grounding.weigh import Told
from rag_faq.testing import ScriptedGenerator


def test_the_model_is_asked_about_the_sentence_over_the_source():
    seen = []

    def yes(prompt, options):
        seen.append((prompt, options))
        return (0.9, 0.1)

    word = ModelsWord(ScriptedGenerator("", choices=yes))
    told = word("Cats purr.", "Most cats purr.", "What do cats do?")
    assert told is not None
    assert told.log_odds == pytest.approx(math.log(9))
    assert not told.probed
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


def test_a_probe_reads_more_off_the_scores_than_the_yes():
    probe = Probe(np.array([0, 2], dtype=np.int32), np.array([1.0, -2.0]), 0.5)
    generator = ScriptedGenerator("", scores=lambda _: np.array([3.0, 9.0, 1.0], dtype=np.float32))
    assert ModelsWord(generator, probe)("Cats purr.", "Most cats purr.", "What?") == Told(1.5, probed=True)


def test_a_model_that_tells_no_scores_is_asked_for_its_yes():
    probe = Probe(np.array([0], dtype=np.int32), np.array([1.0]), 0.0)
    told = ModelsWord(ScriptedGenerator("", choices=lambda *_: (0.5, 0.5)), probe)("Cats purr.", "Cats purr.", "What?")
    assert told == Told(0.0)
