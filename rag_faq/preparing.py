"""What is prepared before anybody asks: the model's states, and the view that the checks have of each entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread

from rag_faq.generation.generator import Generator
from rag_faq.generation.prompt import prefix_prompt
from rag_faq.generation.select import number_sources
from rag_faq.grounding.verify import Verifier
from rag_faq.records import Hit, Prompt
from rag_faq.retrieval.second import Searcher
from rag_faq.retrieval.store import FaqIndex

_MOST = 200  # entries for which more is prepared than the model's state
_NEIGHBOURS = 2  # entries that each of them is paired with


class Preparation:
    """Prepares in the background. `stop` ends that."""

    def __init__(
        self,
        index: FaqIndex,
        closer: Searcher,
        verifier: Verifier,
        generator: Generator | None,
        cut: Callable[[Hit], str],
        others: Sequence[Prompt] = (),
    ) -> None:
        """`closer` finds the entries that the model will have to tell apart.

        `cut` gives the part of an entry's answer that the model is shown. `others` are prompts whose beginnings some
        questions need, whatever they are about.
        """
        self._index = index
        self._closer = closer
        self._verifier = verifier
        self._generator = generator
        self._cut = cut
        self._others = tuple(others)
        self._closing = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin with every entry's state; return at once."""
        if self._generator is not None:
            entries = self._entries()
            self._generator.warm([*entries[:_MOST], *self._others, *entries[_MOST:]])
        self._thread = Thread(target=self._run, name="rag-faq preparation", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what goes on: a thread that is left inside torch would bring the process down at its end."""
        self._closing.set()
        self.wait()

    def wait(self) -> None:
        """Wait until all is prepared, or handed to the model."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        for entry in self._index.entries[:_MOST]:
            if self._closing.is_set():
                return
            self._verifier.prepare(entry.answer, entry.question)
            if self._generator is not None:
                self._generator.warm(self._pairs(entry.question))

    def _entries(self) -> list[Prompt]:
        """Each entry as the only source."""
        index = self._index
        first = {chunk.entry_id: chunk for chunk in reversed(index.chunks)}
        hits = (Hit(entry, 0.0, first[entry.id], 1) for entry in index.entries if entry.id in first)
        return [prefix_prompt(number_sources((hit,), self._cut)) for hit in hits]

    def _pairs(self, question: str) -> list[Prompt]:
        """The entry with this question, followed by each of its neighbours: what a question near it will need."""
        hits = self._closer.search(question, 1 + _NEIGHBOURS)
        return [prefix_prompt(number_sources((hits[0], hit), self._cut)) for hit in hits[1:]]
