"""A model whose outputs are kept."""

import numpy as np
import pytest

from benchmarks import probes
from benchmarks.kept import KeptGenerator
from rag_faq.generation.generator import Sampling
from rag_faq.records import Message, Prompt
from rag_faq.testing import ScriptedGenerator

ONE, OTHER = (Prompt((Message("user", (text,)),)) for text in ("one", "other"))


@pytest.fixture
def model():
    """Scores are 0, 1, 2 …, and one more for the other prompt."""
    size = int(probes.TOKENS.max()) + 100
    return ScriptedGenerator(
        lambda prompt: f"It is {prompt.messages[0].content}.",
        choices=lambda prompt, _: (0.75, 0.25),
        likelihoods=lambda prompt: -float(len(prompt.messages[0].content)),
        scores=lambda prompt: np.arange(size, dtype=np.float32) + (prompt == OTHER),
    )


def outputs(generator, prompt):
    generation = generator.generate(prompt, Sampling(max_tokens=9))
    (reading,) = generator.read([prompt])
    return [
        "".join(generation),
        generation.stats.new_tokens,
        generator.choose(prompt, ("yes", "no")),
        reading.likelihood,
        reading.scores[probes.TOKENS].tolist(),
        generator.scores(prompt)[probes.TOKENS].tolist(),
    ]


def test_what_was_asked_once_comes_from_the_file_also_in_the_next_process(model, tmp_path):
    first = KeptGenerator(model, tmp_path / "kept.db")
    given = outputs(first, ONE)
    assert given == outputs(model, ONE)
    assert outputs(first, ONE) == given
    assert first.computed == 4
    first.close()

    again = KeptGenerator(model, tmp_path / "kept.db")
    calls = len(model.prompts), len(model.asked), len(model.measured)
    assert outputs(again, ONE) == given
    assert (len(model.prompts), len(model.asked), len(model.measured)) == calls
    assert again.computed == 0
    again.close()


def test_a_likelihood_that_is_not_wanted_is_not_told(model, tmp_path):
    kept = KeptGenerator(model, tmp_path / "kept.db")
    (told,), (untold,) = kept.read([ONE]), kept.read([ONE], likelihood=False)
    assert untold.likelihood is None
    assert untold.scores.tolist() == told.scores.tolist()
    assert kept.computed == 1
    kept.close()


def test_another_prompt_other_options_and_another_longest_text_are_other_questions(model, tmp_path):
    kept = KeptGenerator(model, tmp_path / "kept.db")
    assert outputs(kept, ONE) != outputs(kept, OTHER)
    kept.choose(ONE, ("no", "yes"))
    assert "".join(kept.generate(ONE, Sampling(max_tokens=1))) == "It "
    assert kept.computed == 10
    kept.close()


def test_a_model_that_tells_no_scores_tells_none(tmp_path):
    kept = KeptGenerator(ScriptedGenerator("Yes."), tmp_path / "kept.db")
    for _ in range(2):
        assert (kept.scores(ONE), kept.read([ONE, OTHER])) == (None, None)
    kept.close()
