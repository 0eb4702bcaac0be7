"""The chatbot: the only place where the stages are joined.

question + history ─ stand-alone question ─ search ─ enough evidence? ─ prompt ─ generate ─ ground ─► Answer
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as Steps
from dataclasses import dataclass, replace
from threading import Event as Flag
from threading import Thread

from rag_faq.generation import replies
from rag_faq.generation.gate import Gate, Judged
from rag_faq.generation.generator import Generator, Sampling
from rag_faq.generation.orders import without_orders
from rag_faq.generation.prompt import answer_prompt, prefix_prompt
from rag_faq.generation.rewrite import Rewriter
from rag_faq.generation.select import interleave, number_sources
from rag_faq.generation.verbatim import own_question, verbatim_text
from rag_faq.generation.voice import as_author, speaks_as_author
from rag_faq.grounding.attribute import Grounded, ground
from rag_faq.grounding.verify import Verifier
from rag_faq.records import (
    Answer,
    Event,
    FaqEntry,
    History,
    Hit,
    ModelInfo,
    Outcome,
    Related,
    Source,
    SourcesFound,
    TextDelta,
    Timings,
)
from rag_faq.retrieval import query
from rag_faq.retrieval.retriever import Retriever

_NEAREST = 3  # questions that a refusal names
_PREPARED = 200  # entries whose sentences are embedded ahead
_LOOK_AT = 10  # entries of a search that are looked at
# With this much evidence, an answer that did not hold gives way to the FAQ's own text, not to a refusal.
_SURE = 0.82
# A further entry joins the first one when it is at least this share as probable, and this share of its score.
_AS_PROBABLE, _AS_NEAR = 0.8, 0.87


@dataclass(frozen=True, slots=True)
class Options:
    """How the chatbot answers. Each is a setting of the same name."""

    answer_style: str = "auto"
    max_sources: int = 3
    strictness: float = 0.5
    max_new_tokens: int = 384
    max_question_chars: int = 8000


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to: the stand-alone question, its parts with their hits, and the verdict on each."""

    searched: str
    hits: tuple[Hit, ...]
    sources: tuple[Source, ...]
    evidence: float
    open_parts: tuple[str, ...]  # parts of the question that the FAQ does not answer
    timings: Timings
    own: bool = False  # the question is an entry's own


