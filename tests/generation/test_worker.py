"""The thread that runs the model: what it computes from kept states is bit for bit what it computes without."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.errors import EngineError
from rag_faq.generation.generator import Sampling
from rag_faq.generation.job import End, Job
from rag_faq.generation.llama import LEAST, PIECE, LlamaModel
from rag_faq.generation.loading import Layout
from rag_faq.generation.reading import pieces
from rag_faq.generation.states import DiskStates, MemoryStates, StateStore, state_keys
from rag_faq.generation.template import ChatTemplate, TokenisedPrompt, tokenise_prompt
from rag_faq.generation.worker import Worker
from rag_faq.records import Message, Prompt

pytestmark = pytest.mark.weights

MEMORY = 64 * 2**20
ENTRIES = (
    "What is mode collapse?\nMode collapse is a failure of a generative adversarial network: its generator makes only "
    "a few kinds of samples, however varied the data were.\n\n",
    "What is temperature?\nTemperature scales the scores of a language model before one token is chosen. A low one "
    "makes the likeliest tokens likelier; a high one lets rare tokens through.\n\n",
)


@given(start=st.integers(0, 3000), length=st.integers(1, 700), size=st.sampled_from([32, PIECE]))
def test_pieces_cover_the_tokens_and_only_a_short_part_is_a_short_piece(start, length, size):
    cut = list(pieces(start, start + length, size))
    assert [token for a, b in cut for token in range(a, b)] == list(range(start, start + length))
    assert all(min(length, LEAST) <= b - a < size + LEAST for a, b in cut)
    assert all(b - a == size for a, b in cut[:-1])


@pytest.fixture
def worker(small_gguf: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers, each with a model of its own."""
    started: list[Worker] = []

    def start(
        states: StateStore | None = None, *, threads: int = 1, context_tokens: int = 1024, parallel: int = 1
    ) -> Worker:
        model = LlamaModel(small_gguf, Layout(context_tokens=context_tokens, threads=threads))
        started.append(Worker(model, states, "this model", parallel))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(scope="module")
def vocabulary(small_gguf: Path) -> Iterator[LlamaModel]:
    model = LlamaModel(small_gguf, Layout(context_tokens=256, threads=1))
    yield model
    model.free()


@pytest.fixture
def tokenised(vocabulary: LlamaModel) -> Callable[..., TokenisedPrompt]:
    template = ChatTemplate(vocabulary.chat_template())

    def make(question: str, *entries: str, asked: str = "") -> TokenisedPrompt:
        fresh = ("Question: " + question, asked)[: 2 if asked else 1]
        messages = (Message("system", ("You answer from the text.",)), Message("user", (*entries, *fresh)))
        return tokenise_prompt(Prompt(messages, fresh=len(fresh)), template, vocabulary)

    return make


def scores(worker: Worker, prompt: TokenisedPrompt) -> np.ndarray:
    job = Job(prompt)
    worker.submit(job)
    found = job.output.get()
    assert isinstance(found, np.ndarray)
    return found


def start(worker: Worker, prompt: TokenisedPrompt, tokens: int, cancel: threading.Event | None = None) -> Job:
    job = Job(prompt, Sampling(max_tokens=tokens), cancel)
    worker.submit(job)
    return job


def likelihood(worker: Worker, prompt: TokenisedPrompt) -> float:
    job = Job(prompt, reading=True, measured=True)
    worker.submit(job)
    found = job.output.get()
    assert isinstance(found, tuple)
    return found[0].likelihood


def log_probability(scores: np.ndarray, token: int) -> float:
    return float(scores[token] - np.logaddexp.reduce(scores.astype(np.float64)))


def written(job: Job) -> str:
    text = ""
    while not isinstance(item := job.output.get(), End):
        assert isinstance(item, str)
        text += item
    return text


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wait_until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_scores_from_kept_states_are_bit_for_bit_those_of_a_cold_run(worker, tokenised):
    cold, keeping = worker(None), worker(StateStore(MemoryStates(MEMORY)))
    for entries in ((), ENTRIES[:1], ENTRIES, ENTRIES[::-1]):
        for question in ("What is it?", "Why, and since when, and who found it out, and what can be done about it?"):
            prompt = tokenised(question, *entries)
            expected = scores(cold, prompt)
            assert np.array_equal(scores(keeping, prompt), expected)  # from what the prompts before left
            assert np.array_equal(scores(keeping, prompt), expected)  # from all but the question


