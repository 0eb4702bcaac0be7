"""The search: evidence by meaning and by words, from every field of an entry, fused into one score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_faq.records import Chunk, Hit
from rag_faq.retrieval.embedder import Embedder
from rag_faq.retrieval.lexical import Concept, LexicalIndex
from rag_faq.retrieval.store import FaqIndex

# With no more entries than this, every entry is scored. With more, those that the vectors or the words bring forward.
SCORE_ALL_UP_TO = 1000
POOL_CHUNKS = 800
POOL_ENTRIES = 200

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fusion:
    """The weights of the evidence. One setting serves every corpus.

    Chosen on one half of FeedbackQA's questions; the figures are flat around it. The sum is such that an entry's own
    question scores about 1.
    """

    entry: float = 0.35  # cosine with the whole entry
    part: float = 0.35  # best cosine with its question, one of its paragraphs or bullets, or a question written for it
    words: float = 0.56  # BM25 of the entry
    part_words: float = 0.56  # best BM25 of one chunk: the words stand together
    half: float = 4.0  # so many rarest words found count half of what can be had by words


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What was found for some entries; row i of every array belongs to the entry in row `entries[i]` of the index."""

    entries: NDArray[np.int64]
    entry: Floats  # cosine with the whole entry; with its best part where it has no chunk of the whole
    part: Floats  # best cosine with a part
    chunk: NDArray[np.int64]  # row of the part that matched best
    words: Floats  # 0..1
    part_words: Floats  # 0..1
    coverage: Floats  # 0..1


class Retriever:
    """Searches one index. Immutable; safe for many threads."""

    def __init__(self, index: FaqIndex, embedder: Embedder, fusion: Fusion | None = None) -> None:
        self.index = index
        self.embedder = embedder
        self.fusion = fusion or Fusion()
        rows = {entry.id: row for row, entry in enumerate(index.entries)}
        entry_of = np.array([rows[chunk.entry_id] for chunk in index.chunks], dtype=np.int64)
        self._entry_of = entry_of
        self._whole, self._part = _roles(index.chunks, entry_of)
        # Chunks by entry: those of entry e are _order[_starts[e]:_starts[e + 1]].
        self._order = np.argsort(entry_of, kind="stable")
        self._starts = np.searchsorted(entry_of[self._order], np.arange(len(index.entries) + 1))

    def search(self, question: str, k: int = 10) -> tuple[Hit, ...]:
        """The `k` best entries, best first; ties keep the document's order. Scores compare between questions."""
        query = self.embedder.encode([question])[0]
        concepts = self.index.lexical_entries.concepts(question)
        evidence = self._gather(query, concepts)
        scores = self._fuse(evidence)
        # lexsort takes its last key first: by score, then by the place in the document.
        best = np.lexsort((evidence.entries, -scores))[:k]
        lexical = np.maximum(evidence.words, evidence.part_words)
        cosine = np.maximum(evidence.entry, evidence.part)
        return tuple(
            Hit(
                entry=self.index.entries[evidence.entries[i]],
                score=float(scores[i]),
                chunk=self.index.chunks[evidence.chunk[i]],
                rank=rank,
                cosine=float(cosine[i]),
                lexical=float(lexical[i]),
                coverage=float(evidence.coverage[i]),
            )
            for rank, i in enumerate(best.tolist(), start=1)
        )

    def _fuse(self, evidence: _Evidence) -> Floats:
        fusion = self.fusion
        scores: Floats = (
            fusion.entry * evidence.entry
            + fusion.part * evidence.part
            + fusion.words * evidence.words
            + fusion.part_words * evidence.part_words
        )
        return scores

    def _gather(self, query: Floats, concepts: tuple[Concept, ...]) -> _Evidence:
        """All evidence for the entries that come into question."""
        index = self.index
        words = self._saturated(index.lexical_entries, concepts)
        chunk_words = self._saturated(index.lexical_chunks, concepts)
        entries = self._candidates(query, words, chunk_words)
        rows, owner = self._chunks_of(entries)
        cosines = index.vectors.take(rows) @ query
        whole, is_part = self._whole[rows], self._part[rows]
        entry = _best(cosines[whole], owner[whole], len(entries))
        part = _best(cosines[is_part], owner[is_part], len(entries))
        part_words = _best(chunk_words[rows], owner, len(entries))
        # The best part is the one that adds most to the score; of equals the first in the document. So the chunks are
        # gone through from the weakest to the strongest, later ones first, and the last one stays.
        strength = self.fusion.part * cosines + self.fusion.part_words * chunk_words[rows] + 10.0 * is_part
        rising = np.lexsort((-rows, strength))
        chunk = np.zeros(len(entries), dtype=np.int64)
        chunk[owner[rising]] = rows[rising]
        return _Evidence(
            entries=entries,
            entry=np.where(np.isneginf(entry), part, entry),
            part=part,
            chunk=chunk,
            words=words[entries],
            part_words=part_words,
            coverage=index.lexical_entries.coverage(concepts)[entries],
        )

    def _saturated(self, index: LexicalIndex, concepts: tuple[Concept, ...]) -> Floats:
        """BM25 of every text, 0 to 1.

        The unit is the rarest word there can be, so that small and large corpora compare; and more words add less and
        less, so that a long rambling question does not drown what it means.
        """
        scores = index.scores(concepts)
        return scores / (scores + np.float32(self.fusion.half * index.highest_idf))

    def _candidates(self, query: Floats, words: Floats, chunk_words: Floats) -> NDArray[np.int64]:
        """Entries worth scoring, in the document's order."""
        count = len(self.index.entries)
        if count <= SCORE_ALL_UP_TO:
            return np.flatnonzero(np.diff(self._starts)).astype(np.int64)
        _, near = self.index.vectors.search(query, POOL_CHUNKS)
        by_words = np.argpartition(-words, POOL_ENTRIES)[:POOL_ENTRIES]
        pool = min(POOL_CHUNKS, len(chunk_words) - 1)
        by_chunk_words = np.argpartition(-chunk_words, pool)[:pool]
        found = np.concatenate((self._entry_of[near], by_words, self._entry_of[by_chunk_words]))
        found = np.unique(found)
        return found[np.diff(self._starts)[found] > 0]

    def _chunks_of(self, entries: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The chunks of these entries, and for each its place in `entries`."""
        starts, ends = self._starts[entries], self._starts[entries + 1]
        lengths = ends - starts
        owner = np.repeat(np.arange(len(entries)), lengths)
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self._order[np.repeat(starts, lengths) + within], owner


def _roles(chunks: Sequence[Chunk], entry_of: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which chunks stand for their whole entry, and which for a part of it; shape (len(chunks),) each.

    The whole is the entry's text, or its first piece where it was too long for the embedder: the beginning says best
    what a text is about. All else is a part; in an entry with no passage of its own the whole is one as well.
    """
    whole = np.zeros(len(chunks), dtype=bool)
    entries = np.flatnonzero([chunk.kind == "entry" for chunk in chunks])
    whole[entries[np.unique(entry_of[entries], return_index=True)[1]]] = True
    passages = np.flatnonzero([chunk.kind in ("paragraph", "bullet") for chunk in chunks])
    return whole, ~whole | ~np.isin(entry_of, entry_of[passages])


def _best(values: Floats, owner: NDArray[np.int64], count: int) -> Floats:
    """The highest value of each of `count` owners, minus infinity for those that have none."""
    best = np.full(count, -np.inf, dtype=np.float32)
    np.maximum.at(best, owner, values)
    return best
