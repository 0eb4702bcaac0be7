"""Retrieval on FeedbackQA (Li et al., 2022; MTEB's FeedbackQARetrieval): BM25, dense, rank fusion and this project.

    python benchmarks/feedbackqa.py [FOLDER]

FOLDER holds mteb_corpus.jsonl and queries_full.jsonl. It takes some minutes: two thousand sections are embedded, whole
and in parts. `Fusion` was chosen on the half of the questions called "tuned"; the other half was left alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from rag_faq.assembly import load_embedder
from rag_faq.corpus.chunking import chunk_entries
from rag_faq.evaluation import ir
from rag_faq.records import FaqEntry
from rag_faq.retrieval.embedder import Embedder, Vectors
from rag_faq.retrieval.lexical import LexicalIndex
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import build_index, open_index
from rag_faq.settings import Settings

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "feedbackqa"
DEPTH = 10
RRF = 60  # the constant of Cormack, Clarke and Büttcher, 2009

Ranking = Callable[[str], Sequence[str]]  # question -> ids of sections, best first


class Asked:
    """An embedder that has embedded all questions beforehand: four searches for each of them share its vector."""

    def __init__(self, embedder: Embedder, questions: Sequence[str]) -> None:
        self._embedder = embedder
        self._known = dict(zip(questions, embedder.encode(questions), strict=True))
        self.name, self.fingerprint = embedder.name, embedder.fingerprint
        self.dim, self.max_tokens = embedder.dim, embedder.max_tokens
        self.count_tokens = embedder.count_tokens

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), d)."""
        if len(texts) == 1 and texts[0] in self._known:
            return self._known[texts[0]][None, :]
        return self._embedder.encode(texts)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    folder = parser.parse_args().folder
    if not (folder / "mteb_corpus.jsonl").is_file():
        print(f"There is no FeedbackQA in {folder}: name the folder with mteb_corpus.jsonl and queries_full.jsonl.")
        return 1
    sections = [(line["_id"], line["text"]) for line in _lines(folder / "mteb_corpus.jsonl")]
    questions = [(line["id"], line["text"], set(line["gold"])) for line in _lines(folder / "queries_full.jsonl")]
    embedder = load_embedder(Settings.load())
    embedder = Asked(embedder, [text for _, text, _ in questions])
    with tempfile.TemporaryDirectory() as scratch:
        ways = _ways(sections, embedder, Path(scratch) / "index")
        print(f"{len(sections)} sections, {len(questions)} questions, {embedder.name}\n")
        print(
            f"{'':24}{'nDCG@10':>9}{'R@1':>9}{'R@10':>9}{'MRR@10':>9}{'tuned':>9}{'other':>9}   (nDCG@10 of each half)"
        )
        for name, way in ways.items():
            ranked = [(way(text), gold, _half(key)) for key, text, gold in questions]
            ndcg = np.array([ir.ndcg(found, gold) for found, gold, _ in ranked])
            tuned = np.array([half for _, _, half in ranked])
            figures = (
                ndcg.mean(),
                np.mean([ir.recall(found, gold, 1) for found, gold, _ in ranked]),
                np.mean([ir.recall(found, gold) for found, gold, _ in ranked]),
                np.mean([ir.reciprocal_rank(found, gold) for found, gold, _ in ranked]),
                ndcg[tuned].mean(),
                ndcg[~tuned].mean(),
            )
            print(f"{name:24}" + "".join(f"{figure:9.4f}" for figure in figures), flush=True)
    return 0


def _ways(sections: Sequence[tuple[str, str]], embedder: Embedder, folder: Path) -> dict[str, Ranking]:
    keys = [key for key, _ in sections]
    texts = [text for _, text in sections]
    words = LexicalIndex.build(texts)
    whole = embedder.encode(texts)  # (n, d): a section is one vector, cut at the embedder's limit

    def by_words(question: str) -> np.ndarray:
        return words.scores(words.concepts(question))

    def by_meaning(question: str) -> np.ndarray:
        return whole @ embedder.encode([question])[0]

    def by_ranks(question: str) -> np.ndarray:
        return sum(1 / (RRF + 1 + _places(way(question))) for way in (by_words, by_meaning))

    def best(way: Callable[[str], np.ndarray]) -> Ranking:
        return lambda question: [keys[row] for row in np.argsort(-way(question), kind="stable")[:DEPTH]]

    entries = [_entry(key, text, number) for number, (key, text) in enumerate(sections, start=1)]
    chunks = chunk_entries(entries, embedder.count_tokens, embedder.max_tokens)
    build_index(folder, entries, chunks, embedder, corpus_files={}, repairs={}, progress=_progress)
    retriever = Retriever(open_index(folder, embedder), embedder)
    return {
        "BM25": best(by_words),
        "dense, whole sections": best(by_meaning),
        "RRF of these two": best(by_ranks),
        "rag_faq": lambda question: [hit.entry.id for hit in retriever.search(question, DEPTH)],
    }


def _places(scores: np.ndarray) -> np.ndarray:
    """The place of each row when sorted by falling score, from 0."""
    places = np.empty(len(scores), dtype=np.int64)
    places[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return places


def _entry(key: str, text: str, number: int) -> FaqEntry:
    """The first line is taken for the question."""
    question, _, answer = text.partition("\n")
    return FaqEntry(key, number, question.strip(), answer.strip() or question.strip(), "feedbackqa", (number, number))


def _half(key: str) -> bool:
    """True for the half of the questions that the fusion was tuned on."""
    return hashlib.sha256(key.encode()).digest()[-1] % 2 == 1


def _lines(path: Path) -> Iterable[dict]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _progress(done: int, total: int) -> None:
    print(f"\rembedding {done}/{total}", end="" if done < total else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
