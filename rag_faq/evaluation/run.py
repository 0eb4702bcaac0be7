"""Putting a question set to a chatbot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from rag_faq.evaluation.journal import Journal
from rag_faq.evaluation.questions import Question
from rag_faq.evaluation.results import Result, Row, Stage, given, ranking
from rag_faq.records import Answer, FaqEntry, History, Hit, ModelInfo


class Subject(Protocol):
    """What is evaluated. `FaqChatbot` is one."""

    @property
    def entries(self) -> tuple[FaqEntry, ...]:
        """All entries that can be found."""
        ...

    @property
    def model(self) -> ModelInfo:
        """Which weights answer."""
        ...

    @property
    def index_fingerprint(self) -> str:
        """Names the content of the index."""
        ...

    def search(self, question: str, history: History = ()) -> tuple[Hit, ...]:
        """The nearest entries, best first."""
        ...

    def ask(self, question: str, history: History = ()) -> Answer:
        """The answer."""
        ...


def evaluate(
    subject: Subject,
    questions: Sequence[Question],
    stage: Stage,
    journal: Journal,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Row, ...]:
    """Every question with its result, in the set's order.

    What the journal has already is not run again; each new result is on the disk before the next question is asked.
    `progress` is told how many of how many are done. The stage `gate` needs the decision alone: give a chatbot that
    answers in the style `verbatim`, so that nothing is written.
    """
    results = journal.read()
    done = sum(question.id in results for question in questions)
    if done < len(questions):
        with journal.writing() as file:
            for question in questions:
                if question.id in results:
                    continue
                results[question.id] = run_question(subject, question, stage)
                file.add(results[question.id])
                done += 1
                if progress is not None:
                    progress(done, len(questions))
    return tuple(Row(question, results[question.id]) for question in questions)


def run_question(subject: Subject, question: Question, stage: Stage) -> Result:
    """One question, as far as the stage goes."""
    if stage == "retrieval":
        start = time.perf_counter()
        hits = subject.search(question.question, question.history)
        return Result(question.id, ranking(hits), time.perf_counter() - start)
    answer = subject.ask(question.question, question.history)
    # The gate may have put another entry first than the search did, and the answer rests on that.
    return Result(question.id, ranking(answer.ranked), answer.timings.retrieve_s, given(answer))
