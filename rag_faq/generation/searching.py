"""From a question and the conversation before it to a search: what is looked for, and what the quick search finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from rag_faq.generation.found import Searched
from rag_faq.generation.probing import Glance
from rag_faq.generation.rewrite import Rewriter
from rag_faq.generation.verbatim import own_question
from rag_faq.records import History, Hit, Timings
from rag_faq.retrieval import query
from rag_faq.retrieval.second import Searcher

LOOK_AT = 10  # entries of a search that are looked at

_Search: TypeAlias = tuple[str, tuple[Hit, ...]]  # what was looked for, and what was found
Look: TypeAlias = Callable[[Sequence[_Search]], Sequence[Glance | None]]


class QuestionSearch:
    """Searches for what a question means. Safe to use from many threads."""

    def __init__(self, retriever: Searcher, rewriter: Rewriter) -> None:
        self._retriever = retriever
        self._rewriter = rewriter

    def __call__(self, question: str, history: History, look: Look) -> Searched:
        """The stand-alone question and its hits.

        `look` takes a glance at the first hit of each search, where that has to tell how a follow-up is meant.
        """
        start = time.perf_counter()
        candidates = self._rewriter.stand_alone(question, history)
        rewritten = time.perf_counter()
        searches = [self._nearest(text) for text in candidates]
        retrieved = time.perf_counter()
        place, glance = _meant(searches, look)
        timings = Timings(
            rewrite_s=rewritten - start + time.perf_counter() - retrieved, retrieve_s=retrieved - rewritten
        )
        text, hits = searches[place]
        parts = query.parts(text)
        if candidates[place] != question and len(parts) != len(query.parts(question)):
            parts = (text,)  # what was put in front of it was asked and answered before
        own = own_question(text, hits)
        if own is not None and len(query.parts(own.entry.question)) < len(parts):
            own = own_question(text, hits, nearly=False)  # of a question in parts it may be one part's
        return Searched(text, hits, parts if own is None and len(parts) > 1 else (), own, timings, glance)

    def _nearest(self, question: str) -> _Search:
        """The question that was really searched for, and its hits: of a long text, the sentence that finds most."""
        searches = [(text, self._retriever.search(text, LOOK_AT)) for text in query.candidates(question)]
        return max(searches, key=lambda pair: pair[1][0].score if pair[1] else 0.0)


def _meant(searches: Sequence[_Search], look: Look) -> tuple[int, Glance | None]:
    """Which of the candidates for one question is meant, and the glance at it, if one was taken.

    It is the first one, unless each of them is plainly answered, and another one the most plainly. Where the first one
    is not, the other's likelihood tells nothing: it may be that of the question before, which was answered.
    """
    if len(searches) == 1 or own_question(*searches[0]) is not None:
        return 0, None
    glances = look(searches)
    plain = {place: glance.odds for place, glance in enumerate(glances) if glance is not None and glance.judged}
    best = max(plain, key=plain.__getitem__) if 0 in plain else 0
    return best, glances[best]
