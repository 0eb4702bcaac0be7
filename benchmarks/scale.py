"""Search, memory, disk and loading at 35, 1,000, 10,000 and 100,000 entries.

    python -m benchmarks.scale [--sizes 35,1000,10000,100000] [--keep FOLDER] [--quick] [--json FILE] [--svg FILE]

The real FAQ's entries are repeated and perturbed, words and vectors; questions are the development set's, embedded by
the real embedder. Each size is searched in a process of its own, so that memory is its own. The indexes are kept in
FOLDER (by default in a temporary one): the largest takes minutes to build.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import synthetic
from benchmarks.memory import folder_bytes
from benchmarks.process import rss
from benchmarks.report import Figure, Report, arguments, finish, median
from benchmarks.search_speed import questions_of_the_set
from benchmarks.stages import STAGES, forward_seconds, milliseconds, time_search, with_clock
from rag_faq.assembly import load_embedder
from rag_faq.corpus.reader import read_corpus
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import build_index, open_index
from rag_faq.settings import Settings

_LARGEST_MS = 40.0


def build(settings: Settings, size: int, folder: Path) -> None:
    """The index of so many entries, unless it is in the folder already."""
    if (folder / "manifest.json").exists():
        return
    real = read_corpus(settings.corpus).entries
    made = synthetic.entries(real, size)
    anchors = [chunk.text for chunk in synthetic.chunks(real)]
    embedder = synthetic.PerturbingEmbedder(load_embedder(settings), anchors)
    build_index(folder, made, synthetic.chunks(made), embedder, corpus_files={}, repairs={})


def measure(settings: Settings, folder: Path, questions: int) -> dict[str, Any]:
    """Load one index in this process and search it."""
    embedder = load_embedder(settings)
    embedder.encode(["Which words bring the weights into memory?", "And a second text."])
    before, start = rss(), time.perf_counter()
    index = open_index(folder, embedder)
    retriever, clock = with_clock(Retriever(index, embedder))
    loading = time.perf_counter() - start
    held = rss() - before
    texts = questions_of_the_set(questions + 1)
    start = time.perf_counter()
    retriever.search(texts[0])
    first = time.perf_counter() - start
    rows = time_search(retriever, clock, texts[1:])
    stages = (*STAGES, "fuse", "whole")
    return {
        "entries": len(index.entries),
        "chunks": len(index.chunks),
        "exact": index.vectors.exact,
        "load_s": loading,
        "first_search_s": first,
        "memory_mb": held / 2**20,
        "most_memory_mb": (rss() - before) / 2**20,
        "disk_mb": folder_bytes(folder) / 2**20,
        "forward_ms": 1000 * median(forward_seconds(embedder, texts)[1:]),
        "p50_ms": {stage: milliseconds(rows, stage, 0.5) for stage in stages},
        "p99_ms": {stage: milliseconds(rows, stage, 0.99) for stage in stages},
    }


def run(settings: Settings, sizes: list[int], keep: Path, *, quick: bool) -> Report:
    """Build what is not there, and measure each in a process of its own."""
    rows: list[dict[str, Any]] = []
    for size in sizes:
        start = time.perf_counter()
        _in_a_process("--build", keep / str(size), size, quick=quick)
        built = time.perf_counter() - start
        rows.append(json.loads(_in_a_process("--measure", keep / str(size), size, quick=quick)) | {"build_s": built})
    figures: list[Figure] = []
    for row in rows:
        name = f"{row['entries']:,} entries"
        limit = max(_LARGEST_MS if row["entries"] > 1000 else 15.0, 1.3 * row["forward_ms"])
        figures += [
            Figure(f"search, {name}, p50", row["p50_ms"]["whole"], "ms", limit),
            Figure(f"search, {name}, p99", row["p99_ms"]["whole"], "ms"),
            Figure(f"loading, {name}", row["load_s"], "s"),
            Figure(f"memory, {name}", row["memory_mb"], "MB"),
            Figure(f"disk, {name}", row["disk_mb"], "MB"),
        ]
    return Report("scale", quick, tuple(figures), {"sizes": sizes, "seed": synthetic.SEED}, rows)


def _in_a_process(part: str, folder: Path, size: int, *, quick: bool) -> str:
    """Run one part of this command by itself; gives the last line that it printed."""
    command = [sys.executable, "-m", "benchmarks.scale", part, str(folder), "--sizes", str(size)]
    done = subprocess.run([*command, *(["--quick"] if quick else [])], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1] if done.stdout else ""


def main() -> None:
    """Read the arguments, run, report."""
    options = arguments(
        __doc__,
        ("--sizes", {"default": "35,1000,10000,100000", "help": "numbers of entries, with commas"}),
        ("--keep", {"type": Path, "help": "folder for the indexes, to be used again"}),
        ("--build", {"type": Path, "help": "only build this folder (used by the command itself)"}),
        ("--measure", {"type": Path, "help": "only measure this folder (used by the command itself)"}),
    )
    settings = Settings.load()
    sizes = [int(size) for size in options.sizes.split(",")]
    if options.build:
        build(settings, sizes[0], options.build)
    elif options.measure:
        print(json.dumps(measure(settings, options.measure, 3 if options.quick else 200)))
    else:
        with TemporaryDirectory(prefix="rag-faq-scale-") as folder:
            report = run(
                settings, [35, 100] if options.quick else sizes, options.keep or Path(folder), quick=options.quick
            )
        finish(report, options)


if __name__ == "__main__":
    main()
