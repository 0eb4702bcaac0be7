"""The one thread that runs a model: it takes callers in the order they came, and in idle time fills states ahead.

llama.cpp's contexts are not safe for threads, and a reader who is slow, or gone, must not hold up the next one. So the
thread owns the context, writes into a queue for each caller, and never waits for a reader.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag_faq.errors import EngineError
from rag_faq.generation.generator import Finish, GenerationStats, Sampling
from rag_faq.generation.llama import LEAST, PIECE, LlamaModel, State
from rag_faq.generation.states import StateStore, state_keys
from rag_faq.generation.template import TokenisedPrompt
from rag_faq.generation.text_stream import TextStream

log = logging.getLogger(__name__)

# In idle time the pieces are smaller, a seventh slower, so that a caller who comes waits half as long.
_AHEAD_PIECE = 32


class End:
    """Last item of a job's output."""


Item: TypeAlias = str | NDArray[np.float32] | EngineError | End


@dataclass(eq=False)
class Job:
    """One caller's prompt. Without `sampling` only the scores of the first token are wanted."""

    prompt: TokenisedPrompt
    sampling: Sampling | None = None
    cancel: threading.Event | None = None
    stats: GenerationStats = field(default_factory=GenerationStats)
    output: queue.SimpleQueue[Item] = field(default_factory=queue.SimpleQueue)
    left: bool = False  # the caller went away
    since: float = field(default_factory=time.perf_counter)

    @property
    def stopped(self) -> bool:
        """True when nobody waits for the rest any more."""
        return self.left or (self.cancel is not None and self.cancel.is_set())


@dataclass(eq=False)
class _Ahead:
    """A prompt whose states are to be filled in idle time, and how far that came when a caller interrupted it."""

    make: Callable[[], TokenisedPrompt | None]
    start: int = 0
    end: int = 0
    state: State | None = None  # of the tokens from `start` up to `end`


class _Interrupted(Exception):  # noqa: N818 (no error: a signal between the methods of the worker)
    """Reading a prompt was stopped between two pieces."""


