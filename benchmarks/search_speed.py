"""What a search takes, stage by stage: embed, dense, lexical, fuse; and against the embedder's own forward pass.

    python -m benchmarks.search_speed [--questions 200] [--quick] [--json FILE] [--svg FILE]

Every question is searched once, so that no kept vector of a question is used.
"""

from __future__ import annotations

import json

from benchmarks.report import Figure, Report, arguments, finish, median
from benchmarks.sides import QUESTIONS
from benchmarks.stages import STAGES, forward_seconds, milliseconds, time_search, with_clock
from rag_faq.assembly import load_retriever
from rag_faq.settings import Settings


def questions_of_the_set(count: int) -> list[str]:
    """Different questions of the development set, in its order."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["question"] for line in lines if line.strip()]
    return list(dict.fromkeys(text for text in texts if text.strip() and len(text) < 300))[:count]


def run(settings: Settings, count: int, *, quick: bool) -> Report:
    """Search, forward pass, ratio."""
    questions = questions_of_the_set(3 if quick else count)
    plain = load_retriever(settings)
    plain.embedder.encode(["Which words bring the weights into memory?", "And a second text."])
    forwards = forward_seconds(plain.embedder, ["the first pass is slower", *questions])[1:]
    retriever, clock = with_clock(plain)
    rows = time_search(retriever, clock, questions)
    figures = [
        Figure(f"{stage}, {name}", milliseconds(rows, stage, share), "ms")
        for stage in (*STAGES, "fuse")
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]
    whole, forward = milliseconds(rows, "whole", 0.5), 1000 * median(forwards)
    figures += [
        Figure("whole search, p50", whole, "ms", max(15.0, 1.3 * forward)),
        Figure("whole search, p99", milliseconds(rows, "whole", 0.99), "ms"),
        Figure("embedder's forward pass, p50", forward, "ms"),
        Figure("whole search / forward pass", whole / forward, "ratio"),
    ]
    setup = {"entries": len(retriever.index.entries), "chunks": len(retriever.index.chunks), "questions": len(rows)}
    return Report("search", quick, tuple(figures), setup, [dict(row) for row in rows])


def main() -> None:
    """Read the arguments, run, report."""
    options = arguments(__doc__, ("--questions", {"type": int, "default": 200}))
    finish(run(Settings.load(), options.questions, quick=options.quick), options)


if __name__ == "__main__":
    main()
