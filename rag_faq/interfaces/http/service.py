"""What all HTTP doors share: the chatbot once it is loaded, the line before it, and the questions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from rag_faq.chatbot import FaqChatbot
from rag_faq.interfaces.http.line import Job, Line
from rag_faq.interfaces.http.metrics import Door
from rag_faq.interfaces.http.problems import RefusalError
from rag_faq.interfaces.http.schemas import AnswerOptions
from rag_faq.interfaces.questions import Questions, Step
from rag_faq.records import History, TextDelta
from rag_faq.settings import Settings

questions_log = logging.getLogger("rag_faq.questions")

_LOADING_S = 5.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a door takes it in."""

    question: str
    history: History
    options: AnswerOptions
    door: Door


# Watches the text as it is written, and tells when enough of it is there.
Enough: TypeAlias = Callable[[str], bool]


class Service:
    """One chatbot behind the HTTP doors."""

    def __init__(self, settings: Settings, questions: Questions) -> None:
        """Not ready before a chatbot is given to `open`. `questions` are those of all doors of the web app."""
        self.settings = settings
        self.questions = questions
        self.feedback = questions.store
        self.metrics = questions.metrics
        self.line = Line(settings.max_waiting + 1)
        self._chatbot: FaqChatbot | None = None

    def open(self, chatbot: FaqChatbot) -> None:
        """From now on questions are answered."""
        self._chatbot = chatbot
        self.metrics.ready.set(1)

    def close(self) -> None:
        """End every answer under way, and wait for that."""
        self.line.close()
        self.questions.close()

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
        job = self.line.start(lambda cancel: self._steps(chatbot, asked, cancel, enough))
        if self.settings.log_questions:
            questions_log.info("asked over %s: %r", asked.door, asked.question)
        return job

    def _steps(
        self, chatbot: FaqChatbot, asked: Asked, cancel: threading.Event, enough: Enough | None
    ) -> Iterator[Step]:
        """The way to the answer; in the job's thread, which the line gives to whatever it does not turn away."""
        with self.questions.take_in(asked.door) as inquiry:
            for step in inquiry.follow(chatbot.stream(asked.question, asked.history, cancel)):
                if enough is not None and isinstance(step, TextDelta) and enough(step.text):
                    cancel.set()
                yield step


def loading() -> RefusalError:
    """What is said while there is no chatbot yet."""
    return RefusalError(
        503,
        "The index and the model are still being loaded",
        mend="ask again after the seconds in Retry-After, or wait for GET /readyz",
        retry_after_s=_LOADING_S,
    )
