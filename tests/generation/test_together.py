"""Several prompts in one batch: each is computed bit for bit as it is alone, and what comes next is there at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from rag_faq.generation.generator import Reading
from rag_faq.generation.llama import BESIDE, TEXT, LlamaModel
from rag_faq.generation.loading import Layout
from rag_faq.generation.reading import Interrupted, Reader
from rag_faq.generation.states import MemoryStates, StateStore
from rag_faq.generation.template import ChatTemplate, TokenisedPrompt, tokenise_prompt
from rag_faq.generation.together import Together
from rag_faq.records import Message, Prompt

pytestmark = pytest.mark.weights

MEMORY = 64 * 2**20
TEXTS = (
    "Mode collapse is a failure of a generative adversarial network: its generator makes only a few kinds of samples.",
    "Temperature scales the scores of a language model before one token is chosen. A low one makes likely tokens "
    "likelier; a high one lets rare tokens through, and so the text becomes less predictable.",
    "A variational autoencoder learns a distribution over codes, from which new samples are drawn.",
    "Attention weighs every token of a text against every other one. " * 6,
)
QUESTION = "Why does a low temperature make a text more predictable?"
ASKED = "\nIs this answered above? Reply with yes or no."


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def model(small_gguf: Path) -> Iterator[LlamaModel]:
    loaded = LlamaModel(small_gguf, Layout(context_tokens=1024, threads=2))
    yield loaded
    loaded.free()


@pytest.fixture(scope="module")
def tokenised(model: LlamaModel) -> Callable[..., TokenisedPrompt]:
    template = ChatTemplate(model.chat_template())

    def make(question: str, text: str, *asked: str) -> TokenisedPrompt:
        fresh = (f"Question: {question}", *asked)
        messages = (Message("system", ("You answer from the text.",)), Message("user", (f"{text}\n\n", *fresh)))
        return tokenise_prompt(Prompt(messages, fresh=len(fresh)), template, model)

    return make


@pytest.fixture
def start(model: LlamaModel) -> Callable[..., tuple[Together, Reader]]:
    """A new reader, with nothing kept: with room for states, or without."""

    def make(*, keeping: bool = True) -> tuple[Together, Reader]:
        states = StateStore(MemoryStates(MEMORY), None, MemoryStates(MEMORY)) if keeping else None
        reader = Reader(model, states, "this model")
        return Together(model, reader), reader

    return make


def at_the_end(reader: Reader, model: LlamaModel, prompt: TokenisedPrompt) -> tuple[np.ndarray, np.ndarray]:
    """The scores of what follows a prompt, and all that the context holds then."""
    reader.read(prompt, reader.restore(prompt), never)
    return model.logits(), model.whole()


def same(found: Sequence[Reading], expected: Sequence[Reading]) -> bool:
    return len(found) == len(expected) and all(
        one.likelihood == other.likelihood and np.array_equal(one.scores, other.scores)
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("words", [1, 11, 45, 90])
@pytest.mark.parametrize("keeping", [True, False])
def test_questions_read_together_as_each_alone(start, tokenised, words, keeping):
    prompts = [tokenised(" ".join([QUESTION, *["why"] * (words - 1)]), text) for text in TEXTS]
    alone = [start(keeping=False)[0].read([prompt], never)[0] for prompt in prompts]
    together, _ = start(keeping=keeping)
    for _ in range(2):  # with nothing kept, and with what was kept then
        assert same(together.read(prompts, never), alone)
        assert same(together.read(prompts[::-1], never, 32), alone[::-1])  # in pieces, while others are written


@pytest.mark.parametrize("words", [1, 11, 45, 90])
@pytest.mark.parametrize("keeping", [True, False])
def test_without_likelihoods_questions_read_together_as_each_alone(start, model, tokenised, words, keeping):
    prompts = [tokenised(" ".join([QUESTION, *["why"] * (words - 1)]), text) for text in TEXTS]
    alone = [at_the_end(start(keeping=False)[1], model, prompt)[0] for prompt in prompts]
    together, _ = start(keeping=keeping)
    for piece in (64, 32):
        readings = together.read(prompts, never, piece, measured=False)
        assert [reading.likelihood for reading in readings] == [None] * len(prompts)
        for reading, scores in zip(readings, alone, strict=True):
            assert np.array_equal(reading.scores, scores)


@pytest.mark.parametrize("words", [1, 45])
@pytest.mark.parametrize("measured", [True, False])
def test_whichever_text_is_gone_on_with_it_is_as_if_read_alone(start, model, tokenised, words, measured):
    prompts = [tokenised(" ".join([QUESTION, *["why"] * (words - 1)]), text) for text in TEXTS]
    together, reader = start()
    readings = together.read(prompts, never, measured=measured)
    for prompt, reading in zip(prompts, readings, strict=True):
        scores, context = at_the_end(start(keeping=False)[1], model, prompt)
        assert np.allclose(reading.scores, scores, rtol=0, atol=1e-4 if measured else 0)
        resumed = reader.resume(prompt)
        assert resumed is not None
        assert np.array_equal(resumed, reading.scores)
        assert np.array_equal(model.whole(), context)
        model.decode([int(scores.argmax())], len(prompt.tokens), logits=True)  # and the text goes on from there
        assert reader.restore(prompt) == prompt.passing[0]
        again = at_the_end(reader, model, prompt)
        assert np.array_equal(again[0], scores)
        assert np.array_equal(again[1], context)


@pytest.mark.parametrize(
    ("words", "behind", "batches"),
    # 16 tokens before the text, and 44 of it. With 19 behind it one batch holds both, with 49 it would have 93 of 72.
    [(1, 19, [16, 44 + 19]), (31, 49, [16, 44, 49])],
)
def test_the_end_of_a_new_text_is_read_with_the_question_where_one_batch_holds_both(
    start, model, tokenised, monkeypatch, words, behind, batches
):
    together, _ = start()
    prompt = tokenised(" ".join([QUESTION, *["why"] * (words - 1)]), TEXTS[1])
    run, rows = model.run, []
    monkeypatch.setattr(model, "run", lambda batch, **kind: (rows.append(len(batch)), run(batch, **kind)))
    read = together.read([prompt], never, measured=False)
    assert (prompt.cuts, len(prompt.tokens)) == ((16, 60), 60 + behind)
    assert rows == batches
    rows.clear()
    again = together.read([prompt], never, measured=False)  # of the text, all was kept
    assert rows == [behind]
    assert np.array_equal(read[0].scores, again[0].scores)


def test_what_was_not_read_cannot_be_gone_on_with(start, tokenised):
    together, reader = start()
    together.read([tokenised(QUESTION, TEXTS[0])], never)
    assert reader.resume(tokenised(QUESTION, TEXTS[1])) is None


def test_what_is_asked_behind_the_question_starts_from_it(start, tokenised):
    together, reader = start()
    stem, asked = tokenised(QUESTION, TEXTS[1]), tokenised(QUESTION, TEXTS[1], ASKED)
    together.read([tokenised(QUESTION, TEXTS[0]), stem], never)
    assert reader.restore(asked) == stem.passing[0] == asked.passing[0]


def test_texts_that_do_not_fit_the_context_together_are_read_one_after_the_other(small_gguf, tokenised):
    small = LlamaModel(small_gguf, Layout(context_tokens=256, threads=2))
    try:
        prompts = [tokenised(QUESTION, text) for text in TEXTS]
        states = StateStore(MemoryStates(MEMORY), None, MemoryStates(MEMORY))
        found = Together(small, Reader(small, states, "")).read(prompts, never)
        bare = Together(small, Reader(small, None, ""))
        assert same(found, [bare.read([prompt], never)[0] for prompt in prompts])
    finally:
        small.free()


def test_what_llama_refuses_beside_another_text_is_read_by_itself(start, model, tokenised, monkeypatch):
    prompts = [tokenised(QUESTION, text) for text in TEXTS[:3]]
    alone = [start(keeping=False)[0].read([prompt], never)[0] for prompt in prompts]
    together, _ = start()
    restore = model.restore
    monkeypatch.setattr(model, "restore", lambda state, to=TEXT: to not in BESIDE and restore(state, to))
    assert same(together.read(prompts, never), alone)
    assert same(together.read(prompts, never), alone)


def test_it_stops_before_the_next_batch(start, tokenised):
    together, _ = start()
    with pytest.raises(Interrupted):
        together.read([tokenised(QUESTION, TEXTS[0])], lambda: True)


def test_without_room_for_what_was_read_it_is_read_again(model, tokenised):
    states = StateStore(MemoryStates(MEMORY), None, MemoryStates(1000))
    reader = Reader(model, states, "")
    together = Together(model, reader)
    prompts = [tokenised(QUESTION, text) for text in TEXTS[:2]]
    found = together.read(prompts, never)
    assert reader.resume(prompts[0]) is None
    assert reader.restore(prompts[1]) == prompts[1].cuts[-1]
    assert same(together.read(prompts, never), found)
