"""What all HTTP doors share: the chatbot once it is loaded, the line before it, the counters, and the feedback."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from rag_faq.chatbot import FaqChatbot
from rag_faq.errors import RagFaqError
from rag_faq.feedback.store import FeedbackStore
from rag_faq.interfaces.http.line import Job, Line
from rag_faq.interfaces.http.metrics import Metrics
from rag_faq.interfaces.http.problems import RefusalError
from rag_faq.interfaces.http.schemas import AnswerOptions
from rag_faq.records import Answer, History, SourcesFound, TextDelta
from rag_faq.settings import Settings

questions_log = logging.getLogger("rag_faq.questions")

_LOADING_S = 5.0


@dataclass(frozen=True, slots=True)
class Given:
    """An answer, and the id under which feedback on it is taken (None where none is kept)."""

    answer: Answer
    id: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a door takes it in."""

    question: str
    history: History
    options: AnswerOptions
    door: str  # "http" or "openai"


Step: TypeAlias = SourcesFound | TextDelta | Given
# Watches the text as it is written, and tells when enough of it is there.
Enough: TypeAlias = Callable[[str], bool]


class Service:
    """One chatbot behind the HTTP doors."""

    def __init__(self, settings: Settings, feedback: FeedbackStore | None = None) -> None:
        """Not ready before a chatbot is given to `open`."""
        self.settings = settings
        self.feedback = feedback
        self.line = Line(settings.max_waiting + 1)
        self.metrics = Metrics(lambda: len(self.line), lambda: self.ready)
        self._chatbot: FaqChatbot | None = None

    def open(self, chatbot: FaqChatbot) -> None:
        """From now on questions are answered."""
        self._chatbot = chatbot

    def close(self) -> None:
        """End every answer under way, and wait for that."""
        self.line.close()
        if self.feedback is not None:
            self.feedback.close()

    @property
    def ready(self) -> bool:
        """Whether questions are answered yet."""
        return self._chatbot is not None

    @property
    def chatbot(self) -> FaqChatbot:
        """The chatbot. RefusalError while it is being loaded."""
        if self._chatbot is None:
            raise loading()
        return self._chatbot

    def ask(self, asked: Asked, enough: Enough | None = None) -> Job[Step]:
        """Begin to answer. With `enough`, the writing ends when it says so, and what was written is the answer.

        RefusalError while the chatbot is being loaded, and when too many are in line.
        """
        options = asked.options.over(self.chatbot.options, self.settings)
        chatbot = self.chatbot if options == self.chatbot.options else self.chatbot.with_options(options)
        since = time.perf_counter()
        job = self.line.start(lambda cancel: self._steps(chatbot, asked, cancel, enough, since))
        self.metrics.questions.labels(asked.door).inc()
        if self.settings.log_questions:
            questions_log.info("asked over %s: %r", asked.door, asked.question)
        return job

    def _steps(
        self, chatbot: FaqChatbot, asked: Asked, cancel: threading.Event, enough: Enough | None, since: float
    ) -> Iterator[Step]:
        """The chatbot's events, counted and timed, the answer with its id; in the job's thread."""
        worded = False
        try:
            for event in chatbot.stream(asked.question, asked.history, cancel):
                if isinstance(event, Answer):
                    self.metrics.outcomes.labels(event.outcome).inc()
                    self.metrics.whole.observe(time.perf_counter() - since)
                    yield Given(event, self._keep(event, asked.door))
                    continue
                if isinstance(event, TextDelta):
                    if not worded:
                        self.metrics.first_word.observe(time.perf_counter() - since)
                        worded = True
                    if enough is not None and enough(event.text):
                        cancel.set()
                yield event
        except RagFaqError:
            self.metrics.outcomes.labels("failed").inc()
            raise

    def _keep(self, answer: Answer, door: str) -> str | None:
        return None if self.feedback is None else self.feedback.log_answer(answer, door=door)


def loading() -> RefusalError:
    """What is said while there is no chatbot yet."""
    return RefusalError(
        503,
        "The index and the model are still being loaded",
        mend="ask again after the seconds in Retry-After, or wait for GET /readyz",
        retry_after_s=_LOADING_S,
    )
