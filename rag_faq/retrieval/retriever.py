"""The search: evidence by meaning and by words, from every field of an entry, fused into one score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_faq.records import ChunkKind, Hit
from rag_faq.retrieval.embedder import Embedder
from rag_faq.retrieval.lexical import Concept
from rag_faq.retrieval.store import FaqIndex

KINDS: tuple[ChunkKind, ...] = ("question", "entry", "paragraph", "bullet", "written")
_KIND = {kind: column for column, kind in enumerate(KINDS)}

# With no more entries than this, every entry is scored. With more, those that the vectors or the words bring forward.
SCORE_ALL_UP_TO = 1000
POOL_CHUNKS = 800
POOL_ENTRIES = 200

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fusion:
    """The weights of the evidence. One setting serves every corpus."""

    question: float = 0.15  # cosine with the entry's question
    entry: float = 0.25  # cosine with the whole entry
    part: float = 0.3  # best cosine with a paragraph, a bullet or a written question
    words: float = 0.2  # BM25 of the entry
    part_words: float = 0.1  # best BM25 of a chunk


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What was found for some entries; row i of every array belongs to `entries[i]`."""

    entries: NDArray[np.int64]
    fields: Floats  # (n, len(KINDS)): best cosine of a chunk of that kind, NaN where the entry has none
    best_chunk: NDArray[np.int64]
    words: Floats
    part_words: Floats
    coverage: Floats


class Retriever:
    """Searches one index. Immutable; safe for many threads."""

    def __init__(self, index: FaqIndex, embedder: Embedder, fusion: Fusion | None = None) -> None:
        self.index = index
        self.embedder = embedder
        self.fusion = fusion or Fusion()
        rows = {entry.id: row for row, entry in enumerate(index.entries)}
        entry_of = np.array([rows[chunk.entry_id] for chunk in index.chunks], dtype=np.int64)
        self._kind_of = np.array([_KIND[chunk.kind] for chunk in index.chunks], dtype=np.int64)
        self._entry_of = entry_of
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
        cosine = np.nanmax(evidence.fields, axis=1)
        return tuple(
            Hit(
                entry=self.index.entries[evidence.entries[i]],
                score=float(scores[i]),
                chunk=self.index.chunks[evidence.best_chunk[i]],
                rank=rank,
                cosine=float(cosine[i]),
                lexical=float(lexical[i]),
                coverage=float(evidence.coverage[i]),
            )
            for rank, i in enumerate(best.tolist(), start=1)
        )

    def _fuse(self, evidence: _Evidence) -> Floats:
        fusion = self.fusion
        # An entry without a field is judged by its best other field: having fewer chunks is no fault.
        cosines = np.where(np.isnan(evidence.fields), np.nanmax(evidence.fields, axis=1)[:, None], evidence.fields)
        question, entry, paragraph, bullet, written = cosines.T
        part = np.maximum(np.maximum(paragraph, bullet), written)
        scores: Floats = (
            fusion.question * question
            + fusion.entry * entry
            + fusion.part * part
            + fusion.words * evidence.words
            + fusion.part_words * evidence.part_words
        )
        return scores

    def _gather(self, query: Floats, concepts: tuple[Concept, ...]) -> _Evidence:
        """All evidence for the entries that come into question."""
        index = self.index
        attainable = np.float32(max(index.lexical_entries.attainable(concepts), 1e-6))
        words = index.lexical_entries.scores(concepts) / attainable
        chunk_words = index.lexical_chunks.scores(concepts)
        chunk_words /= np.float32(max(index.lexical_chunks.attainable(concepts), 1e-6))
        entries = self._candidates(query, words, chunk_words)
        rows, owner = self._chunks_of(entries)
        cosines = index.vectors.take(rows) @ query
        fields = np.full((len(entries), len(KINDS)), -np.inf, dtype=np.float32)
        np.maximum.at(fields, (owner, self._kind_of[rows]), cosines)
        part_words = np.zeros(len(entries), dtype=np.float32)
        np.maximum.at(part_words, owner, chunk_words[rows])
        # The last of an entry's chunks in rising order of evidence is its best; of equals, the first in the document.
        strength = cosines + self.fusion.part_words * chunk_words[rows]
        rising = np.lexsort((-np.arange(len(rows)), strength))
        best_chunk = np.zeros(len(entries), dtype=np.int64)
        best_chunk[owner[rising]] = rows[rising]
        fields[np.isneginf(fields)] = np.nan
        return _Evidence(
            entries, fields, best_chunk, words[entries], part_words, index.lexical_entries.coverage(concepts)[entries]
        )

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
