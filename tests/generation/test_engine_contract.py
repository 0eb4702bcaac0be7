"""What every generator promises: the scripted one of the tests, and llama.cpp."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import numpy as np
import pytest

from rag_faq.generation.engine import LlamaEngine
from rag_faq.generation.generator import Generator, Sampling
from rag_faq.records import Message, Prompt
from rag_faq.testing import ScriptedGenerator

PROMPT = Prompt((Message("system", ("Be brief.",)), Message("user", ("Some text. ", "Question: what is it?"))))
OTHER = Prompt((Message("system", ("Be brief.",)), Message("user", ("Other text. ", "Question: what is it?"))))


@pytest.fixture(params=["scripted", pytest.param("llama", marks=pytest.mark.weights)])
def generator(request: pytest.FixtureRequest) -> Iterator[Generator]:
    if request.param == "scripted":
        yield ScriptedGenerator(
            "It is a test of what was promised, in ten words.",
            likelihoods=lambda prompt: -float(len(prompt.messages)),
            scores=lambda _: np.zeros(3, dtype=np.float32),
        )
        return
    path = request.getfixturevalue("small_gguf")
    engine = LlamaEngine.load(path, context_tokens=512, threads=1)
    yield engine
    engine.close()


def test_it_writes_text_in_pieces(generator):
    generation = generator.generate(PROMPT, Sampling(max_tokens=5))
    pieces = list(generation)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert 1 <= generation.stats.new_tokens <= 5
    assert generation.stats.prompt_tokens > 5


def test_the_same_prompt_gives_the_same_text(generator):
    one, other = ("".join(generator.generate(PROMPT, Sampling(max_tokens=5))) for _ in range(2))
    assert one == other


def test_texts_that_are_written_at_the_same_time_are_those_written_one_by_one(generator):
    prompts = [Prompt((Message("user", (f"Tell me of {topic}.",)),)) for topic in ("cats", "the sea", "bread", "war")]
    one_by_one = ["".join(generator.generate(prompt, Sampling(max_tokens=12))) for prompt in prompts]
    running = [generator.generate(prompt, Sampling(max_tokens=12)) for prompt in prompts]
    assert generator.choose(PROMPT, ("Yes", "No")) == generator.choose(PROMPT, ("Yes", "No"))
    assert ["".join(generation) for generation in running] == one_by_one


def test_what_ended_stays_ended(generator):
    generation = generator.generate(PROMPT, Sampling(max_tokens=2))
    list(generation)
    with pytest.raises(StopIteration):
        next(generation)
    assert generation.stats.finish != "cancelled"


def test_a_caller_who_was_cancelled_before_gets_nothing(generator):
    cancel = Event()
    cancel.set()
    generation = generator.generate(PROMPT, Sampling(max_tokens=5), cancel)
    assert list(generation) == []
    assert generation.stats.finish == "cancelled"
    assert generation.stats.new_tokens == 0


def test_a_closed_generation_gives_nothing_more_and_closing_twice_is_harmless(generator):
    generation = generator.generate(PROMPT, Sampling(max_tokens=50))
    next(generation)
    generation.close()
    generation.close()
    assert list(generation) == []
    assert "".join(generator.generate(PROMPT, Sampling(max_tokens=2)))


def test_choosing_gives_one_probability_an_option(generator):
    found = generator.choose(PROMPT, ("Yes", "No"))
    assert len(found) == 2
    assert sum(found) == pytest.approx(1.0)
    assert all(0 <= probability <= 1 for probability in found)


def test_a_prompt_reads_the_same_each_time(generator):
    found = generator.read([PROMPT, OTHER])
    again = generator.read([OTHER])
    assert (found is None) == (again is None)  # a server does not tell
    if found is not None:
        assert [reading.likelihood < 0 for reading in found] == [True, True]
        assert found[1].likelihood == again[0].likelihood
        assert np.array_equal(found[1].scores, again[0].scores)
        assert np.allclose(found[1].scores, generator.scores(OTHER), rtol=0, atol=1e-4)


def test_without_likelihoods_prompts_read_as_each_alone(generator):
    found = generator.read([PROMPT, OTHER], likelihood=False)
    if found is not None:
        assert [reading.likelihood for reading in found] == [None, None]
        assert [np.array_equal(r.scores, generator.scores(p)) for r, p in zip(found, (PROMPT, OTHER), strict=True)] == [
            True,
            True,
        ]


def test_to_have_read_a_prompt_changes_nothing_of_what_is_written_behind_it(generator):
    fresh = "".join(generator.generate(OTHER, Sampling(max_tokens=4)))
    generator.read([PROMPT, OTHER])
    assert "".join(generator.generate(OTHER, Sampling(max_tokens=4))) == fresh


def test_tokens_are_counted(generator):
    assert generator.count_tokens("") == 0
    assert generator.count_tokens("one two three four") >= 4


def test_preparing_is_a_hint(generator):
    assert generator.warm([PROMPT]) is None
    assert "".join(generator.generate(PROMPT, Sampling(max_tokens=2)))


def test_closing_twice_is_harmless(generator):
    generator.close()
    generator.close()


def test_it_says_what_it_is(generator):
    assert generator.info.name
    assert generator.info.context_tokens >= 512
