"""Every question of the process, at whatever door it was asked: counted, timed, and kept for the owner of the FAQ."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from rag_faq.errors import RagFaqError
from rag_faq.feedback.store import FeedbackStore
from rag_faq.interfaces.http.metrics import Door, Metrics
from rag_faq.records import Answer, Event, SourcesFound, TextDelta


@dataclass(frozen=True, slots=True)
class Given:
    """An answer, and the id under which feedback on it is taken (None where none is kept)."""

    answer: Answer
    id: str | None


Step: TypeAlias = SourcesFound | TextDelta | Given


class Questions:
    """What all doors of a process share: the counters, and the owner's store. Any number of threads may use it."""

    def __init__(self, store: FeedbackStore | None = None) -> None:
        """Without a store, questions are counted and not kept."""
        self.store = store
        self.metrics = Metrics()

    @contextmanager
    def take_in(self, door: Door, session: str = "") -> Iterator[Inquiry]:
        """Count a question, and start its clock. Leaving the context says that nobody waits for it any more.

        To be entered where no door can turn the question away any more. `session` is the open page, where there is one.
        """
        self.metrics.questions.labels(door).inc()
        with self.metrics.under_way.track_inprogress():
            yield Inquiry(self, door, session)

    def close(self) -> None:
        """Close the store's file."""
        if self.store is not None:
            self.store.close()


class Inquiry:
    """One question that was taken in. Its answer comes through `follow` or `answer`, which no question needs twice."""

    def __init__(self, questions: Questions, door: Door, session: str) -> None:
        self._questions = questions
        self._door = door
        self._session = session
        self._since = time.perf_counter()

    def follow(self, events: Iterable[Event]) -> Iterator[Step]:
        """The chatbot's events, counted and timed, the answer kept and with its id. Raises what the chatbot raises.

        To be iterated in a thread: the disk may be slow. Where that ends before the answer, none is counted.
        """
        metrics, worded = self._questions.metrics, False
        try:
            for event in events:
                if isinstance(event, Answer):
                    metrics.outcomes.labels(self._door, event.outcome).inc()
                    metrics.whole.labels(self._door).observe(self._seconds())
                    yield Given(event, self._keep(event))
                    continue
                if isinstance(event, TextDelta) and not worded:
                    metrics.first_word.labels(self._door).observe(self._seconds())
                    worded = True
                yield event
        except RagFaqError:
            metrics.outcomes.labels(self._door, "failed").inc()
            raise

    def answer(self, events: Iterable[Event]) -> Given:
        """The answer that the events end with, for a door that shows nothing before."""
        for step in self.follow(events):
            if isinstance(step, Given):
                return step
        raise AssertionError("a stream ends with an Answer")

    def _seconds(self) -> float:
        return time.perf_counter() - self._since

    def _keep(self, answer: Answer) -> str | None:
        store = self._questions.store
        return None if store is None else store.log_answer(answer, session=self._session, door=self._door)
