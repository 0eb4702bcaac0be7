"""The chatbot: the only place where the stages are joined.

question + history ─ stand-alone question ─ search ─ enough evidence? ─ prompt ─ generate ─ ground ─► Answer
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as Steps
from copy import copy
from dataclasses import dataclass, replace
from threading import Event as Flag

from rag_faq.composing import Draft, as_it_stands, check, joined, write
from rag_faq.errors import EngineError, QuestionError
from rag_faq.generation import replies
from rag_faq.generation.finding import Finder
from rag_faq.generation.found import Begun, Found, Searched, Share
from rag_faq.generation.gate import Gate
from rag_faq.generation.generator import Generator
from rag_faq.generation.orders import without_orders
from rag_faq.grounding.attribute import Grounded
from rag_faq.grounding.coverage import Coverage
from rag_faq.grounding.verify import Verifier
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
        cut = cut or (lambda hit: hit.entry.answer)
        self.closer = closer or retriever
        self._coverage = Coverage(verifier, self.options.strictness)
        questions = [entry.question for entry in retriever.index.entries]
        self._finder = Finder(retriever, self.closer, generator, cut, questions)
        others = self._finder.prompts_ahead
        self._preparation = Preparation(retriever.index, self.closer, verifier, generator, cut, others)
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
        other = copy(self)
        other.options = options
        other._coverage = Coverage(self._verifier, options.strictness)
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
        """`SourcesFound` (first while the sources are still to be judged), then `TextDelta`s, then the `Answer`.

        Of a question that asks for several things, the first may be answered while the others are still to be judged:
        then the settled sources come between the words.

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
        found, draft = yield from self._settled(searched, cancel, start)
        style = self._style(found)
        yield SourcesFound(found.sources, found.searched)
        if style == "refused":
            answer = self._not_in_faq(question, found)
        elif style == "verbatim":
            answer = self._verbatim(question, found, self._why_verbatim(found))
            yield TextDelta(answer.text)
        else:
            answer = yield from self._compose(question, found, draft, cancel, start)
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
        if query.is_courtesy(text):
            return text, replies.COURTESY
        if query.is_about_the_chatbot(text):
            return text, replies.THE_CHATBOT
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

    def _settled(
        self, searched: Searched, cancel: Flag | None, start: float
    ) -> Steps[Event, None, tuple[Found, Draft]]:
        """What the answer is to be written from, and what of it was written before that was settled."""
        draft, begun = Draft(timings=searched.timings), Begun()
        if self._generator is not None and self.options.answer_style != "verbatim":
            begun = self._finder.begin(searched, self.options.strictness)
        if begun.share is not None and not self._coverage.stays(begun.share, in_parts=bool(searched.parts)):
            begun = replace(begun, share=None)
        if begun.share is not None:
            yield SourcesFound(begun.share.sources, searched.text, settled=False)
            try:
                draft = yield from self._write([begun.share], draft, cancel, start)
            except (EngineError, QuestionError) as error:
                log.warning("beginning again once all is judged: %s", error)
                begun = replace(begun, share=None)
        if draft.stopped and begun.share is not None:
            return Found.by_one(searched, begun.share), draft
        found = self._finder.settle(searched, self.options.strictness, self.options.max_sources, begun)
        found = self._coverage.covered(found)
        return found, replace(draft, timings=replace(draft.timings, gate_s=found.timings.gate_s))

    def _write(
        self, shares: Sequence[Share], draft: Draft, cancel: Flag | None, start: float
    ) -> Steps[Event, None, Draft]:
        assert self._generator is not None
        return (yield from write(shares, self._generator, self.options.max_new_tokens, draft, cancel, start))

    def _compose(
        self, question: str, found: Found, draft: Draft, cancel: Flag | None, start: float
    ) -> Steps[Event, None, Answer]:
        """Let the model write what the draft lacks, give its words on as they come, and check what it wrote.

        Where the model breaks down, the sources are given as they stand.
        """
        try:
            if not draft.stopped:
                draft = yield from self._write(found.shares[len(draft.texts) :], draft, cancel, start)
        except (EngineError, QuestionError) as error:
            # The owner's log has the whole; a visitor need not see the address of a server.
            log.warning("answering in the FAQ's own words: %s", error)
            return self._verbatim(question, found, replies.MODEL_FAILED)
        composed = check(draft, found.shares, self._verifier)
        found = replace(found, timings=draft.timings, open_parts=(*found.open_parts, *composed.open_parts))
        note = replies.STOPPED if draft.stopped else ""
        if composed.written:
            return self._answer(question, found, "grounded", composed.grounded, note)
        if composed.grounded.citations:
            found = found.with_sources(citation.number for citation in composed.grounded.citations)
            return self._answer(question, found, "verbatim", composed.grounded, note or replies.NOTHING_HELD)
        return replace(self._not_in_faq(question, found), unsupported=composed.grounded.unsupported)

    def _verbatim(self, question: str, found: Found, note: str) -> Answer:
        """The first source of each share as it stands in the document."""
        firsts = tuple(replace(share.sources[0], number=n) for n, share in enumerate(found.shares, start=1))
        shares = tuple(replace(share, sources=(first,)) for share, first in zip(found.shares, firsts, strict=True))
        grounded = joined([as_it_stands(first, own=found.own) for first in firsts])
        return self._answer(question, replace(found, shares=shares), "verbatim", grounded, note)

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