@pytest.mark.parametrize("words", [4, 12, 40])
def test_the_answer_starts_from_the_question_that_was_judged_before(worker, tokenised, tmp_path, words):
    question = " ".join(["why"] * words) + "?"
    cold = worker(None)
    states = StateStore(MemoryStates(MEMORY), DiskStates(tmp_path, MEMORY), MemoryStates(MEMORY))
    keeping = worker(states)
    judged = tokenised(question, ENTRIES[0], asked="\nDoes the text answer the question? Reply with yes or no.")
    answer = tokenised(question, ENTRIES[0])
    for prompt in (judged, answer):
        expected = scores(cold, prompt)
        assert np.array_equal(scores(keeping, prompt), expected)
        assert np.array_equal(scores(keeping, prompt), expected)  # from what it left itself
    job = start(keeping, answer, 8)
    assert written(job) == written(start(cold, answer, 8))
    if words > 4:  # else it is too short to be kept
        assert job.stats.cached_tokens == answer.passing[0] == judged.passing[0]
        assert len(answer.tokens) - job.stats.cached_tokens <= 11  # the closing, and up to 8 + 3 tokens
    keeping.stop()
    assert len(list(tmp_path.glob("*.state"))) == len(answer.cuts)  # nothing of a question is written


@pytest.mark.parametrize("words", [4, 12, 40])
def test_what_is_judged_starts_from_the_question_whose_likelihood_was_looked_at(worker, tokenised, words):
    question = " ".join(["why"] * words) + "?"
    cold, keeping = worker(None), worker(StateStore(MemoryStates(MEMORY), passing=MemoryStates(MEMORY)))
    answer = tokenised(question, ENTRIES[0])
    judged = tokenised(question, ENTRIES[0], asked="\nDoes the text answer the question? Reply with yes or no.")
    first = likelihood(keeping, answer)
    assert np.array_equal(scores(keeping, judged), scores(cold, judged))
    assert written(start(keeping, answer, 8)) == written(start(cold, answer, 8))
    assert likelihood(keeping, answer) == first == likelihood(cold, answer)
    if words > 4:  # else it is too short to be kept
        job = Job(judged)
        keeping.submit(job)
        job.output.get()
        assert job.stats.cached_tokens == answer.passing[0]


def test_the_likelihood_is_that_of_the_last_segments_tokens_but_the_first(worker, tokenised):
    prompt = tokenised("What does a low temperature do?", ENTRIES[1])
    begin, end = prompt.last
    running = worker(None)
    expected = [
        log_probability(scores(running, TokenisedPrompt(prompt.tokens[:place], ())), prompt.tokens[place])
        for place in range(begin + 1, end)
    ]
    assert likelihood(running, prompt) == pytest.approx(np.mean(expected), abs=0.02)  # other kernels, for each token


def test_a_question_that_goes_with_the_text_is_likelier(worker, tokenised):
    running = worker(None)
    question = "What does a low temperature do to the likeliest tokens?"
    assert likelihood(running, tokenised(question, ENTRIES[1])) > likelihood(running, tokenised(question, ENTRIES[0]))


def test_nor_does_it_matter_how_many_threads_or_how_long_the_context(worker, tokenised):
    states = StateStore(MemoryStates(MEMORY))
    prompt = tokenised("What is it?", *ENTRIES)
    expected = scores(worker(None, threads=1), prompt)
    first = worker(states, threads=2, context_tokens=512)
    scores(first, prompt)
    first.stop()
    assert np.array_equal(scores(worker(states, threads=1), prompt), expected)


def test_a_part_is_kept_without_what_stands_before_it(worker, tokenised):
    states = StateStore(MemoryStates(MEMORY))
    one = worker(states)
    scores(one, tokenised("Why?", ENTRIES[0]))
    alone = states.memory.used
    scores(one, tokenised("Why?", *ENTRIES))
    prompt = tokenised("Why?", *ENTRIES)
    per_token = alone / prompt.cuts[1]
    assert (states.memory.used - alone) / (prompt.cuts[2] - prompt.cuts[1]) == pytest.approx(per_token, rel=0.02)


