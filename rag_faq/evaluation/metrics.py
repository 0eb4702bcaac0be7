"""The figures of an evaluation, each defined once, over any group of questions.

A question is answerable when it has gold entries. A share counts questions, or pools ("micro") what each question
has several of; `Estimate.n` is the number of questions that count for the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rag_faq.evaluation.bootstrap import NOTHING, Auroc, Estimate, Ratio, Statistic, estimate
from rag_faq.evaluation.judge import cited_gold, facts_present, first_gold, forbidden_present, reaches
from rag_faq.evaluation.questions import KINDS, Question
from rag_faq.evaluation.results import Result, Row, Stage

# (part, whole) of one question; a whole of 0 leaves the question out.
Share: TypeAlias = tuple[float, float]
Figures: TypeAlias = Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: how it is called, from which stage on it can be had, and how it is worked out."""

    key: str
    title: str
    stage: Stage
    statistic: Callable[[Sequence[Row]], Statistic]
    higher_is_better: bool = True
    is_share: bool = True  # shown as a percentage


def _ratio(share: Callable[[Question, Result], Share]) -> Callable[[Sequence[Row]], Statistic]:
    def statistic(rows: Sequence[Row]) -> Statistic:
        pairs = np.array([share(row.question, row.result) for row in rows], dtype=np.float64).reshape(-1, 2)
        return Ratio(pairs[:, 0], pairs[:, 1])

    return statistic


def _of_answerable(question: Question, value: float) -> Share:
    return value, float(question.answerable)


def recall_at_1(question: Question, result: Result) -> Share:
    """Answerable questions with a gold entry found first."""
    return _of_answerable(question, first_gold(question, result) == 1)


def recall_at_3(question: Question, result: Result) -> Share:
    """Answerable questions with a gold entry among the first three."""
    return _of_answerable(question, (first_gold(question, result) or 4) <= 3)


def reciprocal_rank(question: Question, result: Result) -> Share:
    """One over the rank of the first gold entry, 0 where none was found, over answerable questions."""
    rank = first_gold(question, result)
    return _of_answerable(question, 1 / rank if rank else 0.0)


def all_gold_at_3(question: Question, result: Result) -> Share:
    """Questions of the kind `multi` with all their gold entries among the first three."""
    return float(set(question.gold) <= set(result.found[:3])), float(question.kind == "multi" and question.answerable)


def refused_of_unanswerable(question: Question, result: Result) -> Share:
    """Refusal recall: unanswerable questions that were refused."""
    return float(_refused(result)), float(result.given is not None and not question.answerable)


def unanswerable_of_refused(question: Question, result: Result) -> Share:
    """Refusal precision: refused questions that are indeed unanswerable."""
    return float(not question.answerable), float(_refused(result))


def refused_of_answerable(question: Question, result: Result) -> Share:
    """False refusals: answerable questions that were refused."""
    return float(_refused(result)), float(result.given is not None and question.answerable)


def facts(question: Question, result: Result) -> Share:
    """Facts present, of all facts of answerable questions (micro). A refusal has none of them."""
    return facts_present(question, result), float(len(question.facts)) * question.answerable


def all_facts(question: Question, result: Result) -> Share:
    """Answerable questions with facts whose answer has every one of them."""
    complete = facts_present(question, result) == len(question.facts)
    return float(complete), float(bool(question.facts) and question.answerable)


def citation_precision(question: Question, result: Result) -> Share:
    """Cited entries that are gold, of all cited entries (micro, each entry once a question).

    A question without citations has no say. Whatever is cited for an unanswerable question is wrong.
    """
    return cited_gold(question, result), float(len(result.given.cited_entries) if result.given else 0)


def citation_recall(question: Question, result: Result) -> Share:
    """Answerable questions whose answer cites at least one gold entry."""
    return _of_answerable(question, cited_gold(question, result) > 0)


def gold_cited(question: Question, result: Result) -> Share:
    """Gold entries that are cited, of all gold entries of questions of the kind `multi` (micro)."""
    return cited_gold(question, result), float(len(question.gold)) * (question.kind == "multi")


def sentences_supported(question: Question, result: Result) -> Share:
    """Cited sentences, of all that the model wrote: those cited and those left out because no source supports them."""
    if result.given is None:
        return 0.0, 0.0
    cited = result.given.cited_sentences
    return cited, float(cited + len(result.given.unsupported))


def forbidden(question: Question, result: Result) -> Share:
    """Questions with forbidden patterns whose answer or refusal has one of them."""
    return float(bool(forbidden_present(question, result))), float(bool(question.forbidden))


def evidence(rows: Sequence[Row]) -> Statistic:
    """How well the evidence told answerable questions from the others, before anything was written."""
    score = [row.result.given.evidence if row.result.given else 0.0 for row in rows]
    answerable = [row.question.answerable for row in rows]
    return Auroc(np.array(score, dtype=np.float64), np.array(answerable, dtype=np.bool_))


FIGURES: tuple[Figure, ...] = (
    Figure("r_at_1", "gold entry found first (R@1)", "retrieval", _ratio(recall_at_1)),
    Figure("r_at_3", "gold entry in first 3 (R@3)", "retrieval", _ratio(recall_at_3)),
    Figure("mrr", "mean reciprocal rank (MRR)", "retrieval", _ratio(reciprocal_rank), is_share=False),
    Figure("all_gold_at_3", "multi: all gold in first 3", "retrieval", _ratio(all_gold_at_3)),
    Figure("auroc", "evidence, area under ROC", "gate", evidence, is_share=False),
    Figure("refusal_recall", "unanswerable refused", "gate", _ratio(refused_of_unanswerable)),
    Figure("refusal_precision", "refusals that are right", "gate", _ratio(unanswerable_of_refused)),
    Figure("false_refusals", "answerable refused", "gate", _ratio(refused_of_answerable), higher_is_better=False),
    Figure("facts", "facts present", "answers", _ratio(facts)),
    Figure("all_facts", "answers with all facts", "answers", _ratio(all_facts)),
    Figure("citation_precision", "cited entries that are gold", "answers", _ratio(citation_precision)),
    Figure("citation_recall", "answers that cite gold", "answers", _ratio(citation_recall)),
    Figure("gold_cited", "multi: gold entries cited", "answers", _ratio(gold_cited)),
    Figure("supported", "sentences supported", "answers", _ratio(sentences_supported)),
    Figure("forbidden", "forbidden words", "answers", _ratio(forbidden), higher_is_better=False),
)


def figures_of(stage: Stage) -> tuple[Figure, ...]:
    """The figures that can be had at a stage."""
    return tuple(figure for figure in FIGURES if reaches(stage, figure.stage))


def groups(rows: Sequence[Row]) -> dict[str, tuple[Row, ...]]:
    """The questions that figures are given for: all, answerable and not, and each kind that there is."""
    parts = {
        "all": tuple(rows),
        "answerable": tuple(row for row in rows if row.question.answerable),
        "unanswerable": tuple(row for row in rows if not row.question.answerable),
    }
    parts |= {kind: tuple(row for row in rows if row.question.kind == kind) for kind in KINDS}
    return {name: members for name, members in parts.items() if members}


def measure(rows: Sequence[Row], stage: Stage) -> dict[str, Figures]:
    """Every figure of the stage, by group and key."""
    return {
        name: {f.key: estimate(f.statistic(members)) if members else NOTHING for f in figures_of(stage)}
        for name, members in groups(rows).items()
    }


def _refused(result: Result) -> bool:
    return result.given is not None and result.given.refused
