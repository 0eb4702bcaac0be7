"""From a question to the sources of its answer: search, verdict on the entries, choice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from rag_faq.errors import EngineError
from rag_faq.generation.found import Begun, Found, Searched, Share
from rag_faq.generation.gate import Gate
from rag_faq.generation.generator import Generator
from rag_faq.generation.judged import Judged
from rag_faq.generation.probing import Glance, Seen
from rag_faq.generation.rewrite import Rewriter
from rag_faq.generation.searching import LOOK_AT, QuestionSearch
from rag_faq.generation.select import adds_words, interleave, number_sources
from rag_faq.records import History, Hit, Prompt, Source
from rag_faq.retrieval import query
from rag_faq.retrieval.second import Searcher, weighed

log = logging.getLogger(__name__)

# With this probability an entry that does not lead is an answer beside the leading one. With 0.9, one wrong citation
# more of a hundred and half a fact more of a hundred came out (docs/evaluation.md).
_AS_WELL = 0.98
# With less than this probability the question is searched for once more, in the document's terms; both searches count
# the same. On the development set 0.7 to 0.9, and shares of a third to two thirds, came out alike (docs/evaluation.md).
_DOUBTFUL = 0.8
_REPHRASED = 0.5

T = TypeVar("T")
_Verdict: TypeAlias = tuple[Sequence[Hit], tuple[Judged, ...]]  # what was found, and what is thought of it
_Glances: TypeAlias = Sequence[Glance | None]
_Asked: TypeAlias = tuple[str, tuple[Judged, ...]]  # a question or a part of it, and the entries that answer it


class Finder:
    """Searches and judges. Safe to use from many threads."""

    def __init__(
        self,
        retriever: Searcher,
        closer: Searcher,
        generator: Generator | None,
        cut: Callable[[Hit], str],
        questions: Sequence[str] = (),
    ) -> None:
        """`closer` searches again where there is something to judge; it may be the same.

        `cut` gives the part of an entry's answer that the model is shown. `questions` are those of all entries: in
        their terms a question is put that seems not to be answered.
        """
        self._retriever = retriever
        self._closer = closer
        self._rewriter = Rewriter(generator, questions)
        self._search = QuestionSearch(retriever, self._rewriter)
        self._cut = cut
        self.gate = Gate(generator, cut)

    @property
    def prompts_ahead(self) -> tuple[Prompt, ...]:
        """Prompts whose beginnings some questions need, whatever they are about."""
        return self._rewriter.prompts_ahead(in_the_documents_terms=self.gate.prober is not None)

    def search(self, question: str, history: History = ()) -> Searched:
        """The stand-alone question and its hits. The model is asked only where the question leans on the history."""
        return self._search(question, history, self._glances)

    def candidates(self, searched: Searched, most: int) -> tuple[Source, ...]:
        """What can be shown at once, while the verdict is still open: the nearest entries."""
        hits = searched.hits[:most] if searched.own is None else (searched.own,)
        return number_sources(hits, self._cut)

    def begin(self, searched: Searched, strictness: float) -> Begun:
        """What the answer to a question that asks for several things surely begins with; most often nothing.

        That is the first of them, where its first entry leaves no doubt at a glance: it can be written before the rest
        is judged. Nothing is looked at for a question that asks for one thing, since its verdict is as soon there.
        """
        if searched.own is not None or not (searched.parts or self._besides(searched)):
            return Begun()
        start = time.perf_counter()
        text = searched.parts[0] if searched.parts else searched.text
        hits = self._retriever.search(text, LOOK_AT) if searched.parts else searched.hits
        glance = None if searched.parts else searched.glance
        glance = glance or self._glances([(text, hits)])[0]
        share = None
        if glance is not None and glance.judged and not self._asked_again(searched.parts[1:], hits[0]):
            leading = glance.judged[0]
            # Half of an answer has to be the surer, and it is open whether the other parts are answered.
            if leading.probability >= max(strictness, _AS_WELL if searched.parts else 0.0):
                share = Share(text, number_sources((leading.hit,), self._cut), leading.probability)
        return Begun(share, glance, time.perf_counter() - start)

    def _asked_again(self, parts: Iterable[str], hit: Hit) -> bool:
        """Whether one of these parts, too, seems to be one for the hit's entry: one answer serves both, then."""
        return any(
            found.entry.id == hit.entry.id for part in parts for found in self._retriever.search(part, LOOK_AT)[:1]
        )

    def settle(self, searched: Searched, strictness: float, most: int, begun: Begun | None = None) -> Found:
        """The verdict: at most `most` sources, each with at least the probability `strictness`; none for a refusal.

        The share that was `begun` comes first, and what was seen for it is not looked at again.
        """
        begun = begun or Begun()
        if searched.own is not None:  # nothing to be judged: the question is in the FAQ
            share = Share(searched.text, number_sources((searched.own,), self._cut), 1.0)
            return Found.by_one(searched, share, own=True)
        start = time.perf_counter()
        asked, open_parts = self._parts(searched, strictness, begun)
        rankings = [ranking for _, ranking in asked]
        hits: Sequence[Hit] = searched.hits
        if not asked:  # else the question as a whole needs no verdict
            glances = self._glances_at_whole(searched, searched.glance or (None if searched.parts else begun.glance))
            seen = Seen.at(glances)
            hits, judged = self._verdict(searched.text, searched.hits, glances[0], seen)
            hits, judged = self._once_more(searched.text, hits, judged, seen)
            asked = self._whole(searched.text, hits, self.gate.enough(judged, strictness), seen)
            asked = asked or self._compared(searched.text)
            rankings = [judged, *(ranking for _, ranking in asked)]
        return Found(
            searched=searched.text,
            hits=_reordered(hits, rankings),
            shares=self._shares(asked, most),
            evidence=max((item.probability for ranking in rankings for item in ranking), default=0.0),
            open_parts=open_parts,
            timings=replace(searched.timings, gate_s=begun.seconds + time.perf_counter() - start),
        )

    def _besides(self, searched: Searched) -> list[Hit]:
        """The entry that may have to answer beside the first one; none of a question that asks for one thing."""
        return _beside(searched.text, searched.hits[:1], searched.hits)

    def _glances_at_whole(self, searched: Searched, first: Glance | None) -> _Glances:
        """At the first entry, unless `first` was, and at the next one where that may have to answer beside it."""
        asked = [(searched.text, (hit,)) for hit in self._besides(searched)]
        if first is None:
            return self._glances([(searched.text, searched.hits), *asked])
        return [first, *self._glances(asked)]

    def _whole(self, text: str, hits: Sequence[Hit], ranking: tuple[Judged, ...], seen: Seen) -> list[_Asked]:
        """The question as one, from the entries that answer it.

        Where it names two things side by side, and the leading entry lacks words of it that the next one has, the
        next one answers for itself. `seen` is what was read of this question already.
        """
        asked = [(text, ranking)] if ranking else []
        if len(ranking) == 1:
            second = self._surely(text, _beside(text, [ranking[0].hit], hits), seen)
            if second:
                asked.append((text, second))
        return asked

    def _compared(self, text: str) -> list[_Asked]:
        """The things that a question compares, each from the entries that surely tell of it; none unless all do."""
        asked: list[_Asked] = []
        for what in query.compared(text):
            ranking = _sure(self._judged([what])[0][1])
            if not ranking:
                return []  # the others need not be judged
            asked.append((what, ranking))
        return asked

    def _parts(self, searched: Searched, strictness: float, begun: Begun) -> tuple[list[_Asked], tuple[str, ...]]:
        """The parts of the question that the FAQ answers, each with the entries that do; and the other parts.

        A part that refers back is read together with those before it. Where its leading entry is that of an earlier
        part, it goes to the next of the whole question's entries that answers it, or else to the earlier part, unless
        that is being answered already.
        """
        asked: dict[tuple[str, bool], _Asked] = {}  # by the leading entry, and whether it answers a part once more
        left: list[str] = []

        def taken(hit: Hit) -> bool:
            return (hit.entry.id, False) in asked

        texts = [
            " ".join(searched.parts[: place + 1]) if query.refers_back(part) else part
            for place, part in enumerate(searched.parts)
        ]
        verdicts = self._judged(texts, begun.glance if texts else None)
        for part, text, (_, judged) in zip(searched.parts, texts, verdicts, strict=True):
            ranking = self.gate.enough(judged, strictness)
            if ranking and taken(ranking[0].hit):
                hits = self._closer.search(searched.text, LOOK_AT)
                ranking = self._surely(text, [hit for hit in hits if not taken(hit)][:1]) or ranking
            if not ranking:
                left.append(part)
                continue
            leading = ranking[0].hit
            key = (leading.entry.id, leading.entry.id == begun.entry_id and taken(leading))
            earlier = asked.get(key)
            asked[key] = (f"{earlier[0]} {part}", earlier[1]) if earlier else (text, ranking)
        if left:  # what is half about something else has to be the surer
            asked = {
                key: of_part for key, of_part in asked.items() if of_part[1][0].probability >= max(_AS_WELL, strictness)
            }
        return list(asked.values()), tuple(left) if asked else ()

    def _surely(self, text: str, hits: Sequence[Hit], seen: Seen | None = None) -> tuple[Judged, ...]:
        """Those of the hits that next to surely answer `text`."""
        return _sure(self._judge(text, hits, seen))

    def _shares(self, asked: Sequence[_Asked], most: int) -> tuple[Share, ...]:
        """Each question with its sources, `most` in all, numbered through. What is left without a source goes."""
        # One part is answered from one source: a small model is misled by what it does not need.
        rankings = [[item.hit for item in (ranking if len(asked) == 1 else ranking[:1])] for _, ranking in asked]
        numbered = {source.entry.id: source for source in number_sources(interleave(rankings, most), self._cut)}
        shares = []
        for (question, ranking), hits in zip(asked, rankings, strict=True):
            sources = tuple(numbered[hit.entry.id] for hit in hits if hit.entry.id in numbered)
            if sources:
                shares.append(Share(question, sources, max(item.probability for item in ranking)))
        return tuple(shares)

    def _judged(self, texts: Sequence[str], first: Glance | None = None) -> list[_Verdict]:
        """What is found for each text, and the verdict on it. The first glances are taken in one batch.

        `first` is the glance at the first text, if there was one already.
        """
        asked = [(text, self._retriever.search(text, LOOK_AT)) for text in texts]
        known = [] if first is None else [first]
        glances = [*known, *self._glances(asked[len(known) :])]
        return [
            self._verdict(text, found, glance, Seen.at([glance]))
            for (text, found), glance in zip(asked, glances, strict=True)
        ]

    def _verdict(self, text: str, quick: Sequence[Hit], glance: Glance | None, seen: Seen) -> _Verdict:
        """On the quick search where its first entry, at the first glance, is plainly right; else on the closer one."""
        if glance is not None and glance.judged:
            return quick, glance.judged
        found = quick if self._closer is self._retriever else self._closer.search(text, LOOK_AT)
        return found, self._judge(text, found, seen)

    def _once_more(self, text: str, hits: Sequence[Hit], judged: tuple[Judged, ...], seen: Seen) -> _Verdict:
        """The verdict, and where it is in doubt, that on what is found in the document's terms as well.

        What is asked in everyday words is often far from what the document calls it. A model without probes judges more
        that is found so wrongly than rightly.
        """
        if self.gate.prober is None or not judged or judged[0].probability >= _DOUBTFUL:
            return hits, judged
        rephrased = self._rewriter.in_the_documents_terms(text)
        if rephrased is None:
            return hits, judged
        hits = weighed(hits, self._closer.search(rephrased, LOOK_AT), _REPHRASED)[:LOOK_AT]
        return hits, self._judge(text, hits, seen)

    def _judge(self, text: str, hits: Sequence[Hit], seen: Seen | None) -> tuple[Judged, ...]:
        """The gate's verdict, for which nothing is read again that was seen."""
        return self._safely(lambda gate: gate.judge(text, hits, seen))

    def _glances(self, asked: Sequence[tuple[str, Sequence[Hit]]]) -> list[Glance | None]:
        """At the first hit of each question's quick search, in one batch."""
        return self._safely(lambda gate: gate.glances(asked))

    def _safely(self, judge: Callable[[Gate], T]) -> T:
        """What the gate says; where the model breaks down, what the search alone says."""
        try:
            return judge(self.gate)
        except EngineError as error:
            log.warning("judging by the search alone: %s", error)
            return judge(Gate(None, self._cut))


def _beside(text: str, leading: Sequence[Hit], hits: Sequence[Hit]) -> list[Hit]:
    """The hit that may have to answer beside the leading one; none unless `text` names two things side by side."""
    if not leading or not query.coordinates(text):
        return []
    others = [hit for hit in hits if hit.entry.id != leading[0].entry.id][:1]
    return [hit for hit in others if adds_words(text, leading[0].entry, hit.entry)]


def _sure(judged: Iterable[Judged]) -> tuple[Judged, ...]:
    """Those that next to surely answer."""
    return tuple(item for item in judged if item.probability >= _AS_WELL)


def _reordered(hits: Sequence[Hit], rankings: Sequence[Sequence[Judged]]) -> tuple[Hit, ...]:
    """The hits, those that were judged at the head."""
    judged = interleave([[item.hit for item in ranking] for ranking in rankings], LOOK_AT)
    seen = {hit.entry.id for hit in judged}
    return (*judged, *(hit for hit in hits if hit.entry.id not in seen))
