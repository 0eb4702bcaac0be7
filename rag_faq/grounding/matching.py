"""Finding the counterpart of a sentence's words in a source: the same stem, a synonym, or a near meaning."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_faq.grounding.units import SourceView, WordVectors
from rag_faq.grounding.words import Token, content, stem, vocabulary

SYNONYM = 0.8
HELD = 0.5  # from this score a word counts as having a counterpart
# Cosines of single words: unrelated words lie under the first, words of one meaning mostly above the second.
_FAR, _NEAR = 0.40, 0.70


@dataclass(frozen=True, slots=True)
class Match:
    """One content word of the sentence and its counterpart."""

    token: Token
    weight: float  # less for the words that the source repeats, more for names and numbers
    score: float  # 1 for the same word, less for a near one, 0 for none
    stems: frozenset[str]  # the source's stems that stand for it


@dataclass(frozen=True)
class Stems:
    """The stems of a source by which words are found."""

    asked: frozenset[str]  # of its question
    units: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, view: SourceView) -> Stems:
        """The stems of one source."""
        return cls(
            asked=stems_of(view.question.tokens),
            units=tuple(stems_of(unit.tokens) for unit in view.units),
        )

    @property
    def all(self) -> frozenset[str]:
        """Those of the question and the text."""
        return self.asked.union(*self.units)


def stems_of(items: Iterable[Token]) -> frozenset[str]:
    """All stems by which these words can be found: whole words, parts of hyphenated ones, and neighbours joined."""
    stems: set[str] = set()
    before: Token | None = None
    for token in items:
        stems.add(token.stem)
        # GPT-4 is not found by its "4", nor by its "gpt": that would be another model.
        if not (token.kind == "name" and any(c.isdigit() for c in token.text)):
            stems.update(token.parts)
        if before is not None and before.end + 1 >= token.start:
            stems.add(stem(before.text + token.text))
        before = token
    return frozenset(stems)


def match_words(items: Sequence[Token], view: SourceView, stems: Stems, vectors: WordVectors) -> tuple[Match, ...]:
    """The counterpart of each content word of the sentence, in order."""
    words = content(items)
    known = stems.all
    found: dict[int, Match] = {}
    for place, token in enumerate(words):
        same = _same(token, known)
        if same:
            found[place] = Match(token, _weight(token, same, stems), 1.0, same)
            continue
        near = vocabulary().synonyms.get(token.stem, frozenset()) & known
        if near:
            found[place] = Match(token, _weight(token, near, stems), SYNONYM, near)
    left = [place for place in range(len(words)) if place not in found]
    if left:
        theirs = vectors.of(view.words)
        for place, vector in zip(left, vectors.of([words[i].text.lower() for i in left]), strict=True):
            found[place] = _by_meaning(words[place], theirs @ vector, view, stems)
    return tuple(found[place] for place in range(len(words)))


def _same(token: Token, known: frozenset[str]) -> frozenset[str]:
    if token.stem in known:
        return frozenset((token.stem,))
    if token.kind == "content" and all(part in known for part in token.parts):
        return frozenset(token.parts)
    return frozenset()


def _by_meaning(token: Token, cosines: NDArray[np.float32], view: SourceView, stems: Stems) -> Match:
    """The nearest word of the source, given the cosines of its words, shape (len(view.words),)."""
    if token.kind == "number" or not view.words:
        return Match(token, _weight(token, frozenset(), stems), 0.0, frozenset())
    best = int(np.argmax(cosines))
    score = float(np.clip((cosines[best] - _FAR) / (_NEAR - _FAR), 0.0, 1.0)) * SYNONYM
    if _common_prefix(token.stem, view.word_stems[best]) >= 5:
        score = max(score, SYNONYM)
    near = frozenset((view.word_stems[best],)) if score else frozenset()
    return Match(token, _weight(token, near, stems), score, near)


def _weight(token: Token, same: frozenset[str], stems: Stems) -> float:
    if token.kind in ("name", "number"):
        return 1.5
    if same & stems.asked:
        return 0.5
    times = sum(bool(same & unit) for unit in stems.units)
    return 1.0 / math.sqrt(max(1, times))


def _common_prefix(one: str, other: str) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length


def share(matches: Sequence[Match], held: frozenset[str]) -> float:
    """The weighted share of these words whose counterpart is among the stems `held`."""
    total = sum(m.weight for m in matches)
    if not total:
        return 0.0
    found: float = sum(m.weight * m.score for m in matches if m.stems and m.stems <= held)
    return found / total


def window_shares(matches: Sequence[Match], view: SourceView, stems: Stems) -> NDArray[np.float64]:
    """The share that each window of the source holds together with the question; shape (windows,)."""
    return np.array([share(matches, stems.asked.union(*(stems.units[i] for i in w))) for w in view.windows])
