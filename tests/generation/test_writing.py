"""Several texts at once: each is, bit for bit, what it would be alone, whoever comes and goes beside it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rag_faq.errors import EngineError
from rag_faq.generation.generator import Sampling
from rag_faq.generation.job import End, Job
from rag_faq.generation.llama import LlamaModel
from rag_faq.generation.loading import Layout
from rag_faq.generation.reading import Reader
from rag_faq.generation.streams import ABREAST, Streams
from rag_faq.generation.template import ChatTemplate, TokenisedPrompt, tokenise_prompt
from rag_faq.generation.writing import Desk, Writer
from rag_faq.records import Message, Prompt

pytestmark = pytest.mark.weights

TOPICS = ("the sea", "a GAN", "bread", "the moon over a town in winter", "chess", "two old friends who meet again")


@pytest.fixture(scope="module")
def model(small_gguf: Path) -> Iterator[LlamaModel]:
    loaded = LlamaModel(small_gguf, Layout(context_tokens=1024, threads=1))
    yield loaded
    loaded.free()


@pytest.fixture(scope="module")
def prompts(model: LlamaModel) -> list[TokenisedPrompt]:
    template = ChatTemplate(model.chat_template())
    return [
        tokenise_prompt(Prompt((Message("user", (f"Tell me a long story about {topic}.",)),)), template, model)
        for topic in TOPICS
    ]


@pytest.fixture
def desk(model: LlamaModel) -> Iterator[Callable[[int], Desk]]:
    made: list[Desk] = []

    def make(most: int) -> Desk:
        made.append(Desk(model, most))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture(scope="module")
def alone(model: LlamaModel, prompts: list[TokenisedPrompt]) -> list[str]:
    """What each prompt gives by itself."""
    texts = []
    for prompt in prompts:
        desk = Desk(model, 1)
        job = begin(desk, model, prompt)
        while len(desk):
            desk.step()
        texts.append(text(job))
    return texts


def begin(desk: Desk, model: LlamaModel, prompt: TokenisedPrompt, tokens: int = 24) -> Job:
    """Read the prompt as the worker does, and begin its text."""
    job = Job(prompt, Sampling(max_tokens=tokens))
    assert desk.make_way()
    reader = Reader(model, None, "this model")
    reader.read(prompt, reader.restore(prompt), lambda: False)
    desk.sit_down(Writer(job, Sampling(max_tokens=tokens), model))
    return job


def text(job: Job) -> str:
    """All that came so far."""
    found = ""
    while not job.output.empty():
        item = job.output.get()
        if isinstance(item, EngineError):
            raise item
        found += "" if isinstance(item, End) else str(item)
    return found


# -- streams --------------------------------------------------------------------------------------------------------


def test_scores_of_texts_abreast_are_bit_for_bit_those_of_each_alone(model, prompts):
    tokens = [prompts[i].tokens for i in range(ABREAST)]
    states, expected = [], []
    for each in tokens:
        model.clear()
        model.decode(list(each), 0, logits=True)
        states.append(model.whole())
        model.decode([100], len(each), logits=True)
        expected.append(model.logits())
    streams = Streams(model, ABREAST, 512)
    assert all(streams.put(i, state) for i, state in enumerate(states))
    streams.decode([(100, len(each)) for each in tokens])
    found = [
        np.ctypeslib.as_array(
            model.api.llama_get_logits_ith(streams._context, i), shape=(model.vocabulary_size,)
        ).copy()
        for i in range(ABREAST)
    ]
    streams.free()
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_what_is_taken_from_a_stream_is_what_was_put_there(model, prompts):
    model.clear()
    model.decode(list(prompts[0].tokens), 0, logits=False)
    state = model.whole()
    streams = Streams(model, 3, 256)
    assert streams.put(0, state)
    assert np.array_equal(streams.take(0), state)
    assert streams.put(2, streams.take(0))
    again = Streams(model, 2, 256)  # another number of streams
    assert again.put(0, streams.take(2))
    assert np.array_equal(again.take(0), state)
    again.free()
    streams.free()
    streams.free()


@pytest.mark.parametrize("length", [0, 11, 12, 100])
def test_a_state_that_is_none_is_refused(model, length):
    streams = Streams(model, 2, 256)
    assert not streams.put(1, np.zeros(length, dtype=np.uint8))
    streams.free()


# -- the desk -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 6])
def test_texts_written_together_are_those_written_alone(desk, model, prompts, alone, count):
    one = desk(count)
    jobs = []
    for prompt in prompts[:count]:
        jobs.append(begin(one, model, prompt))
        one.step()
    while len(one):
        one.step()
    assert [text(job) for job in jobs] == alone[:count]
    assert all(job.stats.finish in ("stop", "length") for job in jobs)


@pytest.mark.parametrize("seed", range(3))
def test_nor_does_it_matter_who_comes_and_goes(desk, model, prompts, alone, seed):
    chance = random.Random(seed)
    one = desk(5)
    jobs: list[tuple[int, Job]] = []
    left: list[tuple[int, Job]] = []
    for _ in range(60):
        if one.can_write and chance.random() < 0.2:
            which = chance.randrange(len(prompts))
            jobs.append((which, begin(one, model, prompts[which], chance.choice([5, 24, 400]))))
        if jobs and chance.random() < 0.1:
            left.append(jobs.pop(chance.randrange(len(jobs))))
            left[-1][1].left = True
        one.step()
    for which, job in (*jobs, *left):
        found = text(job)
        assert found.startswith(alone[which]) or alone[which].startswith(found)
    assert all(job.stats.finish == "cancelled" for _, job in left if job.stats.new_tokens < 5)


def test_more_texts_than_go_abreast_take_turns(desk, model, prompts):
    one = desk(5)
    jobs = [begin(one, model, prompt, 200) for prompt in prompts[:5]]
    before = [job.stats.new_tokens for job in jobs]
    for _ in range(40):
        one.step()
    written = [job.stats.new_tokens - was for job, was in zip(jobs, before, strict=True)]
    assert sum(written) == 40 * ABREAST
    assert max(written) - min(written) <= 8  # 24 each, give or take a turn or two of four tokens


def test_one_text_alone_needs_no_streams_and_they_are_freed_when_all_is_done(desk, model, prompts):
    one = desk(4)
    begin(one, model, prompts[0], 3)
    one.step()
    assert one._streams is None
    begin(one, model, prompts[1], 3)
    assert one._streams is not None
    while len(one):
        one.step()
    one.tidy()
    assert one._streams is None


def test_streams_are_as_long_as_the_longest_text_may_become(desk, model, prompts, alone):
    one = desk(4)
    jobs = [begin(one, model, prompts[0]), begin(one, model, prompts[1])]
    assert one._streams.tokens == 256
    one.step()
    jobs.append(begin(one, model, prompts[2], 800))
    assert (one._streams.tokens, one._streams.count) == (1024, 2)  # 2048 cells in all: two contexts' worth
    for _ in range(40):
        one.step()
    found = [text(job) for job in jobs]
    assert found[:2] == alone[:2]
    assert found[2].startswith(alone[2])


def test_a_text_that_nobody_waits_for_gives_its_place_up_before_the_next_token(desk, model, prompts):
    one = desk(4)
    jobs = [begin(one, model, prompt) for prompt in prompts[:4]]
    one.step()
    for job in jobs[:3]:
        job.left = True
    written = [job.stats.new_tokens for job in jobs[:3]]
    one.step()
    assert len(one) == 1
    assert [job.stats.new_tokens for job in jobs[:3]] == written
    assert [job.stats.finish for job in jobs[:3]] == ["cancelled"] * 3


def test_without_room_for_streams_one_text_follows_the_other_and_that_is_said_once(
    desk, model, prompts, alone, monkeypatch, caplog
):
    monkeypatch.setattr("rag_faq.generation.writing.available_memory", lambda: 2**20)
    one = desk(4)
    job = begin(one, model, prompts[0])
    assert one.can_read
    assert not one.make_way()
    assert not one.make_way()
    assert not one.can_read
    assert not one.can_write
    while len(one):
        one.step()
    assert text(job) == alone[0]
    assert one.can_read
    assert one.can_write
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "one after the other: writing 3 at once takes" in caplog.text


def test_states_that_do_not_come_back_as_they_were_are_not_relied_upon(desk, model, prompts, alone, monkeypatch):
    monkeypatch.setattr(Streams, "take", lambda self, stream: np.zeros(8, dtype=np.uint8))
    one = desk(4)
    job = begin(one, model, prompts[0])
    assert not one.make_way()
    while len(one):
        one.step()
    assert text(job) == alone[0]


def test_a_text_of_no_tokens_ends_at_once(desk, model, prompts):
    job = begin(desk(1), model, prompts[0], 0)
    assert (job.stats.finish, job.stats.new_tokens) == ("length", 0)


def test_where_llama_cpp_stops_those_who_were_in_the_batch_are_told(desk, model, prompts, monkeypatch):
    one = desk(4)
    jobs = [begin(one, model, prompt) for prompt in prompts[:2]]

    def fail(self: Streams, next_tokens: object) -> None:
        raise EngineError("llama.cpp stopped")

    monkeypatch.setattr(Streams, "decode", fail)
    one.step()
    for job in jobs:
        with pytest.raises(EngineError, match=r"llama\.cpp stopped"):
            text(job)
    assert len(one) == 0
