"""What reading a short batch costs, by how many of its tokens are scored, in turn on one model.

    python -m benchmarks.batch_cost [--llm NAME] [--rounds 12] [--quick] [--json FILE] [--svg FILE]

Batches as long as questions are read at the beginning of an empty context: with the score of what follows alone, as
behind a question of whose entry the search is sure; with as many scores as the kernels for many begin at; and with one
for each token, as a likelihood needs them.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.loaded import loaded
from benchmarks.report import Figure, Report, arguments, finish, median
from rag_faq.generation.hardware import usable_cores
from rag_faq.generation.llama import LEAST, LlamaModel, Row
from rag_faq.settings import Settings

LENGTHS = (16, 20, 24, 32)
_TEXT = "why is it that a question of some length takes longer to read than a short one, and how much longer? " * 2


def seconds(model: LlamaModel, tokens: list[int], scored: int) -> float:
    """To read these tokens and score the last `scored` of them, until the scores are there."""
    first = len(tokens) - scored
    rows = [Row(token, place, place >= first) for place, token in enumerate(tokens)]
    model.clear()
    start = time.perf_counter()
    model.run(rows, many_scores=scored > 1)
    model.logits()
    return time.perf_counter() - start


def measure(model: LlamaModel, rounds: int) -> list[dict[str, Any]]:
    """Every length with every count of scores, round after round."""
    tokens = model.tokenise(_TEXT, special=False)
    return [
        {"round": number, "tokens": length, "scored": scored, "seconds": seconds(model, tokens[:length], scored)}
        for number in range(rounds)
        for length in LENGTHS
        for scored in (1, LEAST, length)
    ]


def run(settings: Settings, rounds: int, *, quick: bool) -> Report:
    """Load the model, measure."""
    with loaded(settings) as model:
        measure(model, 1)  # the first batches bring the weights into memory
        rows = measure(model, 2 if quick else rounds)

    def middle(length: int, scored: int) -> float:
        return median([row["seconds"] for row in rows if (row["tokens"], row["scored"]) == (length, scored)])

    figures = []
    for length in LENGTHS:
        one = middle(length, 1)
        figures.append(Figure(f"{length} tokens, 1 scored, p50", one, "s"))
        figures += [
            Figure(f"{length} tokens, {scored} scored / 1 scored", middle(length, scored) / one, "ratio")
            for scored in (LEAST, length)
        ]
    return Report(
        "batch cost", quick, tuple(figures), {"llm": settings.llm, "threads": settings.threads or usable_cores()}, rows
    )


def main() -> None:
    """Read the arguments, run, report."""
    options = arguments(
        __doc__,
        ("--llm", {"help": "another language model"}),
        ("--rounds", {"type": int, "default": 12}),
    )
    finish(run(Settings.load(llm=options.llm), options.rounds, quick=options.quick), options)


if __name__ == "__main__":
    main()
