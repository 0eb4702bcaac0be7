"""The one thread that runs a model: it reads prompts in turn, writes several texts at once, and fills states ahead.

llama.cpp's contexts are not safe for threads, and a reader who is slow, or gone, must not hold up the next one. So the
thread owns the contexts, writes into a queue for each caller, and never waits for a reader. While it reads a prompt,
every text that is being written goes on by one token after each piece of the prompt. States are filled ahead while
nobody is served.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from rag_faq.errors import EngineError
from rag_faq.generation.generator import Sampling
from rag_faq.generation.hardware import give_way
from rag_faq.generation.job import Job, closed
from rag_faq.generation.llama import PIECE, LlamaModel
from rag_faq.generation.reading import SHORT_PIECE, Ahead, Interrupted, Reader
from rag_faq.generation.states import StateStore
from rag_faq.generation.template import TokenisedPrompt
from rag_faq.generation.together import Together
from rag_faq.generation.writing import Desk, Writer

log = logging.getLogger(__name__)


class Worker:
    """Runs jobs on `model` until `stop`, in a thread of its own. Frees the model at its end."""

    def __init__(self, model: LlamaModel, states: StateStore | None, fingerprint: str, parallel: int = 1) -> None:
        """`parallel`: the most texts that are written at once; `fingerprint`: all that a state's values depend on."""
        self._model = model
        self._reader = Reader(model, states, fingerprint)
        self._together = Together(model, self._reader)
        self._desk = Desk(model, parallel)
        self._line: deque[Job] = deque()
        self._ahead: deque[Ahead] = deque()
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
                raise closed()
            self._line.append(job)
            self._wake.notify()

    def fill(self, makers: Sequence[Callable[[], TokenisedPrompt | None]]) -> None:
        """Fill the states of these prompts, in order, when nobody waits. A maker that gives `None` is passed over."""
        with self._wake:
            if self._reader.states is not None and not self._closing:
                self._ahead.extend(map(Ahead, makers))
                self._wake.notify()

    @property
    def idle(self) -> bool:
        """True when there is nothing left to do: nothing in the line or ahead, and nothing that is being written."""
        with self._wake:
            return not self._line and not self._ahead and self._running is None and not len(self._desk)

    def stop(self) -> None:
        """End what is under way, within one token or one piece of a prompt, and free the model. Waits for that."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # -- called by the worker's thread --------------------------------------------------------------------------

    def _run(self) -> None:
        give_way()  # the model takes all cores for seconds; searches, and the page, some milliseconds
        failed = True  # unless the loop ends of itself
        try:
            while (task := self._next()) is not None:
                if isinstance(task, Job):
                    self._serve(task)
                elif isinstance(task, Ahead):
                    self._fill_one(task)
                else:
                    task.step()
            failed = False
        finally:
            with self._wake:
                self._closing = True
                waiting = [*([self._running] if self._running else ()), *self._line]
                self._line.clear()
                self._ahead.clear()
            broken = EngineError("The thread that runs the model broke down", mend="load the model again")
            for job in waiting:
                if failed:
                    job.fail(broken)
                else:
                    job.end("cancelled")
            self._desk.end(broken if failed else None)
            if self._reader.states is not None and not failed:
                self._reader.states.flush()
            self._model.free()

    def _next(self) -> Job | Desk | Ahead | None:
        """The next caller who can be served; else the texts that are being written; else what is to be filled ahead.

        `None` at the end.
        """
        while True:
            with self._wake:
                self._running = None
                if self._closing:
                    return None
                self._running = self._pick()
                if self._running is not None:
                    return self._running
            if len(self._desk):
                return self._desk
            self._desk.tidy()
            if self._reader.states is not None and not self._reader.states.flush(1):
                continue  # a state was written: look at the line again
            with self._wake:
                if self._ahead and not self._line:
                    return self._ahead[0]
                if not self._line and not self._closing:
                    self._wake.wait()

    def _pick(self) -> Job | None:
        """Take the first caller out of the line for whom there is room.

        Callers who want a text written keep their order; one who wants scores only may pass those who wait for room.
        """
        room = self._desk.can_write
        for job in self._line:
            if job.stopped or (self._desk.can_read if job.sampling is None else room):
                self._line.remove(job)
                return job
            room = room and job.sampling is None
        return None

    def _serve(self, job: Job) -> None:
        waited = time.perf_counter() - job.since
        job.stats = replace(job.stats, queue_s=waited, prompt_tokens=len(job.prompt.tokens))
        try:
            stop = self._make_way(job)
            if job.reading:
                prompts = (job.prompt, *job.beside)
                job.output.put(self._together.read(prompts, stop, self._piece, measured=job.measured))
            elif job.sampling is None:
                self._read(job, stop)
                job.output.put(self._model.logits())
            else:
                first = self._first(job, job.sampling, stop)
                self._desk.sit_down(Writer(job, job.sampling, self._model), first)
        except Interrupted:
            job.end("cancelled")
        except EngineError as error:
            job.fail(error)

    def _make_way(self, job: Job) -> Callable[[], bool]:
        """Free the model's own context for a prompt. Interrupted when nobody waits for it any more.

        Gives what is to be called between the pieces of the prompt: it lets those who write go on, and tells whether
        to stop.
        """

        def stop() -> bool:
            if len(self._desk):
                self._desk.step()
            return job.stopped or self._closing

        if job.stopped:
            raise Interrupted
        while not self._desk.make_way():
            if stop():
                raise Interrupted
        return stop

    def _first(self, job: Job, sampling: Sampling, stop: Callable[[], bool]) -> int | None:
        """Bring the model's own context to the end of the prompt. Gives the first token, if it is known by then."""
        scores = self._reader.resume(job.prompt) if sampling.temperature <= 0 else None
        if scores is None:
            self._read(job, stop)
            return None
        job.stats = replace(job.stats, cached_tokens=len(job.prompt.tokens))
        return int(scores.argmax())

    @property
    def _piece(self) -> int:
        """How many tokens are read at once: fewer while others are written."""
        return SHORT_PIECE if len(self._desk) else PIECE

    def _read(self, job: Job, stop: Callable[[], bool]) -> None:
        """Bring the model's own context to the end of the prompt."""
        piece = self._piece
        position = self._reader.restore(job.prompt)
        job.stats = replace(job.stats, cached_tokens=position)
        self._reader.read(job.prompt, position, stop, piece)

    def _fill_one(self, ahead: Ahead) -> None:
        """Fill one prompt's states, unless a caller comes. When there is no room left, nothing more is filled."""
        room = True
        try:
            room = self._reader.fill(ahead, self._called)
        except Interrupted:
            return
        except EngineError as error:
            log.warning("a prompt was not prepared ahead: %s", error)
        with self._wake:
            if not room:
                log.debug("no room for more states: %d prompts are not filled ahead", len(self._ahead))
                self._ahead.clear()
            elif self._ahead and self._ahead[0] is ahead:
                self._ahead.popleft()

    def _called(self) -> bool:
        return bool(self._line) or self._closing
