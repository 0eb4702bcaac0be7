import numpy as np
import pytest

from benchmarks import probes
from rag_faq.generation.probe import Probe, load_probe, wording
from rag_faq.grounding.asking import statement_probe
from rag_faq.models.catalog import load_catalog
from rag_faq.records import ModelInfo
from rag_faq.settings import Settings


def test_it_weighs_the_scores_of_its_tokens():
    probe = Probe(np.array([0, 2], dtype=np.int32), np.array([1.0, -2.0]), 0.5)
    assert probe(np.array([3.0, 9.0, 1.0], dtype=np.float32)) == 0.5 + 3 - 2


def default_model() -> ModelInfo:
    name = Settings().llm
    return ModelInfo(name=name, sha256=load_catalog()[name].files[0].sha256)


def test_the_shipped_one_is_of_the_default_model_and_of_the_words_that_it_is_asked_with():
    # Where a prompt was reworded: `python -m benchmarks.fit_verifier` and `python benchmarks/calibrate_gate.py`.
    assert statement_probe(default_model()) is not None


def test_there_is_none_for_other_weights_or_other_words():
    assert statement_probe(ModelInfo(name="other", sha256="0" * 64)) is None
    assert load_probe("statement", default_model(), wording("Is it so?")) is None


def test_a_fitted_one_gives_what_the_regression_gives():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200).astype(float)
    direction = rng.normal(size=len(probes.TOKENS))
    scores = rng.normal(size=(200, len(probes.TOKENS))) + labels[:, None] * direction
    fitted = probes.regression(directions=8, ridge=0.1).fit(probes.centred(scores), labels)
    whole = np.zeros(int(probes.TOKENS[-1]) + 1, dtype=np.float32)
    whole[probes.TOKENS] = scores[0]
    expected = float(fitted.decision_function(probes.centred(scores[:1]))[0])
    assert probes.as_probe(fitted)(whole) == pytest.approx(expected, abs=1e-3)
    assert probes.as_probe(fitted)(whole + 5) == pytest.approx(expected, abs=1e-3)  # what all share tells nothing
