"""Answers that are being written: each in a thread of its own, read by the page without blocking it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

from rag_faq.interfaces.questions import Inquiry, Questions, Step
from rag_faq.records import Answer, Event, History, Source, SourcesFound, TextDelta

Phase: TypeAlias = Literal["searching", "reading", "waiting", "writing", "done"]

MOST_AT_ONCE = 64  # answers under way; further ones wait for a thread
_PAUSE_S = 0.1  # between two changes of the page: faster is not seen, and costs
_MEASURABLE_S = 0.1  # a text that came faster than this has no speed worth telling
_AT_ONCE_S = 0.1  # a search that is done by then is shown with the question, in one change of the page
_LOOK_S = 0.5  # how often the place in the line is looked at while nothing comes


class Answers(Protocol):
    """What a run asks of a chatbot."""

    def stream(self, question: str, history: History = (), cancel: threading.Event | None = None) -> Stream:
        """The events of one answer."""
        ...


class Stream(Protocol):
    """An iterator of events."""

    def __iter__(self) -> Stream: ...

    def __next__(self) -> Event: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """What can be shown of an answer at one time."""

    phase: Phase
    sources: tuple[Source, ...] | None = None  # None before the search has ended
    settled: bool = False  # whether the answer is written from exactly these sources
    searched: str = ""
    text: str = ""
    ahead: int = 0  # answers that wait before this one
    answer: Answer | None = None
    answer_id: str | None = None  # under which the owner keeps it
    words_a_second: float | None = None


class Run:
    """One answer under way. `cancel` ends it early; what was written is still checked and given."""

    def __init__(self, runs: Runs) -> None:
        self.cancel = threading.Event()
        self.left = False  # nobody looks at it any more: nothing further is given
        self.composing = False  # from the sources to the end: in line for the model, or having it
        self._runs = runs
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Step | None] = asyncio.Queue()
        self._times: list[float] = []  # of each piece of text

    def work(self, inquiry: Inquiry, chatbot: Answers, question: str, history: History) -> None:
        """Take the steps to the answer, to the end also when nobody looks any more; runs in a thread."""
        for step in inquiry.follow(chatbot.stream(question, history, self.cancel)):
            if isinstance(step, SourcesFound):
                self.composing = bool(step.sources)
            elif isinstance(step, TextDelta):
                self._times.append(time.perf_counter())
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, step)

    def ended(self, _: Future[None]) -> None:
        """Called when `work` has ended, however it did."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, None)

    async def moments(self, work: Future[None]) -> AsyncIterator[Moment]:
        """What there is to show, whenever that changes. Raises what the chatbot raised."""
        moment: Moment | None = None
        ended = False
        while not ended:
            after = moment or Moment("searching")
            for step in await self._news(_LOOK_S if moment else _AT_ONCE_S):
                if step is None:
                    ended = True
                else:
                    after = self._after(after, step)
            if after.phase in ("reading", "waiting"):
                ahead = self._runs.ahead_of(self)
                after = replace(after, ahead=ahead, phase="waiting" if ahead else "reading")
            if self.left:
                return
            if after != moment:
                moment = after
                yield moment
            await asyncio.sleep(_PAUSE_S if moment.phase == "writing" else 0)
        work.result()

    async def _news(self, patience_s: float) -> list[Step | None]:
        """The steps that came since the last look; none when nothing comes for `patience_s`.

        Sources come by themselves: what the search found is shown at once, and the sources before the words, also
        when more is there already.
        """
        try:
            steps = [await asyncio.wait_for(self._arrived.get(), patience_s)]
        except TimeoutError:
            return []
        while not self._arrived.empty() and not isinstance(steps[-1], SourcesFound):
            steps.append(self._arrived.get_nowait())
        return steps

    def _after(self, moment: Moment, step: Step) -> Moment:
        if isinstance(step, SourcesFound):
            phase: Phase = "writing" if moment.text else "reading"  # a first part may stand there
            return replace(moment, phase=phase, sources=step.sources, settled=step.settled, searched=step.searched)
        if isinstance(step, TextDelta):
            return replace(moment, phase="writing", text=moment.text + step.text, ahead=0)
        speed = self._speed(moment.text)
        return replace(moment, phase="done", answer=step.answer, answer_id=step.id, words_a_second=speed)

    def _speed(self, text: str) -> float | None:
        """Words a second between the first piece and the last; None for a text that came all but at once."""
        if len(self._times) < 2 or self._times[-1] - self._times[0] < _MEASURABLE_S:
            return None
        return (len(text.split()) - 1) / (self._times[-1] - self._times[0])


class Runs:
    """The answers under way in all browsers, one a session."""

    def __init__(self, chatbot: Answers, questions: Questions) -> None:
        self._chatbot = chatbot
        self._questions = questions
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="answer")
        self._lock = threading.Lock()
        self._running: dict[str, Run] = {}  # in the order in which they started

    def busy(self, session: str) -> bool:
        """Whether an answer is being written for this session."""
        return session in self._running

    def stop(self, session: str) -> None:
        """End the session's answer; what was written so far is kept."""
        run = self._running.get(session)
        if run is not None:
            run.cancel.set()

    def leave(self, session: str) -> None:
        """End the session's answer and give nothing more of it: the page shows something else now."""
        with self._lock:
            run = self._running.pop(session, None)
        if run is not None:
            run.left = True
            run.cancel.set()

    def ahead_of(self, run: Run) -> int:
        """How many earlier answers have the model or wait for it."""
        with self._lock:
            earlier = list(self._running.values())
        return sum(other.composing for other in earlier[: earlier.index(run)]) if run in earlier else 0

    async def ask(
        self, session: str, question: str, history: History, chatbot: Answers | None = None
    ) -> AsyncIterator[Moment]:
        """Start an answer and give its moments. Leaving the iteration stops the model.

        `chatbot` answers in the place of the usual one: the same with other options.
        """
        run = Run(self)
        with self._lock:
            self._running[session] = run
        try:
            with self._questions.take_in("page", session) as inquiry:
                work = self._threads.submit(run.work, inquiry, chatbot or self._chatbot, question, history)
                work.add_done_callback(run.ended)
                async for moment in run.moments(work):
                    yield moment
        finally:
            run.cancel.set()
            with self._lock:
                if self._running.get(session) is run:
                    del self._running[session]
