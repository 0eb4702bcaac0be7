"""Which entries answer the question, with what probability."""

import math

import pytest

from rag_faq.generation.gate import Calibration, Gate, Weights, default_calibration, logit, sigmoid
from rag_faq.records import Chunk, FaqEntry, Hit
from rag_faq.testing import ScriptedGenerator

# By the search: odds = 2 * score - 1. With the model's word: the odds of yes alone.
SIMPLE = Calibration(search=Weights(-1.0, (2.0,)), asked=Weights(0.0, (0.0, 1.0)), doubt=(0.1, 0.9), near=0.5)


def hit(number, score):
    entry = FaqEntry(f"f#{number}", number, f"Question {number}?", f"Answer {number}.", "f.md", (1, 2))
    return Hit(entry, score, Chunk(f"f#{number}/question/0", entry.id, "q", "question"), number)


def gate(generator=None):
    return Gate(generator, lambda h: h.entry.answer, SIMPLE)


def test_without_a_model_the_search_decides():
    (judged,) = gate().judge("q", (hit(1, 0.5),))
    assert (judged.probability, judged.yes) == (0.5, None)


def test_in_doubt_the_model_is_asked_about_each_near_entry_and_may_change_the_order():
    def second_is_right(prompt, options):
        return (0.9, 0.1) if "Answer 2." in prompt.messages[1].content else (0.2, 0.8)

    model = ScriptedGenerator("", choices=second_is_right)
    judged = gate(model).judge("Is it so?", (hit(1, 0.8), hit(2, 0.7), hit(3, 0.3)))
    assert [(j.hit.entry.number, j.yes) for j in judged] == [(2, 0.9), (3, None), (1, 0.2)]
    assert [j.probability for j in judged] == [pytest.approx(0.9), pytest.approx(sigmoid(-0.4)), pytest.approx(0.2)]
    assert all("Is it so?" in prompt.messages[1].content for prompt in model.asked)


@pytest.mark.parametrize("score", [-1.0, 2.0])
def test_where_the_search_is_sure_the_model_is_spared(score):
    model = ScriptedGenerator("")
    gate(model).judge("q", (hit(1, score),))
    assert model.asked == []


def test_no_hits_no_verdicts():
    assert gate().judge("q", ()) == ()


@pytest.mark.parametrize("p", [0.0, 1e-9, 0.3, 0.5, 0.999, 1.0])
def test_logit_and_sigmoid_undo_each_other(p):
    assert sigmoid(logit(p)) == pytest.approx(p, abs=2e-6)
    assert math.isfinite(logit(p))


def test_the_packages_own_weights_read_well():
    calibration = default_calibration()
    assert (len(calibration.search.weights), len(calibration.asked.weights)) == (1, 2)
    assert 0 <= calibration.doubt[0] < calibration.doubt[1] <= 1
