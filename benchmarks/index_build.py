"""Building the index against raw `SentenceTransformer.encode` of the same texts, in turn.

    python -m benchmarks.index_build [--rounds 5] [--quick] [--json FILE] [--svg FILE]

Ours is everything from the document to the index on the disk: reading, repair, entries, chunks, embedding, both kinds
of index, hashes, writing. Theirs is the embedding alone, of exactly the chunks' texts. Both have their weights loaded.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Figure, Report, arguments, finish, median
from rag_faq.assembly import load_embedder
from rag_faq.corpus.chunking import chunk_entries
from rag_faq.corpus.reader import read_corpus
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import resolve
from rag_faq.retrieval.embedder import Embedder
from rag_faq.retrieval.store import build_index
from rag_faq.settings import Settings


def build(settings: Settings, embedder: Embedder, entries: int | None) -> tuple[float, list[str]]:
    """Seconds of a build into a new folder, and the chunks' texts. `entries`: only so many of the corpus."""
    with TemporaryDirectory(prefix="rag-faq-bench-") as folder:
        start = time.perf_counter()
        corpus = read_corpus(settings.corpus)
        taken = corpus.entries[:entries]
        chunks = chunk_entries(taken, embedder.count_tokens, embedder.max_tokens)
        build_index(Path(folder) / "index", taken, chunks, embedder, corpus_files=corpus.files, repairs=corpus.repairs)
        return time.perf_counter() - start, [chunk.text for chunk in chunks]


def run(settings: Settings, rounds: int, *, quick: bool) -> Report:
    """Both in turn, some rounds."""
    from sentence_transformers import SentenceTransformer

    folder = resolve(settings.embedder, "embedder", models_folder(settings.models)).path
    model = SentenceTransformer(str(folder), local_files_only=True)
    embedder = load_embedder(settings)
    model.encode(["warm"], show_progress_bar=False)
    embedder.encode(["warm", "too"])
    rows = []
    for _ in range(1 if quick else rounds):
        ours, texts = build(settings, embedder, 1 if quick else None)
        start = time.perf_counter()
        model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        rows.append({"ours_s": ours, "raw_s": time.perf_counter() - start, "texts": len(texts)})
    ratio = median([row["ours_s"] / row["raw_s"] for row in rows])
    figures = (
        Figure("index build, p50", median([row["ours_s"] for row in rows]), "s"),
        Figure("raw encode of the same texts, p50", median([row["raw_s"] for row in rows]), "s"),
        Figure("build / raw encode", ratio, "ratio", 1.15),
    )
    return Report("index build", quick, figures, {"embedder": settings.embedder}, rows)


def main() -> None:
    """Read the arguments, run, report."""
    options = arguments(__doc__, ("--rounds", {"type": int, "default": 5}))
    finish(run(Settings.load(), options.rounds, quick=options.quick), options)


if __name__ == "__main__":
    main()
