"""What is counted and timed at the HTTP doors, for Prometheus. Nothing of what is asked is in it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_FIRST_WORD_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)
_WHOLE_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one server, in a registry of its own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, waiting: Callable[[], int], ready: Callable[[], bool]) -> None:
        """`waiting` gives the length of the line, `ready` whether questions can be answered."""
        self._registry = CollectorRegistry()
        self.questions = Counter("rag_faq_questions", "Questions taken in.", ["door"], registry=self._registry)
        self.outcomes = Counter(
            "rag_faq_outcomes",
            "Answers given: grounded, verbatim, refused (the FAQ does not say), failed.",
            ["outcome"],
            registry=self._registry,
        )
        self.first_word = Histogram(
            "rag_faq_first_word_seconds",
            "From the question to the first word of the answer, waiting in line included.",
            buckets=_FIRST_WORD_S,
            registry=self._registry,
        )
        self.whole = Histogram(
            "rag_faq_answer_seconds",
            "From the question to the end of the answer, waiting in line included.",
            buckets=_WHOLE_S,
            registry=self._registry,
        )
        self.turned_away = Counter(
            "rag_faq_refusals", "Requests turned away, by status.", ["status"], registry=self._registry
        )
        length = Gauge("rag_faq_queue_length", "Questions under way or in line.", registry=self._registry)
        length.set_function(waiting)
        loaded = Gauge("rag_faq_ready", "1 when index and model are loaded.", registry=self._registry)
        loaded.set_function(lambda: float(ready()))

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