class Worker:
    """Runs jobs on `model` until `stop`, in a thread of its own. Frees the model at its end."""

    def __init__(self, model: LlamaModel, states: StateStore | None, fingerprint: str) -> None:
        self._model = model
        self._states = states if model.keeps_states else None
        self._fingerprint = fingerprint
        self._line: deque[Job] = deque()
        self._ahead: deque[_Ahead] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._running: Job | None = None
        self._thread = threading.Thread(target=self._run, name="rag-faq-model", daemon=True)
        self._thread.start()

    # -- called by any thread -----------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Put a job at the end of the line. EngineError when the worker has stopped."""
        with self._wake:
            if self._closing:
                raise _closed()
            self._line.append(job)
            self._wake.notify()

    def fill(self, makers: Sequence[Callable[[], TokenisedPrompt | None]]) -> None:
        """Fill the states of these prompts, in order, when nobody waits. A maker that gives `None` is passed over."""
        with self._wake:
            if self._states is not None and not self._closing:
                self._ahead.extend(map(_Ahead, makers))
                self._wake.notify()

    @property
    def idle(self) -> bool:
        """True when there is nothing left to do, in the line or ahead."""
        with self._wake:
            return not self._line and not self._ahead and self._running is None

    def stop(self) -> None:
        """End what is under way, within one token or one piece of a prompt, and free the model. Waits for that."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # -- called by the worker's thread --------------------------------------------------------------------------

    def _run(self) -> None:
        failed = True  # unless the loop ends of itself
        try:
            while (job := self._next()) is not None:
                if isinstance(job, Job):
                    self._serve(job)
                else:
                    self._fill_one(job)
            failed = False
        finally:
            with self._wake:
                self._closing = True
                waiting = [*([self._running] if self._running else ()), *self._line]
                self._line.clear()
                self._ahead.clear()
            for job in waiting:
                if failed:
                    job.output.put(
                        EngineError("The thread that runs the model broke down", mend="load the model again")
                    )
                else:
                    self._end(job, "cancelled")
            if self._states is not None and not failed:
                self._states.flush()
            self._model.free()

    def _next(self) -> Job | _Ahead | None:
        """The next caller; if nobody waits, what is to be filled; `None` at the end."""
        while True:
            with self._wake:
                self._running = None
                if self._closing:
                    return None
                if self._line:
                    self._running = self._line.popleft()
                    return self._running
            if self._states is not None and not self._states.flush(1):
                continue  # a state was written: look at the line again
            with self._wake:
                if self._ahead and not self._line:
                    return self._ahead[0]
                if not self._line and not self._closing:
                    self._wake.wait()

    def _serve(self, job: Job) -> None:
        waited = time.perf_counter() - job.since
        job.stats = replace(job.stats, queue_s=waited, prompt_tokens=len(job.prompt.tokens))
        try:
            self._read(job.prompt, lambda: job.stopped or self._closing, job=job)
            if job.sampling is None:
                job.output.put(self._model.logits())
            else:
                self._end(job, self._write(job, job.sampling))
        except _Interrupted:
            self._end(job, "cancelled")
        except EngineError as error:
            job.output.put(error)

    def _end(self, job: Job, finish: Finish) -> None:
        """The last word to a caller."""
        job.stats = replace(job.stats, finish=finish)
        job.output.put(End() if job.sampling is not None else _closed())

    def _write(self, job: Job, sampling: Sampling) -> Finish:
        """Write what follows the prompt into the job's queue."""
        model, text = self._model, TextStream(sampling.stop)
        position = len(job.prompt.tokens)
        sampler = model.sampler(sampling.temperature, sampling.seed)
        try:
            for count in range(1, sampling.max_tokens + 1):
                token = sampler.next()
                if job.stopped or self._closing:
                    return "cancelled"
                if model.is_end(token):
                    _put(job, text.end())
                    return "stop"
                job.stats = replace(job.stats, new_tokens=count)
                _put(job, text.feed(model.text_of(token)))
                if text.stopped:
                    return "stop"
                if count < sampling.max_tokens:
                    model.decode([token], position, logits=True)
                    position += 1
            _put(job, text.end())
            return "length"
        finally:
            sampler.free()

    def _read(
        self, prompt: TokenisedPrompt, stop: Callable[[], bool], *, job: Job | None = None, ahead: _Ahead | None = None
    ) -> None:
        """Bring the context to the end of the prompt, from the longest kept prefix on; keep what is new of it.

        For filling ahead the part behind the last cut is left out. Raises _Interrupted when `stop` says so, and when
        filling ahead finds no room.
        """
        if stop():
            raise _Interrupted
        keys = state_keys(self._fingerprint, prompt)
        if ahead is not None:
            keys = keys[: len(prompt.cuts)]
        position = self._restore(prompt, keys, evict=ahead is None)
        if job is not None:
            job.stats = replace(job.stats, cached_tokens=position)
        for key, end in zip(keys, prompt.cuts, strict=False):
            if end > position:
                self._read_part(prompt, (position, end), stop, ahead)
                kept = self._keep(key, (position, end), evict=ahead is None)
                if ahead is not None and not kept:
                    raise _Interrupted
                position = end
        if job is None:
            return
        # Behind the last passing cut comes no more than the closing of the message: nothing goes on from there but the
        # very same prompt, which is not worth another batch.
        for key, end in list(zip(keys[len(prompt.cuts) :], prompt.passing, strict=True))[:-1]:
            if end > position:
                self._read_part(prompt, (position, end), stop, None)
                self._keep_passing(key, (position, end))
                position = end
        self._read_part(prompt, (position, len(prompt.tokens)), stop, None)

    def _restore(self, prompt: TokenisedPrompt, keys: Sequence[str], *, evict: bool) -> int:
        """Put back the states that are kept of the prompt; gives the number of tokens that they make up."""
        self._model.clear()
        position = 0
        if self._states is not None:
            known = self._states.known(keys, evict=evict)
            for key, (_, end), state in zip(keys, prompt.parts, known, strict=False):
                if not self._model.restore(state):
                    self._states.drop(key)
                    break
                position = end
        return position

    def _read_part(
        self, prompt: TokenisedPrompt, part: tuple[int, int], stop: Callable[[], bool], ahead: _Ahead | None
    ) -> None:
        done = part[0]
        if ahead is not None and ahead.state is not None and ahead.start == part[0] and ahead.end < part[1]:
            if self._model.restore(ahead.state):
                done = ahead.end
            ahead.state = None
        for start, end in pieces(*part, PIECE if ahead is None else _AHEAD_PIECE):
            if end <= done:
                continue
            if stop():
                if ahead is not None and start > part[0]:
                    ahead.start, ahead.end, ahead.state = part[0], start, self._model.state(part[0], start)
                raise _Interrupted
            self._model.decode(list(prompt.tokens[start:end]), start, logits=end == len(prompt.tokens))

    def _keep(self, key: str, part: tuple[int, int], *, evict: bool) -> bool:
        if self._states is None:
            return False
        try:
            return self._states.add(key, self._model.state(*part), evict=evict)
        except MemoryError:
            log.debug("no memory for a state of %d tokens", part[1] - part[0])
            return False

    def _keep_passing(self, key: str, part: tuple[int, int]) -> None:
        if self._states is not None:
            self._states.add_passing(key, self._model.state(*part))

    def _fill_one(self, ahead: _Ahead) -> None:
        """Fill one prompt's states, unless a caller comes. When there is no room left, nothing more is filled."""
        prompt = ahead.make()
        try:
            if prompt is not None and not self._known(prompt):
                self._read(prompt, self._called, ahead=ahead)
        except _Interrupted:
            if self._called():
                return
            with self._wake:
                log.debug("no room for more states: %d prompts are not filled ahead", len(self._ahead))
                self._ahead.clear()
        except EngineError as error:
            log.warning("a prompt was not prepared ahead: %s", error)
        with self._wake:
            if self._ahead and self._ahead[0] is ahead:
                self._ahead.popleft()

    def _known(self, prompt: TokenisedPrompt) -> bool:
        return self._states is not None and all(
            key in self._states for key in state_keys(self._fingerprint, prompt)[: len(prompt.cuts)]
        )

    def _called(self) -> bool:
        return bool(self._line) or self._closing


def pieces(start: int, end: int, size: int = PIECE) -> Iterator[tuple[int, int]]:
    """Cut tokens start..end into batches of `size`; what is left over, if short, lengthens the last one.

    Where parts and sizes are multiples of four tokens, the batches do not show in what is computed.
    """
    while end - start >= size + LEAST:
        yield start, start + size
        start += size
    yield start, end


def _put(job: Job, text: str) -> None:
    if text:
        job.output.put(text)


def _closed() -> EngineError:
    return EngineError("The model was closed", mend="load it again")