def test_what_was_written_from_kept_states_is_what_a_cold_run_writes(worker, tokenised, tmp_path):
    prompt = tokenised("What is mode collapse?", *ENTRIES)
    expected = written(start(worker(None), prompt, 24))
    first = worker(StateStore(MemoryStates(MEMORY), DiskStates(tmp_path, MEMORY)))
    assert written(start(first, prompt, 24)) == expected
    first.stop()
    assert len(list(tmp_path.glob("*.state"))) == len(prompt.cuts)
    job = start(worker(StateStore(MemoryStates(MEMORY), DiskStates(tmp_path, MEMORY))), prompt, 24)
    assert written(job) == expected
    assert job.stats.cached_tokens == prompt.cuts[-1]


def test_an_altered_state_is_computed_anew(worker, tokenised, tmp_path):
    prompt = tokenised("What is mode collapse?", ENTRIES[0])
    expected = scores(worker(None), prompt)
    first = worker(StateStore(MemoryStates(MEMORY), DiskStates(tmp_path, MEMORY)))
    scores(first, prompt)
    first.stop()
    path = tmp_path / f"{state_keys('this model', prompt)[1]}.state"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    states = StateStore(MemoryStates(MEMORY), DiskStates(tmp_path, MEMORY))
    assert np.array_equal(scores(worker(states), prompt), expected)
    assert states.memory.used > 0


def test_a_state_that_llama_cpp_refuses_is_dropped(worker, tokenised):
    prompt = tokenised("What is mode collapse?", ENTRIES[0])
    expected = scores(worker(None), prompt)
    states = StateStore(MemoryStates(MEMORY))
    states.add(state_keys("this model", prompt)[0], np.zeros(100, dtype=np.uint8))
    assert np.array_equal(scores(worker(states), prompt), expected)


def test_with_less_memory_than_one_state_it_works_without(worker, tokenised):
    states = StateStore(MemoryStates(1000), passing=MemoryStates(1000))
    one = worker(states)
    prompt = tokenised("What is mode collapse?", ENTRIES[0], asked="\nYes or no?")
    one.fill([lambda: prompt])
    wait_until(lambda: one.idle)
    assert np.array_equal(scores(one, prompt), scores(worker(None), prompt))
    assert (len(states.memory), len(states.passing)) == (0, 0)


def test_the_process_grows_by_the_budget_and_little_more(worker, tokenised):
    one = worker(StateStore(MemoryStates(8 * 2**20)))
    scores(one, tokenised("Why?", "x" * 200))  # what is taken once, at the first prompt
    before = resident()
    grown = 0
    for i in range(24):
        scores(one, tokenised("Why?", f"Entry {i}. {ENTRIES[0]}"))
        grown = max(grown, resident() - before)
    kept = 24 * 23_040 * 40  # bytes a token; over 40 tokens an entry: what would be kept without a budget
    assert grown < 8 * 2**20 + 4 * 2**20 < kept


def test_pairs_that_are_filled_ahead_leave_the_single_entries_where_they_are(worker, tokenised):
    pair = tokenised("", *ENTRIES)
    singles = [tokenised("", entry) for entry in ENTRIES]
    bytes_of_singles = 23_200 * (singles[0].cuts[1] + singles[1].cuts[1] - singles[1].cuts[0])
    states = StateStore(MemoryStates(bytes_of_singles))
    one = worker(states)
    one.fill([lambda: singles[0], lambda: singles[1], lambda: pair])
    wait_until(lambda: one.idle)
    assert all(key in states for prompt in singles for key in state_keys("this model", prompt)[:2])
    assert state_keys("this model", pair)[2] not in states
    states.memory.budget *= 2  # with room, the pair is kept too
    one.fill([lambda: pair])
    wait_until(lambda: one.idle)
    job = start(one, tokenised("Why?", *ENTRIES), 1)
    written(job)
    assert job.stats.cached_tokens == pair.cuts[2]


def test_states_are_filled_ahead_when_nobody_waits(worker, tokenised):
    states = StateStore(MemoryStates(MEMORY))
    one = worker(states)
    prompts = [tokenised("", entry) for entry in ENTRIES]
    one.fill([lambda: prompts[0], lambda: None, lambda: prompts[1]])
    wait_until(lambda: one.idle)
    assert all(key in states for prompt in prompts for key in state_keys("this model", prompt)[:2])
    question = tokenised("What is temperature?", ENTRIES[1])
    job = start(one, question, 1)
    written(job)
    assert job.stats.cached_tokens == prompts[1].cuts[-1]
    assert np.array_equal(scores(one, question), scores(worker(None), question))


