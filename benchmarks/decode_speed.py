"""Tokens a second of the served model against raw llama.cpp, at the same place of the context, in turn.

    python -m benchmarks.decode_speed [--llm NAME] [--tokens 96] [--entries 8] [--quick] [--json FILE] [--svg FILE]

The engine writes an answer over an entry; the raw side reads as many tokens of prompt and decodes as many tokens,
greedily, with nothing of ours around `llama_decode`. Both are loaded beside each other with the same threads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.loaded import weights
from benchmarks.report import Figure, Report, arguments, finish, median
from rag_faq.corpus.reader import read_corpus
from rag_faq.generation.engine import LlamaEngine
from rag_faq.generation.generator import Sampling
from rag_faq.generation.prompt import answer_prompt
from rag_faq.generation.raw import RawModel, raw_model
from rag_faq.records import FaqEntry, Source
from rag_faq.settings import Settings


def served(engine: LlamaEngine, entry: FaqEntry, tokens: int) -> tuple[int, int, float]:
    """(tokens of the prompt, tokens written, tokens a second after the first) of one answer of the engine."""
    prompt = answer_prompt("Tell me all about it, point by point.", [Source(1, entry, entry.answer, 1.0)])
    generation = engine.generate(prompt, Sampling(max_tokens=tokens))
    next(generation)
    before, start = generation.stats.new_tokens, time.perf_counter()
    for _ in generation:
        pass
    seconds = time.perf_counter() - start
    stats = generation.stats
    return stats.prompt_tokens, stats.new_tokens, (stats.new_tokens - before) / seconds


def raw(model: RawModel, prompt_tokens: int, tokens: int) -> float:
    """Tokens a second of llama_decode behind a prompt of that length."""
    model.clear()
    model.read(model.sample_tokens(prompt_tokens))
    model.write(1)
    return (tokens - 1) / model.write(tokens - 1)


def compare(engine: LlamaEngine, model: RawModel, entries: Sequence[FaqEntry], tokens: int) -> list[dict[str, Any]]:
    """Both in turn, entry by entry; answers of a few words are passed over."""
    rows = []
    for entry in entries:
        prompt_tokens, written, rate = served(engine, entry, tokens)
        if written >= 16:
            ceiling = raw(model, prompt_tokens, written)
            rows.append(
                {"entry": entry.id, "prompt": prompt_tokens, "written": written, "served": rate, "raw": ceiling}
            )
    return rows


def run(settings: Settings, entries: int, tokens: int, *, quick: bool) -> Report:
    """Load both, compare."""
    path, layout = weights(settings)
    corpus = read_corpus(settings.corpus).entries[: 2 if quick else entries]
    tokens = 24 if quick else tokens
    engine = LlamaEngine.load(
        path,
        context_tokens=layout.context_tokens,
        threads=layout.threads,
        gpu_layers=layout.gpu_layers,
        repack=layout.repack,
        state_budget_bytes=0,
    )
    try:
        with raw_model(path, layout) as model:
            rows = compare(engine, model, corpus, tokens)
    finally:
        engine.close()
    figures = (
        Figure("decode, served, p50", median([row["served"] for row in rows]), "tokens/s"),
        Figure("decode, raw llama.cpp, p50", median([row["raw"] for row in rows]), "tokens/s"),
        Figure("served / raw", median([row["served"] / row["raw"] for row in rows]), "ratio", 0.95, "higher"),
    )
    return Report("decode speed", quick, figures, {"llm": settings.llm, "threads": layout.threads}, rows)


def main() -> None:
    """Read the arguments, run, report."""
    options = arguments(
        __doc__,
        ("--llm", {"help": "another language model"}),
        ("--tokens", {"type": int, "default": 96}),
        ("--entries", {"type": int, "default": 8}),
    )
    finish(run(Settings.load(llm=options.llm), options.entries, options.tokens, quick=options.quick), options)


if __name__ == "__main__":
    main()
