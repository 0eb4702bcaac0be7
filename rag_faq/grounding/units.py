"""A source taken apart: its sentences, their clauses and words, and their vectors. Made once for each source text."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from threading import Lock

import numpy as np

from rag_faq.grounding.sentences import Span, list_marker, split_sentences
from rag_faq.grounding.words import Token, tokens
from rag_faq.retrieval.embedder import Embedder, Vectors

_LONGEST = 80  # words of a passage that can be read at a glance
# A clause ends at these. A clause of fewer than two content words goes with the one before it.
_CLAUSE_END = re.compile(
    r"[;:—–]\s|,\s|\s\(|\)\s?"
    r"|\s(?=(?:and|but|while|whereas|which|who|because|although|though|so that|where|when|instead of|rather than)\s)"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """One sentence or list line of a source."""

    text: str
    span: Span  # in the source's text; in its question for the question's own unit
    block: int  # which paragraph or list line it stands in; -1 for the question
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as the verifier sees it."""

    text: str
    question: Unit
    units: tuple[Unit, ...]
    windows: tuple[tuple[int, ...], ...]  # every unit, then every pair of neighbours, by their places in `units`
    window_vectors: Vectors  # (len(windows), d)
    passages: tuple[tuple[Unit, ...], ...]  # its paragraphs and list lines that can be quoted, as their sentences
    passage_vectors: Vectors  # (len(passages), d)
    words: tuple[str, ...]  # its different content words, in lower case
    word_stems: tuple[str, ...]


def clauses(text: str) -> tuple[tuple[Token, ...], ...]:
    """The clauses of a sentence as words, cut at commas, colons and conjunctions."""
    items = tokens(text)
    ends = [match.start() for match in _CLAUSE_END.finditer(text)]
    found: list[list[Token]] = [[]]
    remaining = iter([*ends, len(text) + 1])
    end = next(remaining)
    for token in items:
        while token.start >= end:
            if sum(t.counts for t in found[-1]) >= 2:
                found.append([])
            end = next(remaining)
        found[-1].append(token)
    if len(found) > 1 and sum(t.counts for t in found[-1]) < 2:
        last = found.pop()
        found[-1].extend(last)
    return tuple(tuple(clause) for clause in found if clause)


class WordVectors:
    """Vectors of single words, each embedded once."""

    def __init__(self, embedder: Embedder, keep: int = 20_000) -> None:
        self._embedder = embedder
        self._keep = keep
        self._known: dict[str, Vectors] = {}
        self._lock = Lock()

    def of(self, words: Sequence[str]) -> Vectors:
        """Their vectors, shape (len(words), d)."""
        with self._lock:
            known = {word: self._known[word] for word in words if word in self._known}
        new = list(dict.fromkeys(word for word in words if word not in known))
        if new:
            known.update(zip(new, self._embedder.encode(new), strict=True))
            with self._lock:
                if len(self._known) + len(new) > self._keep:
                    self._known.clear()
                self._known.update((word, known[word]) for word in new)
        return np.array([known[word] for word in words], dtype=np.float32).reshape(len(words), self._embedder.dim)


class SourceReader:
    """Makes the view of a source, and keeps the last ones."""

    def __init__(self, embedder: Embedder, keep: int = 128) -> None:
        self.embedder = embedder
        self.word_vectors = WordVectors(embedder)
        self._keep = keep
        self._views: OrderedDict[tuple[str, str], SourceView] = OrderedDict()
        self._lock = Lock()

    def view(self, text: str, question: str) -> SourceView:
        """The view of one source."""
        key = (text, question)
        with self._lock:
            if key in self._views:
                self._views.move_to_end(key)
                return self._views[key]
        view = self._read(text, question)
        with self._lock:
            self._views[key] = view
            while len(self._views) > self._keep:
                self._views.popitem(last=False)
        return view

    def _read(self, text: str, question: str) -> SourceView:
        units = tuple(_units(text))
        asked = Unit(question, Span(0, len(question)), -1, tokens(question))
        pairs = [(i, i + 1) for i in range(len(units) - 1)]
        windows: tuple[tuple[int, ...], ...] = (*((i,) for i in range(len(units))), *pairs)
        words: dict[str, str] = {}
        for unit in (asked, *units):
            for token in unit.tokens:
                if token.kind in ("content", "name", "hedge"):
                    words.setdefault(token.stem, token.text.lower())
        passages = tuple(block for block in _blocks(units) if _quotable(span_of(text, block)))
        texts = [*(unit.text for unit in units), *(span_of(text, passage) for passage in passages)]
        vectors = self.embedder.encode(texts)
        return SourceView(
            text=text,
            question=asked,
            units=units,
            windows=windows,
            window_vectors=_with_pairs(vectors[: len(units)]),
            passages=passages,
            passage_vectors=vectors[len(units) :],
            words=tuple(words.values()),
            word_stems=tuple(words),
        )


def _with_pairs(vectors: Vectors) -> Vectors:
    """The vectors of the units, shape (n, d), followed by those of each pair of neighbours: 2n - 1 rows.

    A pair's vector is the middle of its two: near enough to that of the joined text, at no cost.
    """
    if len(vectors) < 2:
        return vectors
    pairs = vectors[:-1] + vectors[1:]
    lengths = np.linalg.norm(pairs, axis=1, keepdims=True)
    return np.vstack([vectors, pairs / np.maximum(lengths, 1e-9)]).astype(np.float32)


def _units(text: str) -> Sequence[Unit]:
    found: list[Unit] = []
    block = -1
    end = 0
    for span in split_sentences(text):
        marker = len(list_marker(text[span.start : span.end]))
        if block < 0 or "\n" in text[end : span.start]:
            block += 1
        end = span.end
        start = min(span.start + marker, span.end - 1)
        words = text[start : span.end]
        found.append(Unit(words, Span(start, span.end), block, tokens(words)))
    return found


def span_of(text: str, units: Sequence[Unit]) -> str:
    """What neighbouring units of `text` span in it."""
    return text[units[0].span.start : units[-1].span.end] if units else ""


def _blocks(units: Sequence[Unit]) -> list[tuple[Unit, ...]]:
    return [tuple(block) for _, block in groupby(units, key=lambda unit: unit.block)]


def _quotable(text: str) -> bool:
    return len(text.split()) <= _LONGEST and not text.rstrip("*_ ").endswith(":")


def best_cosine(vector: Vectors, others: Vectors) -> tuple[float, int]:
    """The highest cosine of one vector, shape (d,), with the rows of (n, d), and which row it is; (0, -1) for none."""
    if not len(others):
        return 0.0, -1
    scores = others @ vector
    best = int(np.argmax(scores))
    return float(scores[best]), best
