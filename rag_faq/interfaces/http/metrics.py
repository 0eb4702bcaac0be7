"""What is counted and timed at all doors, for Prometheus. Nothing of what is asked is in it."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from rag_faq.records import Outcome

Door: TypeAlias = Literal["page", "gradio", "mcp", "http", "openai"]

_FIRST_WORD_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)
_WHOLE_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one server, in a registry of its own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        """All at nought."""
        self._registry = CollectorRegistry()
        self.questions = Counter("rag_faq_questions", "Questions taken in.", ["door"], registry=self._registry)
        self.outcomes = Counter(
            "rag_faq_outcomes",
            "Answers given: grounded, verbatim, refused (the FAQ does not say), failed.",
            ["door", "outcome"],
            registry=self._registry,
        )
        self.first_word = Histogram(
            "rag_faq_first_word_seconds",
            "From the question to the first word of the answer, waiting in line included.",
            ["door"],
            buckets=_FIRST_WORD_S,
            registry=self._registry,
        )
        self.whole = Histogram(
            "rag_faq_answer_seconds",
            "From the question to the end of the answer, waiting in line included.",
            ["door"],
            buckets=_WHOLE_S,
            registry=self._registry,
        )
        self.turned_away = Counter(
            "rag_faq_refusals", "Requests turned away, by status.", ["status"], registry=self._registry
        )
        self.under_way = Gauge("rag_faq_queue_length", "Questions under way or in line.", registry=self._registry)
        self.ready = Gauge("rag_faq_ready", "1 when index and model are loaded.", registry=self._registry)
        # Named before the first question: a door that nobody uses is told from one that is not counted.
        for door in get_args(Door):
            self.questions.labels(door)
            for outcome in (*get_args(Outcome), "failed"):
                self.outcomes.labels(door, outcome)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
