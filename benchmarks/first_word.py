"""Time to the first word, from kept states and without, on the same model and questions, in turn.

    python benchmarks/first_word.py [--llm NAME_OR_FILE] [--entries 5] [--tokens 32] [--json FILE]

Each of the first ENTRIES entries of the corpus is asked its own question over its own text: once by an engine that
keeps no states (what a usual server does with a new question), once by one that filled the entry's states beforehand.
Both answers are greedy and must be equal.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.report import finish_as_json
from rag_faq.corpus.reader import read_corpus
from rag_faq.generation.engine import LlamaEngine
from rag_faq.generation.generator import Sampling
from rag_faq.generation.prompt import answer_prompt, prefix_prompt
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import resolve
from rag_faq.records import FaqEntry, Prompt, Source
from rag_faq.settings import Settings


@dataclass(frozen=True, slots=True)
class Run:
    """One answer of one engine."""

    prompt_tokens: int
    cached_tokens: int
    new_tokens: int
    first_word_s: float
    total_s: float
    text: str

    @property
    def prefill_rate(self) -> float:
        """Tokens of the prompt that were computed, a second, the first token's sampling included."""
        return (self.prompt_tokens - self.cached_tokens) / self.first_word_s

    @property
    def decode_rate(self) -> float:
        """Tokens written a second, after the first."""
        return (self.new_tokens - 1) / (self.total_s - self.first_word_s)


def run(engine: LlamaEngine, prompt: Prompt, tokens: int) -> Run:
    """Ask, and measure."""
    start = time.perf_counter()
    generation = engine.generate(prompt, Sampling(max_tokens=tokens))
    text = next(generation)
    first = time.perf_counter() - start
    text += "".join(generation)
    stats = generation.stats
    return Run(stats.prompt_tokens, stats.cached_tokens, stats.new_tokens, first, time.perf_counter() - start, text)


def source(entry: FaqEntry) -> Source:
    """The whole entry."""
    return Source(number=1, entry=entry, text=entry.answer, score=1.0)


def fill(engine: LlamaEngine, entries: Sequence[FaqEntry]) -> float:
    """Fill the entries' states, and wait for that. Seconds that it took."""
    engine.warm([prefix_prompt([source(entry)]) for entry in entries])
    start = time.perf_counter()
    while not engine.idle:
        time.sleep(0.02)
    return time.perf_counter() - start


def compare(cold: LlamaEngine, keeping: LlamaEngine, entries: Sequence[FaqEntry], tokens: int) -> dict[str, object]:
    """Both engines in turn over the entries; medians."""
    filled = fill(keeping, entries)
    prompts = [answer_prompt(entry.question, [source(entry)]) for entry in entries]
    pairs = [(run(cold, prompt, tokens), run(keeping, prompt, tokens)) for prompt in prompts]
    colds, kepts = [list(side) for side in zip(*pairs, strict=True)]

    def middle(values: list[float]) -> float:
        return round(statistics.median(values), 3)

    return {
        "model": asdict(cold.info),
        "entries": len(entries),
        "prompt_tokens": middle([each.prompt_tokens for each in colds]),
        "tokens_from_states": middle([each.cached_tokens for each in kepts]),
        "filling_s": round(filled, 2),
        "first_word_cold_s": middle([each.first_word_s for each in colds]),
        "first_word_kept_s": middle([each.first_word_s for each in kepts]),
        "times_sooner": middle([a.first_word_s / b.first_word_s for a, b in pairs]),
        "prefill_tokens_s": middle([each.prefill_rate for each in colds]),
        "decode_tokens_s": middle([each.decode_rate for pair in pairs for each in pair]),
        "equal_answers": sum(a.text == b.text for a, b in pairs),
    }


def options_of(about: str | None, settings: Settings, *numbers: tuple[str, int]) -> argparse.Namespace:
    """The command's options: a model, a file for the result, and `numbers` as (name, default)."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", default=settings.llm)
    for name, default in numbers:
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    """Read the arguments, run, print."""
    settings = Settings.load()
    options = options_of(__doc__, settings, ("--entries", 5), ("--tokens", 32))
    found = resolve(options.llm, "llm", models_folder(settings.models))
    entries = read_corpus(settings.corpus).entries[: options.entries]
    cold = LlamaEngine.load(found.path, sha256=found.sha256, name=found.name, state_budget_bytes=0)
    keeping = LlamaEngine.load(found.path, sha256=found.sha256, name=found.name)
    try:
        result = compare(cold, keeping, entries, options.tokens)
    finally:
        cold.close()
        keeping.close()
    finish_as_json(result, options.json)


if __name__ == "__main__":
    main()
