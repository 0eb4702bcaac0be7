"""Small entries, answers and questions whose figures can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rag_faq.evaluation.provenance import Provenance
from rag_faq.evaluation.questions import Question
from rag_faq.evaluation.report import Report, make_report
from rag_faq.evaluation.results import Result, Row, given, ranking
from rag_faq.records import (
    Answer,
    Chunk,
    Citation,
    FaqEntry,
    History,
    Hit,
    ModelInfo,
    Outcome,
    Related,
    Source,
    Timings,
    UnsupportedSentence,
)


def entry(number: int) -> FaqEntry:
    return FaqEntry(f"faq#{number}", number, f"Question {number}?", f"Text {number}.", "faq.md", (number, number))


def hits(*numbers: int) -> tuple[Hit, ...]:
    return tuple(
        Hit(entry(n), 1 / rank, Chunk(f"faq#{n}/question/0", f"faq#{n}", f"Question {n}?", "question"), rank)
        for rank, n in enumerate(numbers, start=1)
    )


def answer(
    text: str = "",
    *,
    cites: Sequence[int] = (),
    outcome: Outcome = "grounded",
    evidence: float = 0.9,
    unsupported: Sequence[str] = (),
    sources: Sequence[int] | None = None,
) -> Answer:
    """An answer whose i-th citation stands for its i-th sentence, ten characters each."""
    seen = tuple(dict.fromkeys(cites)) if sources is None else tuple(sources)
    numbered = tuple(Source(i, entry(n), f"Text {n}.", 0.5) for i, n in enumerate(seen, start=1))
    number_of = {source.entry.number: source.number for source in numbered}
    return Answer(
        text=text,
        outcome=outcome,
        question="asked",
        searched="asked",
        citations=tuple(
            Citation(number_of[n], f"faq#{n}", f"Text {n}.", i * 10, i * 10 + 9, 1.0) for i, n in enumerate(cites)
        ),
        sources=numbered,
        unsupported=tuple(UnsupportedSentence(sentence, "no source") for sentence in unsupported),
        timings=Timings(retrieve_s=0.1, first_token_s=0.5, total_s=2.0),
        evidence=evidence,
    )


def refusal(evidence: float = 0.1, text: str = "The FAQ does not cover that.") -> Answer:
    return answer(text, outcome="refused", evidence=evidence)


def row(question: Question, found: Sequence[int], reply: Answer | None = None) -> Row:
    return Row(question, Result(question.id, ranking(hits(*found)), 0.01, given(reply) if reply else None))


def five_rows() -> list[Row]:
    """Five questions; every figure over them is worked out in test_evaluation_metrics.py.

    q1 is right. q2 finds its entry third, cites a wrong entry beside it, and lacks one of two facts. q3 needs two
    entries and is wrongly refused. q4 is rightly refused. q5 should have been refused and says a forbidden word.
    """
    return [
        row(
            Question("q1", "reworded", "What is A?", (1,), facts=(("alpha",),)),
            [1, 2, 3],
            answer("Alpha [1].", cites=[1], evidence=0.9),
        ),
        row(
            Question("q2", "detail", "What is B?", (2,), facts=(("beta", "bee"), ("gamma",)), forbidden=("^yes",)),
            [4, 5, 2],
            answer("A bee [1]. Fine [2].", cites=[2, 4], evidence=0.7, unsupported=["Gamma."]),
        ),
        row(Question("q3", "multi", "A and C?", (1, 3), facts=(("alpha",),)), [3, 2, 4, 1], refusal(0.4)),
        row(Question("q4", "out_of_scope", "Who won?", (), forbidden=("France",)), [5], refusal(0.1)),
        row(
            Question("q5", "near_miss", "What is LoRA?", (), forbidden=("low[- ]rank",)),
            [4],
            answer("A **low**-rank thing [1].", cites=[4], evidence=0.6),
        ),
    ]


PROVENANCE = Provenance(
    set_name="set.jsonl",
    set_sha256="aa" * 32,
    stage="answers",
    settings={"strictness": 0.5},
    index="bb" * 32,
    model={"name": "fake", "sha256": "cc", "device": "cpu"},
    versions={"python": "3.11.0"},
    code="dd" * 32,
)


def report(rows: list[Row] | None = None, **changes: Any) -> Report:
    """The report of `rows`, by default the five, its provenance changed as said."""
    entries = [entry(number) for number in range(1, 10)]
    provenance = replace(PROVENANCE, **changes)
    return make_report(provenance, five_rows() if rows is None else rows, entries, "2025-01-02T03:04:05+00:00")


class FakeSubject:
    """Finds and answers what it is told to, an answer ranking what is found; counts what it is asked."""

    def __init__(self, found: Mapping[str, Sequence[int]], replies: Mapping[str, Answer] | None = None) -> None:
        self.entries = tuple(entry(n) for n in range(1, 6))
        self.model = ModelInfo(name="fake", sha256="ab", device="cpu")
        self.index_fingerprint = "index-1"
        self.found = found
        self.replies = replies or {}
        self.searched: list[tuple[str, History]] = []
        self.asked: list[tuple[str, History]] = []

    def search(self, question: str, history: History = ()) -> tuple[Hit, ...]:
        self.searched.append((question, history))
        return hits(*self.found[question])

    def ask(self, question: str, history: History = ()) -> Answer:
        self.asked.append((question, history))
        ranked = tuple(Related(hit.entry, hit.score) for hit in hits(*self.found[question]))
        return replace(self.replies[question], question=question, searched=question, ranked=ranked)
