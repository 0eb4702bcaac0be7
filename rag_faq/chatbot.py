"""The chatbot: the only place where the stages are joined.

question + history ─ stand-alone question ─ search ─ enough evidence? ─ prompt ─ generate ─ ground ─► Answer
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from collections.abc import Generator as Steps
from dataclasses import dataclass, replace
from threading import Event as Flag

from rag_faq.errors import EngineError, QuestionError
from rag_faq.generation import replies
from rag_faq.generation.finding import Finder, Found
from rag_faq.generation.gate import Gate, less_likely
from rag_faq.generation.generator import Generator, Sampling
from rag_faq.generation.orders import without_orders
from rag_faq.generation.prompt import answer_prompt
from rag_faq.generation.verbatim import verbatim_text
from rag_faq.generation.voice import as_author, speaks_as_author
from rag_faq.grounding.attribute import Grounded, ground
from rag_faq.grounding.passages import with_passage
from rag_faq.grounding.stand_in import stands_in
from rag_faq.grounding.verify import Asked, Verifier
from rag_faq.preparing import Preparation
from rag_faq.records import (
    Answer,
    Event,
    FaqEntry,
    History,
    Hit,
    ModelInfo,
    Outcome,
    Related,
    SourcesFound,
    TextDelta,
    Timings,
)
from rag_faq.retrieval import query
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.second import Searcher
from rag_faq.retrieval.store import FaqIndex

log = logging.getLogger(__name__)

_NEAREST = 3  # questions that a refusal names
# What a name in the question that no source has takes off the log-odds that the sources answer: there is one in half of
# the near misses, and in one in ten of the questions that the FAQ answers.
_FOREIGN = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """How the chatbot answers. Each is a setting of the same name."""

    answer_style: str = "auto"
    max_sources: int = 3
    strictness: float = 0.5
    max_new_tokens: int = 384
    max_question_chars: int = 8000


class FaqChatbot:
    """Answers questions from one index. Safe to use from many threads; made by `rag_faq.assembly.load_chatbot`."""

    def __init__(
        self,
        retriever: Retriever,
        verifier: Verifier,
        generator: Generator | None = None,
        options: Options | None = None,
        *,
        closer: Searcher | None = None,
        cut: Callable[[Hit], str] | None = None,
        model_note: str = "",
    ) -> None:
        """Join the stages.

        `closer` searches again where it is to be judged what answers (by default nothing does); `cut` gives the part
        of an entry's answer that fits the prompt (by default all of it); `model_note` says why there is no generator.
        """
        self.options = options or Options()
        self._retriever = retriever
        self._verifier = verifier
        self._generator = generator
        self._cut = cut or (lambda hit: hit.entry.answer)
        self.closer = closer or retriever
        self._finder = Finder(retriever, self.closer, generator, self._cut)
        self._preparation = Preparation(retriever.index, self.closer, verifier, generator, self._cut)
        self._model = generator.info if generator is not None else ModelInfo(name="none", detail=model_note)

    @property
    def retriever(self) -> Retriever:
        """What searches."""
        return self._retriever

    @property
    def index(self) -> FaqIndex:
        """What is searched."""
        return self._retriever.index

    @property
    def entries(self) -> tuple[FaqEntry, ...]:
        """All entries of the index, in the documents' order."""
        return self.index.entries

    @property
    def model(self) -> ModelInfo:
        """Which weights answer, on which device."""
        return self._model

    @property
    def gate(self) -> Gate:
        """What judges whether an entry answers a question."""
        return self._finder.gate

    @property
    def index_fingerprint(self) -> str:
        """Names the content of the index."""
        return self.index.fingerprint

    def with_options(self, options: Options) -> FaqChatbot:
        """The same chatbot, sharing model and index, with other options."""
        other = FaqChatbot(self._retriever, self._verifier, self._generator, options, closer=self.closer, cut=self._cut)
        other._model = self._model
        return other

    def search(self, question: str, history: History = ()) -> tuple[Hit, ...]:
        """The entries that come nearest to the question, best first; the model writes nothing but a rewriting."""
        return self.find(question, history)[1]

    def find(self, question: str, history: History = ()) -> tuple[str, tuple[Hit, ...]]:
        """The stand-alone question that was searched for, and its hits."""
        text, problem = self._question(question)
        if problem:
            return text, ()
        searched = self._finder.search(text, history)
        return searched.text, searched.hits

    def ask(self, question: str, history: History = (), cancel: Flag | None = None) -> Answer:
        """The answer to one question. `history` is the conversation so far: (role, text) pairs, oldest first."""
        for event in self.stream(question, history, cancel):
            if isinstance(event, Answer):
                return event
        raise AssertionError("a stream ends with an Answer")

    def stream(self, question: str, history: History = (), cancel: Flag | None = None) -> Iterator[Event]:
        """`SourcesFound` (twice where the sources are still to be judged), then `TextDelta`s, then the `Answer`.

        Closing the iterator, or setting `cancel`, stops the model within one token. With `cancel`, what was written so
        far is still checked and given as the `Answer`. Nothing is raised for a question that cannot be worked on:
        that is a refusal which says why.
        """
        start = time.perf_counter()
        text, problem = self._question(question)
        if problem:
            yield SourcesFound((), question)
            yield self._refuse(question, question, problem, Timings(total_s=time.perf_counter() - start))
            return
        searched = self._finder.search(text, history)
        most = self.options.max_sources
        if searched.own is None:
            yield SourcesFound(self._finder.candidates(searched, most), searched.text, settled=False)
        found = self._finder.settle(searched, self.options.strictness, most)
        probability = self._probability(found)
        if probability < self.options.strictness:
            found = replace(found, sources=())
        style = self._style(found)
        yield SourcesFound(found.sources, found.searched)
        if style == "refused":
            answer = self._not_in_faq(question, found)
        elif style == "verbatim":
            answer = self._verbatim(question, found, self._why_verbatim(found))
            yield TextDelta(answer.text)
        else:
            answer = yield from self._compose(question, found, probability, cancel, start)
        yield replace(answer, timings=replace(answer.timings, total_s=time.perf_counter() - start))

    def warm(self) -> None:
        """Prepare in the background what every first question would wait for: model states, the verifier's view."""
        self._preparation.start()

    def close(self) -> None:
        """Free the model, and end what goes on in the background."""
        self._preparation.stop()
        if self._generator is not None:
            self._generator.close()

    # -- the stages ---------------------------------------------------------------------------------------------

    def _question(self, question: str) -> tuple[str, str]:
        """What is to be answered, and why that cannot be worked on; the second is empty when it can."""
        if not question.strip():
            return question, replies.EMPTY_QUESTION
        if len(question) > self.options.max_question_chars:
            return question, replies.too_long(len(question), self.options.max_question_chars)
        text = query.plain(question)
        if not query.has_words(text):
            return text, replies.NO_WORDS
        text = without_orders(text)
        return text, "" if query.has_words(text) else replies.ONLY_ORDERS

    def _style(self, found: Found) -> str:
        """`refused`, `verbatim` or `composed`."""
        if not found.sources:
            return "refused"
        if self._generator is None or self.options.answer_style == "verbatim":
            return "verbatim"
        return "verbatim" if found.own and self.options.answer_style == "auto" else "composed"

    def _why_verbatim(self, found: Found) -> str:
        if self._generator is None:
            return f"{replies.NO_MODEL} {self._model.detail}".strip()
        if self.options.answer_style == "verbatim":
            return replies.ASKED_VERBATIM
        return replies.OWN_QUESTION

    # -- the outcomes -------------------------------------------------------------------------------------------

    def _compose(
        self, question: str, found: Found, probability: float, cancel: Flag | None, start: float
    ) -> Steps[Event, None, Answer]:
        """Let the model write, give its words on as they come, and check what it wrote.

        Where the model breaks down, the first source is given as it stands.
        """
        assert self._generator is not None
        prompt = answer_prompt(found.searched, found.sources)
        written: list[str] = []
        first: float | None = None
        try:
            generation = self._generator.generate(prompt, Sampling(max_tokens=self.options.max_new_tokens), cancel)
            try:
                for piece in generation:
                    if first is None:
                        first = time.perf_counter() - start
                    written.append(piece)
                    yield TextDelta(piece)
            finally:
                generation.close()
        except (EngineError, QuestionError) as error:
            # The owner's log has the whole; a visitor need not see the address of a server.
            log.warning("answering in the FAQ's own words: %s", error)
            return self._verbatim(question, found, replies.MODEL_FAILED)
        stats = generation.stats
        timings = replace(
            found.timings,
            queue_s=stats.queue_s,
            first_token_s=first,
            prompt_tokens=stats.prompt_tokens,
            cached_tokens=stats.cached_tokens,
            new_tokens=stats.new_tokens,
        )
        note = replies.STOPPED if stats.finish == "cancelled" else ""
        return self._checked("".join(written), question, replace(found, timings=timings), probability, note)

    def _checked(self, text: str, question: str, found: Found, probability: float, note: str) -> Answer:
        """What is left of the model's text once every sentence was held against the sources."""
        if speaks_as_author(text):
            text = as_author(text)
        grounded = ground(text, found.sources, self._verifier, Asked(found.searched, probability))
        if grounded.citations:
            if not note:
                grounded = with_passage(grounded, found.searched, found.sources, self._verifier.reader)
            return self._answer(question, found, "grounded", grounded, note)
        written = [sentence.text for sentence in grounded.unsupported]
        first = found.sources[0]
        if note or (
            not replies.is_denial(text) and stands_in(first, found.searched, found.evidence, written, self._verifier)
        ):
            fallback = self._verbatim(question, found, note or replies.NOTHING_HELD)
            return replace(fallback, unsupported=grounded.unsupported)
        return replace(self._not_in_faq(question, found), unsupported=grounded.unsupported)

    def _probability(self, found: Found) -> float:
        """That the sources answer; less where the question has a name or number that none of them has."""
        foreign = all(self._verifier.foreign(found.searched, s.text, s.entry.question) for s in found.sources)
        return less_likely(found.evidence, _FOREIGN) if foreign else found.evidence

    def _verbatim(self, question: str, found: Found, note: str) -> Answer:
        """The first source as it stands in the document."""
        source = found.sources[0]
        text, citation = verbatim_text(source)
        only = replace(found, sources=(source,))
        return self._answer(question, only, "verbatim", Grounded(text, (citation,), ()), note)

    def _not_in_faq(self, question: str, found: Found) -> Answer:
        """A refusal with the questions that come nearest."""
        ranked = _ranked(found)
        related = ranked[:_NEAREST]
        text = replies.refusal([item.entry for item in related], len(self.entries))
        refused = self._refuse(question, found.searched, text, found.timings)
        return replace(refused, related=related, ranked=ranked, evidence=found.evidence)

    def _refuse(self, question: str, searched: str, text: str, timings: Timings) -> Answer:
        return Answer(
            text=text,
            outcome="refused",
            question=question,
            searched=searched,
            timings=timings,
            model=self._model,
            index=self.index_fingerprint,
        )

    def _answer(self, question: str, found: Found, outcome: Outcome, grounded: Grounded, note: str) -> Answer:
        """The record of an answer, with what it leaves open said under it."""
        text = grounded.text
        if found.open_parts:
            text = f"{text}\n\n{replies.not_covered(found.open_parts)}"
        return Answer(
            text=text,
            outcome=outcome,
            question=question,
            searched=found.searched,
            citations=grounded.citations,
            sources=found.sources,
            unsupported=grounded.unsupported,
            timings=found.timings,
            model=self._model,
            index=self.index_fingerprint,
            evidence=found.evidence,
            note=note,
            ranked=_ranked(found),
        )


def _ranked(found: Found) -> tuple[Related, ...]:
    return tuple(Related(hit.entry, hit.score) for hit in found.hits)