def test_what_the_last_start_left_on_the_disk_is_in_memory_before_anybody_asks(worker, tokenised, tmp_path):
    prompt = tokenised("", ENTRIES[0])
    first = worker(StateStore(MemoryStates(MEMORY), DiskStates(tmp_path, MEMORY)))
    first.fill([lambda: prompt])
    wait_until(lambda: first.idle)
    first.stop()
    states = StateStore(MemoryStates(MEMORY), DiskStates(tmp_path, MEMORY))
    again = worker(states)
    again._model.decode = None  # type: ignore[method-assign]  # nothing is computed anew
    again.fill([lambda: prompt])
    wait_until(lambda: again.idle)
    assert all(key in states.memory for key in state_keys("this model", prompt)[: len(prompt.cuts)])


def test_a_caller_interrupts_filling_and_what_was_done_is_not_done_again(worker, tokenised):
    one = worker(StateStore(MemoryStates(MEMORY)))
    long = tokenised("", "".join(ENTRIES) * 6)
    decoded: list[tuple[int, ...]] = []
    decode = one._model.decode

    def recording(tokens: list[int], position: int, *, logits: bool) -> None:
        decoded.append((position, *tokens))
        decode(tokens, position, logits=logits)

    one._model.decode = recording  # type: ignore[method-assign]
    one.fill([lambda: long])
    wait_until(lambda: len(decoded) >= 4)
    assert written(start(one, tokenised("Why?"), 2)) is not None
    interrupted_after = len(decoded)
    wait_until(lambda: one.idle)
    parts = [piece for part in itertools.pairwise((0, *long.cuts)) for piece in pieces(*part, 32)]
    assert interrupted_after < len(parts)  # else nothing was interrupted
    assert all(decoded.count((a, *long.tokens[a:b])) == 1 for a, b in parts)
    question = tokenised("Why?", "".join(ENTRIES) * 6)
    assert np.array_equal(scores(one, question), scores(worker(None), question))


def test_filling_ends_where_the_budget_ends(worker, tokenised):
    prompts = [tokenised("", f"Entry {i}. {ENTRIES[0]}") for i in range(5)]
    per_token = 23_040
    states = StateStore(MemoryStates(per_token * (prompts[0].cuts[1] + 2 * (prompts[0].cuts[1] - prompts[0].cuts[0]))))
    one = worker(states)
    one.fill([lambda prompt=prompt: prompt for prompt in prompts])
    wait_until(lambda: one.idle)
    first, last = (state_keys("this model", prompts[i])[1] for i in (0, 4))
    assert first in states
    assert last not in states
    assert states.memory.used <= states.memory.budget


def test_what_is_kept_while_others_are_served_is_bit_for_bit_what_a_cold_run_gives(worker, tokenised):
    cold, keeping = worker(None), worker(StateStore(MemoryStates(MEMORY)), parallel=4)
    tales = [start(keeping, tokenised(f"Tell me story {i}."), 400) for i in range(3)]
    for tale in tales:
        tale.output.get()
    question = tokenised("Why, and since when, and who found it out?", *ENTRIES)
    expected = scores(cold, question)
    assert np.array_equal(scores(keeping, question), expected)  # read while they write
    assert all(tale.stats.new_tokens < 400 for tale in tales)
    job = start(keeping, question, 8)
    assert written(job) == written(start(cold, question, 8))
    assert job.stats.cached_tokens == question.cuts[-1]
    for tale in tales:
        tale.left = True
    assert np.array_equal(scores(keeping, question), expected)  # from what was kept meanwhile


def test_a_newcomer_gets_words_while_others_are_still_being_written(worker, tokenised):
    one = worker(None, parallel=4)
    tales = [start(one, tokenised(f"Tell me story {i}."), 500) for i in range(3)]
    for tale in tales:
        tale.output.get()
    assert written(start(one, tokenised("Why?"), 2)) != ""
    assert all(0 < tale.stats.new_tokens < 500 for tale in tales)
    for tale in tales:
        tale.left = True
        written(tale)


