"""Search by words: BM25 (bm25s, Lucene's formula) over stemmed terms, and what a question's words find in the texts.

A question is taken apart into concepts. A concept is one content word with the other ways in which the indexed texts
write it: "fine-tuning", "finetuning" and "fine tuning" are one concept, and so are a slip and what was meant.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_faq.retrieval.analysis import Analyser, Word
from rag_faq.retrieval.analysis import analyse as analyse
from rag_faq.retrieval.near import LONGEST, NearWords

if TYPE_CHECKING:
    import bm25s

_WORDS = "words.json"  # beside bm25s's own files: the content words as they are written, for finding near ones


@dataclass(frozen=True, slots=True)
class Concept:
    """One content word of a question. Any one of `alternatives` stands for it; each is a tuple of terms."""

    word: str
    alternatives: tuple[tuple[str, ...], ...]


class LexicalIndex:
    """BM25 over n texts. Immutable once built; safe for many threads."""

    def __init__(self, bm25: bm25s.BM25, words: Sequence[str], analyser: Analyser) -> None:
        self._bm25 = bm25
        self._words = tuple(words)
        self._analyser = analyser
        self._vocabulary: dict[str, int] = bm25.vocab_dict
        self._size = int(bm25.scores["num_docs"])

    @classmethod
    def build(cls, texts: Sequence[str], *, k1: float = 1.2, b: float = 0.75) -> LexicalIndex:
        """Index the texts, which must not be none. `k1` and `b` are BM25's (Robertson and Zaragoza, 2009)."""
        import bm25s

        analyser = Analyser()
        words = [list(analyser.words(text)) for text in texts]
        documents = [[term for word in text for term in word.terms] for text in words]
        # Sorted, so that the same texts give the same bytes; "" is there for texts that have no term at all.
        vocabulary = {term: row for row, term in enumerate(["", *sorted({t for d in documents for t in d})])}
        ids = [[vocabulary[term] for term in document] or [0] for document in documents]
        bm25 = bm25s.BM25(k1=k1, b=b, method="lucene")
        bm25.index((ids, vocabulary), create_empty_token=False, show_progress=False)
        return cls(bm25, sorted({word.raw for text in words for word in text if word.joined is None}), analyser)

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex:
        """Read what `save` wrote. Whether the files are whole is for the caller to know: their hashes are checked."""
        import bm25s

        bm25 = bm25s.BM25.load(folder, show_progress=False, allow_pickle=False, verbosity=0)
        return cls(bm25, json.loads((folder / _WORDS).read_text(encoding="utf-8")), Analyser())

    def save(self, folder: Path) -> None:
        """Write it as numpy arrays and JSON."""
        self._bm25.save(folder, show_progress=False, allow_pickle=False)
        (folder / _WORDS).write_text(json.dumps(self._words), encoding="utf-8")

    @property
    def size(self) -> int:
        """How many texts."""
        return self._size

    def rows(self, term: str) -> NDArray[np.int32]:
        """The texts in which the term occurs."""
        token = self._vocabulary.get(term)
        if token is None or not term:
            return np.zeros(0, dtype=np.int32)
        scores = self._bm25.scores
        rows: NDArray[np.int32] = scores["indices"][scores["indptr"][token] : scores["indptr"][token + 1]]
        return rows

    def idf(self, term: str) -> float:
        """Lucene's inverse document frequency; for a term that occurs nowhere, the highest there is."""
        return self._idf(len(self.rows(term)))

    @property
    def highest_idf(self) -> float:
        """The inverse document frequency of a term that occurs nowhere: the unit in which scores compare."""
        return self._idf(0)

    def _idf(self, frequency: int) -> float:
        return math.log(1 + (self._size - frequency + 0.5) / (frequency + 0.5))

    def concepts(self, question: str) -> tuple[Concept, ...]:
        """The question's concepts, each once, in the order of their first mention."""
        words = list(self._analyser.words(question))
        found: dict[tuple[tuple[str, ...], ...], Concept] = {}
        for i, word in enumerate(words):
            alternatives = list(self._ways(word))
            if i and (joined := self._join(words[i - 1], word)):
                # "data set" also stands for "dataset": a concept of its own beside "data" and "set" would count the
                # same word twice, so both words get the joined one as another way to be written.
                alternatives.append(joined)
            if i + 1 < len(words) and (joined := self._join(word, words[i + 1])):
                alternatives.append(joined)
            key = tuple(dict.fromkeys(alternatives))
            if key:
                found.setdefault(key, Concept(word.raw, key))
        return tuple(found.values())

    def _ways(self, word: Word) -> Iterator[tuple[str, ...]]:
        if word.parts:
            yield word.parts
        if word.joined is not None:
            yield (word.joined,)
        elif not len(self.rows(word.parts[0])):
            yield from list(self._split(word.raw)) or [
                (self._analyser.stem(near),) for near in self._near.find(word.raw)
            ]

    @cached_property
    def _near(self) -> NearWords:
        return NearWords(self._words)

    def _join(self, left: Word, right: Word) -> tuple[str, ...] | None:
        if left.joined or right.joined:
            return None
        term = self._analyser.stem(left.raw + right.raw)
        return (term,) if len(self.rows(term)) else None

    def _split(self, raw: str) -> Iterator[tuple[str, ...]]:
        """An unknown word as two known ones: "finetuning" as "fine" and "tuning"."""
        for cut in range(3, len(raw) - 2 if len(raw) <= LONGEST else 0):
            pair = (self._analyser.stem(raw[:cut]), self._analyser.stem(raw[cut:]))
            if np.intersect1d(self.rows(pair[0]), self.rows(pair[1])).size:
                yield pair
                return

    def scores(self, concepts: Sequence[Concept]) -> NDArray[np.float32]:
        """BM25 of every text, shape (size,): summed over the concepts, the best alternative of each."""
        total = np.zeros(self._size, dtype=np.float32)
        for concept in concepts:
            best: NDArray[np.float32] | None = None
            for alternative in concept.alternatives:
                ids = [self._vocabulary[term] for term in alternative if term in self._vocabulary]
                if ids:
                    scores = self._bm25.get_scores_from_ids(ids)
                    best = scores if best is None else np.maximum(best, scores)
            if best is not None:
                total += best
        return total

    def coverage(self, concepts: Sequence[Concept]) -> NDArray[np.float32]:
        """The share of the concepts that each text has, weighted by how rare they are; shape (size,), 0 to 1.

        A concept that no text has weighs most: a question about something else is covered badly.
        """
        covered = np.zeros(self._size, dtype=np.float32)
        weight = 0.0
        for concept in concepts:
            has = np.zeros(self._size, dtype=bool)
            for alternative in concept.alternatives:
                each = np.ones(self._size, dtype=bool)
                for term in alternative:
                    there = np.zeros(self._size, dtype=bool)
                    there[self.rows(term)] = True
                    each &= there
                has |= each
            idf = self._idf(int(has.sum()))
            covered += has * np.float32(idf)
            weight += idf
        return np.minimum(covered / np.float32(weight), np.float32(1.0)) if weight else covered
