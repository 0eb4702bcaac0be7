"""Two chatbots asked the same questions in turn: this one, and one put together the usual way of a library."""

from __future__ import annotations

import json
import random
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks.process import rest
from benchmarks.report import Figure, Report, median
from rag_faq.assembly import load_chatbot
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import resolve
from rag_faq.records import Answer, TextDelta
from rag_faq.settings import Settings

QUESTIONS = Path(__file__).resolve().parents[1] / "evaluation" / "development.jsonl"
SEED = 20261
OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--fresh", {"action": "store_true", "help": "our side with no kept states and one source"}),
    ("--questions", {"type": int, "default": 40}),
    ("--llm", {"help": "another language model"}),
)
PEER_BATCH = 512  # tokens that the peer reads at once: llama.cpp's own default; LangChain's would be 8


@dataclass(frozen=True, slots=True)
class Question:
    """An answerable question without a history."""

    id: str
    text: str
    gold: tuple[int, ...]  # numbers of the entries that answer it


@dataclass(frozen=True, slots=True)
class Timed:
    """One answer of one side. Seconds count from the call."""

    first_s: float
    total_s: float
    text: str
    detail: dict[str, Any] = field(default_factory=dict)


class Side(Protocol):
    """A chatbot that is measured."""

    def ask(self, question: str) -> Timed:
        """The answer, timed."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


def draw(path: Path, count: int, *, distinct_entries: bool = False, seed: int = SEED) -> list[Question]:
    """`count` answerable questions, always the same; with `distinct_entries` no two on the same first entry."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    questions = [
        Question(line["id"], line["question"], tuple(line["gold"]))
        for line in lines
        if line["gold"] and not line["history"] and line["kind"] != "odd_input"
    ]
    random.Random(seed).shuffle(questions)
    if distinct_entries:
        first_on: dict[int, Question] = {}
        for question in questions:
            first_on.setdefault(question.gold[0], question)
        questions = list(first_on.values())
    return questions[:count]


def time_stream(pieces: Iterator[str], start: float) -> Timed:
    """Read a stream of text to its end."""
    first: float | None = None
    text = []
    for piece in pieces:
        if first is None and piece.strip():
            first = time.perf_counter() - start
        text.append(piece)
    total = time.perf_counter() - start
    return Timed(total if first is None else first, total, "".join(text))


class Ours:
    """This chatbot as it is served: through its stream."""

    def __init__(self, settings: Settings, *, warm: bool) -> None:
        """`warm`: wait until all states are filled; else start with none, as on a machine's very first start."""
        self._chatbot = load_chatbot(settings)
        if warm:
            self._chatbot.warm()
        self.filling_s = rest()

    def ask(self, question: str) -> Timed:
        """The first word is the first piece of text, or the whole answer where there are no pieces (a refusal)."""
        last: list[Answer] = []

        def pieces() -> Iterator[str]:
            for event in self._chatbot.stream(question):
                if isinstance(event, TextDelta):
                    yield event.text
                elif isinstance(event, Answer):
                    last.append(event)

        timed = time_stream(pieces(), time.perf_counter())
        answer = last[0]
        detail = {
            "outcome": answer.outcome,
            "written": answer.timings.first_token_s is not None,
            "prompt_tokens": answer.timings.prompt_tokens,
            "cached_tokens": answer.timings.cached_tokens,
            "new_tokens": answer.timings.new_tokens,
        }
        return Timed(timed.first_s, timed.total_s, answer.text, detail)

    def close(self) -> None:
        """Free the model."""
        self._chatbot.close()


def weights(settings: Settings) -> tuple[Path, Path]:
    """The files that both sides use: language model, embedder."""
    folder = models_folder(settings.models)
    return resolve(settings.llm, "llm", folder).path, resolve(settings.embedder, "embedder", folder).path


def in_turn(ours: Side, theirs: Side, questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Ask both sides every question, who begins changing from one to the next; each answers while the other rests."""
    rows = []
    for i, question in enumerate(questions):
        sides = {"ours": ours, "theirs": theirs}
        order = ("ours", "theirs") if i % 2 == 0 else ("theirs", "ours")
        row: dict[str, Any] = {"id": question.id, "question": question.text}
        for name in order:
            row[name] = asdict(sides[name].ask(question.text))
            rest(most_s=60.0)  # what is put away or filled after an answer is not to slow the other side
        rows.append(row)
    return rows


def figures(rows: Sequence[dict[str, Any]], *, fresh: bool) -> tuple[Figure, ...]:
    """Medians and their ratios: over the questions for which our model wrote, and over all."""
    written = [row for row in rows if row["ours"]["detail"].get("written", True)] or list(rows)

    def middle(over: Sequence[dict[str, Any]], side: str, what: str) -> float:
        return median([row[side][what] for row in over])

    first = middle(written, "ours", "first_s") / middle(written, "theirs", "first_s")
    total = middle(written, "ours", "total_s") / middle(written, "theirs", "total_s")
    return (
        Figure("first word, ours, p50", middle(written, "ours", "first_s"), "s"),
        Figure("first word, theirs, p50", middle(written, "theirs", "first_s"), "s"),
        Figure("first word, ours / theirs", first, "ratio", 1 / 4 if fresh else 1 / 20),
        Figure("whole answer, ours, p50", middle(written, "ours", "total_s"), "s"),
        Figure("whole answer, theirs, p50", middle(written, "theirs", "total_s"), "s"),
        Figure("whole answer, ours / theirs", total, "ratio", None if fresh else 1 / 3),
        Figure("questions that our model wrote an answer to", len(written), "of " + str(len(rows))),
        Figure("first word, all questions, ours / theirs",
               middle(rows, "ours", "first_s") / middle(rows, "theirs", "first_s"), "ratio"),
    )  # fmt: skip


def run(name: str, make_theirs: Callable[[Settings], Side], options: Namespace) -> Report:
    """Load both sides, ask, compare, as the command's `options` say.

    `options.fresh`: our side starts with no kept states, and has one source an answer.
    """
    settings, quick, fresh = Settings.load(llm=options.llm), options.quick, options.fresh
    questions = draw(QUESTIONS, 3 if quick else options.questions, distinct_entries=fresh)
    if fresh:
        settings = settings.model_copy(update={"state_cache_disk": False, "max_sources": 1})
    ours = Ours(settings, warm=not fresh)
    try:
        theirs = make_theirs(settings)
        try:
            if fresh:  # the system prompt has been read once, as right after a start
                ours.ask("What is the difference between a generative and a discriminative model?")
            rows = in_turn(ours, theirs, questions)
        finally:
            theirs.close()
    finally:
        ours.close()
    setup = {
        "llm": settings.llm,
        "embedder": settings.embedder,
        "questions": len(rows),
        "seed": SEED,
        "fresh": fresh,
        "context_tokens": settings.context_tokens,
        "max_new_tokens": settings.max_new_tokens,
        "their_batch": PEER_BATCH,
        "filling_s": round(ours.filling_s, 1),
    }
    return Report(name + (" (right after a start)" if fresh else ""), quick, figures(rows, fresh=fresh), setup, rows)