class FaqChatbot:
    """Answers questions from one index. Safe to use from many threads; made by `rag_faq.assembly.load_chatbot`."""

    def __init__(
        self,
        retriever: Retriever,
        verifier: Verifier,
        generator: Generator | None = None,
        options: Options | None = None,
        *,
        cut: Callable[[Hit], str] | None = None,
        model_note: str = "",
    ) -> None:
        """Join the stages.

        `cut` gives the part of an entry's answer that fits the prompt (by default all of it); `model_note` says why
        there is no generator.
        """
        self.options = options or Options()
        self._retriever = retriever
        self._verifier = verifier
        self._generator = generator
        self._cut = cut or (lambda hit: hit.entry.answer)
        self.gate = Gate(generator, self._cut)
        self._rewriter = Rewriter(generator)
        self._closing = Flag()
        self._preparing: Thread | None = None
        self._model = generator.info if generator is not None else ModelInfo(name="none", detail=model_note)

    @property
    def entries(self) -> tuple[FaqEntry, ...]:
        """All entries of the index, in the documents' order."""
        return self._retriever.index.entries

    @property
    def model(self) -> ModelInfo:
        """Which weights answer, on which device."""
        return self._model

    @property
    def index_fingerprint(self) -> str:
        """Names the content of the index."""
        return self._retriever.index.fingerprint

    def with_options(self, options: Options) -> FaqChatbot:
        """The same chatbot, sharing model and index, with other options."""
        other = FaqChatbot(self._retriever, self._verifier, self._generator, options, cut=self._cut)
        other._model = self._model
        return other

    def search(self, question: str, history: History = ()) -> tuple[Hit, ...]:
        """The entries that come nearest to the question, best first; the model writes nothing but a rewriting."""
        return self.find(question, history)[1]

    def find(self, question: str, history: History = ()) -> tuple[str, tuple[Hit, ...]]:
        """The stand-alone question that was searched for, and its hits."""
        text = without_orders(query.plain(question))
        if not query.has_words(text):
            return text, ()
        return self._search(self._rewriter.stand_alone(text, history))

    def ask(self, question: str, history: History = (), cancel: Flag | None = None) -> Answer:
        """The answer to one question. `history` is the conversation so far: (role, text) pairs, oldest first."""
        for event in self.stream(question, history, cancel):
            if isinstance(event, Answer):
                return event
        raise AssertionError("a stream ends with an Answer")

    def stream(self, question: str, history: History = (), cancel: Flag | None = None) -> Iterator[Event]:
        """`SourcesFound`, then `TextDelta`s, then the `Answer`.

        Closing the iterator, or setting `cancel`, stops the model within one token. With `cancel`, what was written so
        far is still checked and given as the `Answer`. Nothing is raised for a question that cannot be worked on:
        that is a refusal which says why.
        """
        start = time.perf_counter()
        problem = self._problem(question)
        if problem:
            yield SourcesFound((), question)
            yield self._refuse(question, question, problem, Timings(total_s=time.perf_counter() - start))
            return
        found = self._find(without_orders(query.plain(question)), history)
        style = self._style(found)
        yield SourcesFound(found.sources if style != "refused" else (), found.searched)
        if style == "refused":
            answer = self._not_in_faq(question, found)
        elif style == "verbatim":
            answer = self._verbatim(question, found, self._why_verbatim(found))
            yield TextDelta(answer.text)
        else:
            answer = yield from self._compose(question, found, cancel, start)
        yield replace(answer, timings=replace(answer.timings, total_s=time.perf_counter() - start))

    def warm(self) -> None:
        """Prepare in the background what every first question would wait for: model states, the verifier's view."""
        self._preparing = Thread(target=self._prepare_checks, name="rag-faq checks", daemon=True)
        self._preparing.start()
        if self._generator is None:
            return
        first = {chunk.entry_id: chunk for chunk in reversed(self._retriever.index.chunks)}
        hits = (Hit(entry, 0.0, first[entry.id], 1) for entry in self.entries if entry.id in first)
        self._generator.warm([prefix_prompt(number_sources((hit,), self._cut)) for hit in hits])

    def _prepare_checks(self) -> None:
        for entry in self.entries[:_PREPARED]:
            if self._closing.is_set():
                return
            self._verifier.prepare(entry.answer, entry.question)

    def close(self) -> None:
        """Free the model, and end what goes on in the background."""
        self._closing.set()
        if self._preparing is not None:  # a thread that is left inside torch would bring the process down at its end
            self._preparing.join()
        if self._generator is not None:
            self._generator.close()

    # -- the stages ---------------------------------------------------------------------------------------------

    def _problem(self, question: str) -> str:
        """Why the question cannot be worked on; empty when it can."""
        if not question.strip():
            return replies.EMPTY_QUESTION
        if len(question) > self.options.max_question_chars:
            return replies.too_long(len(question), self.options.max_question_chars)
        if not query.has_words(query.plain(question)):
            return replies.NO_WORDS
        return "" if query.has_words(without_orders(query.plain(question))) else replies.ONLY_ORDERS

    def _search(self, question: str) -> tuple[str, tuple[Hit, ...]]:
        """The question that was really searched for, and its hits: of a long text, the sentence that finds most."""
        searches = [(text, self._retriever.search(text, _LOOK_AT)) for text in query.candidates(question)]
        return max(searches, key=lambda pair: pair[1][0].score if pair[1] else 0.0)

    def _find(self, question: str, history: History) -> Found:
        """Stand-alone question, search, verdict on the entries, sources."""
        start = time.perf_counter()
        standalone = self._rewriter.stand_alone(question, history)
        rewritten = time.perf_counter()
        searched, hits = self._search(standalone)
        pieces = query.parts(searched)
        searches = [(piece, self._retriever.search(piece, _LOOK_AT)) for piece in pieces] if len(pieces) > 1 else []
        retrieved = time.perf_counter()
        own = own_question(searched, hits)
        if own is not None:  # nothing to be judged: the question is in the FAQ
            timings = Timings(rewrite_s=rewritten - start, retrieve_s=retrieved - rewritten)
            return Found(searched, hits, number_sources((own,), self._cut), 1.0, (), timings, own=True)
        judged = self.gate.judge(searched, hits)
        rankings = [self._enough(judged)]
        open_parts: tuple[str, ...] = ()
        if searches:
            parts = [(text, self._enough(self.gate.judge(text, found))) for text, found in searches]
            covered = [ranking for _, ranking in parts if ranking]
            if covered:
                rankings = covered
                open_parts = tuple(text for text, ranking in parts if not ranking)
        chosen = interleave([[item.hit for item in ranking] for ranking in rankings], self.options.max_sources)
        best = max((item.probability for ranking in (judged, *rankings) for item in ranking), default=0.0)
        return Found(
            searched=searched,
            hits=hits,
            sources=number_sources(chosen, self._cut),
            evidence=best,
            open_parts=open_parts,
            timings=Timings(
                rewrite_s=rewritten - start,
                retrieve_s=retrieved - rewritten,
                gate_s=time.perf_counter() - retrieved,
            ),
        )

    def _enough(self, judged: Sequence[Judged]) -> tuple[Judged, ...]:
        """The entries with enough evidence. The first one suffices, unless others come close to it."""
        if not judged or judged[0].probability < self.options.strictness:
            return ()
        first = judged[0]
        return tuple(
            item
            for item in judged
            if item is first
            or (
                item.probability >= max(self.options.strictness, _AS_PROBABLE * first.probability)
                and item.hit.score >= _AS_NEAR * first.hit.score
            )
        )

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

    def _compose(self, question: str, found: Found, cancel: Flag | None, start: float) -> Steps[Event, None, Answer]:
        """Let the model write, give its words on as they come, and check what it wrote."""
        assert self._generator is not None
        generation = self._generator.generate(
            answer_prompt(found.searched, found.sources), Sampling(max_tokens=self.options.max_new_tokens), cancel
        )
        written: list[str] = []
        first: float | None = None
        try:
            for piece in generation:
                if first is None:
                    first = time.perf_counter() - start
                written.append(piece)
                yield TextDelta(piece)
        finally:
            generation.close()
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
        return self._checked("".join(written), question, replace(found, timings=timings), note)

    def _checked(self, text: str, question: str, found: Found, note: str) -> Answer:
        """What is left of the model's text once every sentence was held against the sources."""
        if speaks_as_author(text):
            text = as_author(text)
        grounded = ground(text, found.sources, self._verifier)
        if grounded.citations:
            return self._answer(question, found, "grounded", grounded, note)
        if note or (found.evidence >= _SURE and not replies.is_denial(text)):
            fallback = self._verbatim(question, found, note or replies.NOTHING_HELD)
            return replace(fallback, unsupported=grounded.unsupported)
        return replace(self._not_in_faq(question, found), unsupported=grounded.unsupported)

    def _verbatim(self, question: str, found: Found, note: str) -> Answer:
        """The first source as it stands in the document."""
        source = found.sources[0]
        text, citation = verbatim_text(source)
        only = replace(found, sources=(source,))
        return self._answer(question, only, "verbatim", Grounded(text, (citation,), ()), note)

    def _not_in_faq(self, question: str, found: Found) -> Answer:
        """A refusal with the questions that come nearest."""
        related = tuple(Related(hit.entry, hit.score) for hit in found.hits[:_NEAREST])
        text = replies.refusal([item.entry for item in related], len(self.entries))
        refused = self._refuse(question, found.searched, text, found.timings)
        return replace(refused, related=related, evidence=found.evidence)

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
        )