def test_others_go_on_by_a_token_for_each_piece_of_a_newcomers_prompt(worker, tokenised):
    one = worker(None, parallel=4)
    tale = start(one, tokenised("Tell me a long story."), 500)
    tale.output.get()
    read: list[int] = []  # how much of the tale was written before each piece
    decode = one._model.decode

    def recording(tokens: list[int], position: int, *, logits: bool) -> None:
        if len(tokens) > 1:
            read.append(tale.stats.new_tokens)
        decode(tokens, position, logits=logits)

    one._model.decode = recording  # type: ignore[method-assign]
    scores(one, tokenised("Why?", "".join(ENTRIES) * 3))
    tale.left = True
    assert len(read) >= 8
    assert [b - a for a, b in itertools.pairwise(read)] == [1] * (len(read) - 1)


def test_scores_may_pass_a_text_that_waits_for_room_and_texts_keep_their_order(worker, tokenised):
    one = worker(None, parallel=2)
    tales = [start(one, tokenised(f"Tell me story {i}."), 300) for i in range(2)]
    for tale in tales:
        tale.output.get()
    third, fourth = (start(one, tokenised(f"Why {i}?"), 2) for i in range(2))
    assert scores(one, tokenised("Is it so?")).size > 0
    assert third.output.empty()
    tales[0].left = True
    assert written(third) != ""
    tales[1].left = True
    assert written(fourth) != ""
    assert third.stats.queue_s + third.since < fourth.stats.queue_s + fourth.since
    assert fourth.stats.queue_s > 0


def test_a_caller_who_is_cancelled_in_the_line_leaves_it_though_there_is_no_room(worker, tokenised):
    one = worker(None, parallel=1)
    tale = start(one, tokenised("Tell me a long story."), 500)
    tale.output.get()
    cancel = threading.Event()
    waiting = start(one, tokenised("Why?"), 5, cancel)
    cancel.set()
    assert written(waiting) == ""
    assert waiting.stats.finish == "cancelled"
    assert tale.stats.new_tokens < 500
    tale.left = True


def test_callers_are_served_in_the_order_they_came(worker, tokenised):
    one = worker(StateStore(MemoryStates(MEMORY)))
    order: list[int] = []
    jobs = [start(one, tokenised(f"Number {i}?"), 3) for i in range(5)]
    threads = [
        threading.Thread(target=lambda i=i, job=job: (written(job), order.append(i))) for i, job in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waits = [job.stats.queue_s + job.since for job in jobs]
    assert waits == sorted(waits)
    assert sorted(order) == list(range(5))


def test_a_caller_who_left_frees_the_line_at_once(worker, tokenised):
    one = worker(None)
    gone = start(one, tokenised("Tell me all."), 500)
    gone.output.get()
    gone.left = True
    assert written(start(one, tokenised("Why?"), 1)) is not None
    assert gone.stats.finish == "cancelled"
    assert gone.stats.new_tokens < 500


@pytest.mark.parametrize("parallel", [1, 4])
def test_stopping_ends_what_runs_and_what_waits(worker, tokenised, parallel):
    one = worker(None, parallel=parallel)
    running, waiting, choosing = (
        start(one, tokenised("All?"), 500),
        start(one, tokenised("Why?"), 500),
        Job(tokenised("Yes?")),
    )
    one.submit(choosing)
    running.output.get()
    one.stop()
    one.stop()
    written(running)
    assert (running.stats.finish, waiting.stats.finish) == ("cancelled", "cancelled")
    assert isinstance(choosing.output.get(), EngineError) or parallel > 1
    with pytest.raises(EngineError, match="The model was closed"):
        start(one, tokenised("Why?"), 5)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_breaks_down_tells_those_whose_texts_it_was_writing(worker, tokenised):
    one = worker(None, parallel=4)
    jobs = [start(one, tokenised(f"Tell me story {i}."), 500) for i in range(2)]
    for job in jobs:
        job.output.get()

    def break_down() -> None:
        raise ZeroDivisionError

    one._desk.step = break_down  # type: ignore[method-assign]
    for job in jobs:
        last = next(item for item in iter(job.output.get, None) if not isinstance(item, str))
        assert isinstance(last, EngineError)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_breaks_down_leaves_nobody_waiting(worker, tokenised):
    one = worker(None)

    def break_down() -> None:
        raise ZeroDivisionError

    one._model.clear = break_down  # type: ignore[method-assign]
    jobs = [start(one, tokenised("Why?"), 5)]
    assert isinstance(jobs[0].output.get(), EngineError)
    with pytest.raises(EngineError):
        wait_until(lambda: bool(start(one, tokenised("Why?"), 5)) and False)
