"""Finding the counterpart of a sentence's words in a source: the same stem, a synonym, or a near meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_faq.grounding.sentences import Span
from rag_faq.grounding.units import SourceView
from rag_faq.grounding.words import Token, content, stem, vocabulary
from rag_faq.retrieval.embedder import Embedder

SYNONYM = 0.8
# Cosines of single words: unrelated words lie under the first, words of one meaning mostly above the second.
_FAR, _NEAR = 0.40, 0.70


@dataclass(frozen=True, slots=True)
class Match:
    """One content word of the sentence and its counterpart."""

    token: Token
    weight: float
    score: float  # 1 for the same word, less for a near one, 0 for none
    stems: frozenset[str]  # the source's stems that stand for it


class Matcher:
    """Matches words against one source."""

    def __init__(self, view: SourceView, embedder: Embedder) -> None:
        self._view = view
        self._embedder = embedder
        self._asked = stems_of(view.question.tokens)
        self._units = tuple(stems_of(unit.tokens) for unit in view.units)
        self._all = self._asked.union(*self._units)

    def match(self, items: Sequence[Token]) -> tuple[Match, ...]:
        """The counterpart of each content word, in order."""
        found: list[Match | None] = []
        open_places: list[int] = []
        words = content(items)
        for token in words:
            stems = self._same(token)
            if stems:
                found.append(Match(token, _weight(token), 1.0, stems))
                continue
            near = vocabulary().synonyms.get(token.stem, frozenset()) & self._all
            if near:
                found.append(Match(token, _weight(token), SYNONYM, near))
                continue
            open_places.append(len(found))
            found.append(None)
        if open_places:
            for place, match in zip(
                open_places, self._by_meaning([words[place] for place in open_places]), strict=True
            ):
                found[place] = match
        return tuple(match for match in found if match is not None)

    def _same(self, token: Token) -> frozenset[str]:
        if token.stem in self._all:
            return frozenset((token.stem,))
        if token.kind == "content" and all(part in self._all for part in token.parts):
            return frozenset(token.parts)
        return frozenset()

    def _by_meaning(self, words: Sequence[Token]) -> list[Match]:
        found: list[Match] = []
        vectors = self._embedder.encode([word.text.lower() for word in words])
        for token, vector in zip(words, vectors, strict=True):
            score, stems = 0.0, frozenset[str]()
            if token.kind != "number" and len(self._view.words):
                cosines = self._view.word_vectors @ vector
                best = int(np.argmax(cosines))
                score = float(np.clip((cosines[best] - _FAR) / (_NEAR - _FAR), 0.0, 1.0)) * SYNONYM
                prefix = _common_prefix(token.stem, self._view.word_stems[best])
                if prefix >= 5:
                    score = max(score, SYNONYM)
                stems = frozenset((self._view.word_stems[best],)) if score else frozenset()
            found.append(Match(token, _weight(token), score, stems))
        return found

    def window_shares(self, matches: Sequence[Match]) -> NDArray[np.float64]:
        """For each window of the source, the share of the sentence's content that is in it or in the question."""
        total = sum(m.weight for m in matches)
        shares = np.zeros(len(self._view.windows))
        for place, window in enumerate(self._view.windows):
            stems = self._asked.union(*(self._units[i] for i in window))
            shares[place] = sum(m.weight * m.score for m in matches if m.stems and m.stems <= stems) / total
        return shares

    def clause_share(self, clause: Sequence[Token]) -> float:
        """The share of one clause's content that some clause of the source holds, the question counting as well."""
        matches = self.match(clause)
        total = sum(m.weight for m in matches)
        if not total:
            return 1.0
        best = 0.0
        for unit in self._view.units:
            parts = [stems_of(part) for part in unit.clauses]
            for i in range(len(parts)):
                stems = self._asked.union(*parts[i : i + 2], parts[0])
                best = max(best, sum(m.weight * m.score for m in matches if m.stems and m.stems <= stems) / total)
        return best

    def quote(self, window: int, matches: Sequence[Match]) -> tuple[bool, Span]:
        """Whether the quote is from the question, and its span: the source's sentences of that window.

        A sentence of the window that holds nothing which the others do not hold is left out.
        """
        stems = frozenset().union(*(m.stems for m in matches)) if matches else frozenset()
        if window < 0:
            return True, self._view.question.span
        members = self._view.windows[window]
        held = {i: self._units[i] & stems for i in members}
        if len(members) > 1:
            first, last = members[0], members[-1]
            if held[last] <= held[first]:
                members = (first,)
            elif held[first] <= held[last]:
                members = (last,)
        if not any(held[i] for i in members) and self._asked & stems:
            return True, self._view.question.span
        return False, Span(self._view.units[members[0]].span.start, self._view.units[members[-1]].span.end)


def stems_of(items: Sequence[Token]) -> frozenset[str]:
    """All stems by which these words can be found: whole words, parts of hyphenated ones, and neighbours joined."""
    stems: set[str] = set()
    before: Token | None = None
    for token in items:
        stems.add(token.stem)
        if token.kind != "name" or not any(c.isdigit() for c in token.text):
            stems.update(token.parts)
        if before is not None and before.end + 1 >= token.start:
            stems.add(stem(before.text + token.text))
        before = token
    return frozenset(stems)


def _weight(token: Token) -> float:
    return 1.5 if token.kind in ("name", "number") else 1.0


def _common_prefix(one: str, other: str) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length
