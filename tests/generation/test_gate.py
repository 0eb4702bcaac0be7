"""Whether there is enough evidence to answer."""

import math

import pytest

from rag_faq.generation.gate import Calibration, Evidence, Gate, default_calibration, gather, logit, sigmoid
from rag_faq.records import Chunk, FaqEntry, Hit, Source
from rag_faq.testing import ScriptedGenerator

ENTRY = FaqEntry("f#1", 1, "Q?", "A.", "f.md", (1, 2))
CHUNK = Chunk("f#1/question/0", "f#1", "Q?", "question")
SOURCE = Source(1, ENTRY, "A.", 0.5)
# intercept -1, cosine 2, score 0, margin 0, coverage 0; then: half the search's odds, and the odds of yes.
SIMPLE = Calibration(search=(-1.0, 2.0, 0.0, 0.0, 0.0), combined=(0.0, 0.5, 1.0), doubt=(0.1, 0.9))


def hit(score, cosine, coverage=0.0):
    return Hit(ENTRY, score, CHUNK, 1, cosine=cosine, coverage=coverage)


def test_evidence_of_a_search():
    assert gather((hit(0.8, 0.6, 0.5), hit(0.5, 0.7, 0.9))) == Evidence(
        cosine=0.7, score=0.8, margin=pytest.approx(0.3), coverage=0.9
    )
    assert gather(()) == Evidence(0.0, 0.0, 0.0, 0.0)


def test_without_a_model_the_search_decides():
    verdict = Gate(SIMPLE).assess("q", (hit(0.5, 0.5),), (SOURCE,))
    assert verdict.probability == 0.5  # -1 + 2 * 0.5 = 0
    assert verdict.evidence.yes is None


def test_in_doubt_the_model_is_asked_about_the_sources():
    model = ScriptedGenerator("", choices=lambda prompt, options: (0.9, 0.1))
    verdict = Gate(SIMPLE, model).assess("Is it so?", (hit(0.5, 0.5),), (SOURCE,))
    assert verdict.probability == pytest.approx(0.9)  # 0.5 * 0 + logit(0.9)
    assert verdict.evidence.yes == 0.9
    assert "Is it so?" in model.asked[0].messages[1].content


@pytest.mark.parametrize("cosine", [-1.0, 2.0])
def test_where_the_search_is_sure_the_model_is_spared(cosine):
    model = ScriptedGenerator("")
    Gate(SIMPLE, model).assess("q", (hit(0.5, cosine),), (SOURCE,))
    assert model.asked == []


@pytest.mark.parametrize("p", [0.0, 1e-9, 0.3, 0.5, 0.999, 1.0])
def test_logit_and_sigmoid_undo_each_other(p):
    assert sigmoid(logit(p)) == pytest.approx(p, abs=2e-6)
    assert math.isfinite(logit(p))


def test_the_packages_own_weights_read_well():
    calibration = default_calibration()
    assert len(calibration.search) == 5
    assert 0 <= calibration.doubt[0] < calibration.doubt[1] <= 1
