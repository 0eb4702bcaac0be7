"""From a question to the sources of its answer: stand-alone question, search, verdict on the entries, choice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag_faq.errors import EngineError
from rag_faq.generation.gate import Gate, Judged
from rag_faq.generation.generator import Generator
from rag_faq.generation.rewrite import Rewriter
from rag_faq.generation.select import interleave, number_sources
from rag_faq.generation.verbatim import own_question
from rag_faq.records import History, Hit, Source, Timings
from rag_faq.retrieval import query
from rag_faq.retrieval.second import Searcher

log = logging.getLogger(__name__)

_LOOK_AT = 10  # entries of a search that are looked at


@dataclass(frozen=True, slots=True)
class Searched:
    """What the search came to, before the model was asked anything."""

    text: str  # the stand-alone question that was searched for
    hits: tuple[Hit, ...]
    parts: tuple[str, ...]  # of a question in several parts
    own: Hit | None  # the entry whose own question this is
    timings: Timings


@dataclass(frozen=True, slots=True)
class Found:
    """What the answer is to be written from, and how probable it is that the FAQ answers at all."""

    searched: str
    hits: tuple[Hit, ...]  # those that were judged first, the most probable one at the head
    sources: tuple[Source, ...]
    evidence: float
    open_parts: tuple[str, ...]  # parts of the question that the FAQ does not answer
    timings: Timings
    own: bool = False  # the question is an entry's own


class Finder:
    """Searches and judges. Safe to use from many threads."""

    def __init__(
        self, retriever: Searcher, closer: Searcher, generator: Generator | None, cut: Callable[[Hit], str]
    ) -> None:
        """`closer` searches again where there is something to judge; it may be the same.

        `cut` gives the part of an entry's answer that the model is shown.
        """
        self._retriever = retriever
        self._closer = closer
        self._rewriter = Rewriter(generator)
        self._cut = cut
        self.gate = Gate(generator, cut)

    def search(self, question: str, history: History = ()) -> Searched:
        """The stand-alone question and its hits. The model is asked only where the question needs rewriting."""
        start = time.perf_counter()
        standalone = self._rewriter.stand_alone(question, history)
        rewritten = time.perf_counter()
        text, hits = self._nearest(standalone)
        own = own_question(text, hits)
        pieces = query.parts(text) if own is None else ()
        timings = Timings(rewrite_s=rewritten - start, retrieve_s=time.perf_counter() - rewritten)
        return Searched(text, hits, tuple(pieces) if len(pieces) > 1 else (), own, timings)

    def candidates(self, searched: Searched, most: int) -> tuple[Source, ...]:
        """What can be shown at once, while the verdict is still open: the nearest entries."""
        hits = searched.hits[:most] if searched.own is None else (searched.own,)
        return number_sources(hits, self._cut)

    def settle(self, searched: Searched, strictness: float, most: int) -> Found:
        """The verdict: at most `most` sources, each with at least the probability `strictness`; none for a refusal."""
        if searched.own is not None:  # nothing to be judged: the question is in the FAQ
            sources = number_sources((searched.own,), self._cut)
            return Found(searched.text, searched.hits, sources, 1.0, (), searched.timings, own=True)
        start = time.perf_counter()
        again = self._closer is not self._retriever
        hits = self._closer.search(searched.text, _LOOK_AT) if again else searched.hits
        judged = self._judge(searched.text, hits)
        rankings = [self.gate.enough(judged, strictness)]
        open_parts: tuple[str, ...] = ()
        if searched.parts:
            hits_of = [(part, self._closer.search(part, _LOOK_AT)) for part in searched.parts]
            parts = [(part, self.gate.enough(self._judge(part, of_part), strictness)) for part, of_part in hits_of]
            covered = [ranking for _, ranking in parts if ranking]
            if covered:
                rankings = covered
                open_parts = tuple(part for part, ranking in parts if not ranking)
        chosen = interleave([[item.hit for item in ranking] for ranking in rankings], most)
        best = max((item.probability for ranking in (judged, *rankings) for item in ranking), default=0.0)
        return Found(
            searched=searched.text,
            hits=_reordered(hits, judged),
            sources=number_sources(chosen, self._cut),
            evidence=best,
            open_parts=open_parts,
            timings=replace(searched.timings, gate_s=time.perf_counter() - start),
        )

    def _nearest(self, question: str) -> tuple[str, tuple[Hit, ...]]:
        """The question that was really searched for, and its hits: of a long text, the sentence that finds most."""
        searches = [(text, self._retriever.search(text, _LOOK_AT)) for text in query.candidates(question)]
        return max(searches, key=lambda pair: pair[1][0].score if pair[1] else 0.0)

    def _judge(self, question: str, hits: Sequence[Hit]) -> tuple[Judged, ...]:
        """The gate's verdict; where the model breaks down, that of the search alone."""
        try:
            return self.gate.judge(question, hits)
        except EngineError as error:
            log.warning("judging by the search alone: %s", error)
            return Gate(None, self._cut).judge(question, hits)


def _reordered(hits: Sequence[Hit], judged: Sequence[Judged]) -> tuple[Hit, ...]:
    first = {item.hit.entry.id: item.hit for item in judged}
    return (*first.values(), *(hit for hit in hits if hit.entry.id not in first))
