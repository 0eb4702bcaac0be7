"""Several prompts in one batch: each is computed bit for bit as it is alone, and what comes next is there at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rag_faq.generation.llama import Layout, LlamaModel
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


@pytest.mark.parametrize("words", [1, 11, 45, 90])
@pytest.mark.parametrize("keeping", [True, False])
def test_questions_are_as_likely_together_as_each_alone(start, tokenised, words, keeping):
    prompts = [tokenised(" ".join([QUESTION, *["why"] * (words - 1)]), text) for text in TEXTS]
    alone = [start(keeping=False)[0].likelihoods([prompt], (), never)[0] for prompt in prompts]
    together, _ = start(keeping=keeping)
    for _ in range(2):  # with nothing kept, and with what was kept then
        assert together.likelihoods(prompts, (), never) == tuple(alone)
        assert together.likelihoods(prompts[::-1], prompts[3:], never) == tuple(alone[::-1])


@pytest.mark.parametrize("words", [1, 45])
def test_whichever_text_is_gone_on_with_it_is_as_if_read_alone(start, model, tokenised, words):
    prompts = [tokenised(" ".join([QUESTION, *["why"] * (words - 1)]), text) for text in TEXTS]
    together, reader = start()
    together.likelihoods(prompts, (prompts[0], tokenised(QUESTION, TEXTS[0], ASKED)), never)
    for prompt in prompts:
        scores, context = at_the_end(start(keeping=False)[1], model, prompt)
        assert reader.restore(prompt) == prompt.passing[0]
        found = at_the_end(reader, model, prompt)
        assert np.array_equal(found[0], scores)
        assert np.array_equal(found[1], context)


def test_what_is_wanted_next_of_the_first_text_is_there_at_once(start, model, tokenised):
    prompts = [tokenised(QUESTION, text) for text in TEXTS[:2]]
    scores, context = at_the_end(start(keeping=False)[1], model, prompts[0])
    together, reader = start()
    assert reader.resume(prompts[0]) is None
    together.likelihoods(prompts, (prompts[0],), never)
    resumed = reader.resume(prompts[0])
    assert resumed is not None
    assert np.array_equal(resumed, scores)
    assert np.array_equal(model.whole(), context)
    assert reader.resume(prompts[1]) is None
    model.decode([int(scores.argmax())], len(prompts[0].tokens), logits=True)  # and the text goes on from there


@pytest.mark.parametrize("words", [1, 50])
def test_a_branch_is_the_same_read_along_read_later_or_read_without_kept_states(start, tokenised, words):
    question = " ".join([QUESTION, *["why"] * (words - 1)])
    stem, asked = tokenised(question, TEXTS[1]), tokenised(question, TEXTS[1], ASKED)
    bare, _ = start(keeping=False)
    expected = bare.scores(asked, stem, never)
    assert expected is not None
    later, reader = start()
    assert np.array_equal(later.scores(asked, stem, never), expected)
    assert np.array_equal(reader.ended(asked, branch=True), expected)
    assert reader.ended(asked) is None  # alone it would lie otherwise
    along, reader = start()
    along.likelihoods([stem, tokenised(question, TEXTS[0])], (stem, asked), never)
    assert np.array_equal(reader.ended(asked, branch=True), expected)
    assert reader.resume(stem) is not None


def test_a_branch_is_near_to_what_it_is_alone(start, model, tokenised):
    stem, asked = tokenised(QUESTION, TEXTS[1]), tokenised(QUESTION, TEXTS[1], ASKED)
    alone, _ = at_the_end(start(keeping=False)[1], model, asked)
    branch = start()[0].scores(asked, stem, never)
    assert np.corrcoef(alone, branch)[0, 1] > 0.999
    assert alone.argmax() == branch.argmax()


def test_what_has_nothing_in_common_is_no_branch(start, tokenised):
    together, _ = start()
    assert together.scores(tokenised("Who?", TEXTS[0], ASKED), tokenised(QUESTION, TEXTS[1]), never) is None


def test_texts_that_do_not_fit_the_context_together_are_read_one_after_the_other(small_gguf, tokenised):
    small = LlamaModel(small_gguf, Layout(context_tokens=256, threads=2))
    try:
        prompts = [tokenised(QUESTION, text) for text in TEXTS]
        states = StateStore(MemoryStates(MEMORY), None, MemoryStates(MEMORY))
        found = Together(small, Reader(small, states, "")).likelihoods(prompts, (prompts[0],), never)
        bare = Together(small, Reader(small, None, ""))
        assert found == tuple(bare.likelihoods([prompt], (), never)[0] for prompt in prompts)
    finally:
        small.free()


def test_it_stops_before_the_next_batch(start, tokenised):
    together, _ = start()
    with pytest.raises(Interrupted):
        together.likelihoods([tokenised(QUESTION, TEXTS[0])], (), lambda: True)


def test_without_room_for_what_was_read_it_is_read_again(model, tokenised):
    states = StateStore(MemoryStates(MEMORY), None, MemoryStates(1000))
    reader = Reader(model, states, "")
    together = Together(model, reader)
    prompts = [tokenised(QUESTION, text) for text in TEXTS[:2]]
    found = together.likelihoods(prompts, (prompts[0],), never)
    assert reader.resume(prompts[0]) is None
    assert reader.restore(prompts[1]) == prompts[1].cuts[-1]
    assert found == together.likelihoods(prompts, (prompts[0],), never)
