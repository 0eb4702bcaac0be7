"""What is right and wrong with one answer, counted and named."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, get_args

from rag_faq.evaluation.questions import Question
from rag_faq.evaluation.results import STAGES, Result, Row, Stage

Problem: TypeAlias = Literal[
    "gold not first",
    "gold not in first 3",
    "wrongly refused",
    "not refused",
    "facts missing",
    "gold not cited",
    "other entry cited",
    "forbidden words",
]
PROBLEMS: tuple[Problem, ...] = get_args(Problem)

_MARKER = re.compile(r"[ \t]*\[\d+\]")
_EMPHASIS = re.compile(r"\*\*|__")


def plain(text: str) -> str:
    """The answer's words without its [n] and without bold marks, which would part the words that a pattern seeks."""
    return _EMPHASIS.sub("", _MARKER.sub("", text)).strip()


def first_gold(question: Question, result: Result) -> int | None:
    """The rank, from 1, of the first gold entry among those found."""
    return next((rank for rank, entry in enumerate(result.found, start=1) if entry in question.gold), None)


def facts_missing(question: Question, result: Result) -> tuple[tuple[str, ...], ...]:
    """The facts of which no alternative occurs in the answer. A refusal has none of the facts."""
    if result.given is None or result.given.refused:
        return question.facts
    text = plain(result.given.text)
    return tuple(fact for fact in question.facts if not any(_occurs(pattern, text) for pattern in fact))


def facts_present(question: Question, result: Result) -> int:
    """How many facts the answer has."""
    return len(question.facts) - len(facts_missing(question, result))


def forbidden_present(question: Question, result: Result) -> tuple[str, ...]:
    """The forbidden patterns that occur in what the user reads, in a refusal too."""
    if result.given is None:
        return ()
    text = plain(result.given.text)
    return tuple(pattern for pattern in question.forbidden if _occurs(pattern, text))


def cited_gold(question: Question, result: Result) -> int:
    """How many of the distinct cited entries are gold."""
    return sum(entry in question.gold for entry in result.given.cited_entries) if result.given else 0


def problems(row: Row, stage: Stage) -> tuple[Problem, ...]:
    """Everything that went wrong, as far as `stage` shows it, in the order of `PROBLEMS`."""
    question, result = row.question, row.result
    found: list[Problem] = []
    rank = first_gold(question, result)
    if question.answerable and rank != 1:
        found.append("gold not first")
        if rank is None or rank > 3:
            found.append("gold not in first 3")
    answer = result.given
    if answer is None or stage == "retrieval":
        return tuple(found)
    if answer.refused and question.answerable:
        found.append("wrongly refused")
    if not answer.refused and not question.answerable:
        found.append("not refused")
    if reaches(stage, "answers"):
        found += _of_the_text(question, result)
    return tuple(found)


def reaches(stage: Stage, other: Stage) -> bool:
    """Whether `stage` includes `other`."""
    return STAGES.index(stage) >= STAGES.index(other)


def _of_the_text(question: Question, result: Result) -> list[Problem]:
    """What is wrong with the words. A refusal is one problem, not several: it has no facts and no citations to miss."""
    found: list[Problem] = []
    assert result.given is not None
    if not result.given.refused:
        if facts_present(question, result) < len(question.facts):
            found.append("facts missing")
        gold = cited_gold(question, result)
        if question.answerable and not gold:
            found.append("gold not cited")
        if gold < len(result.given.cited_entries):
            found.append("other entry cited")
    if forbidden_present(question, result):
        found.append("forbidden words")
    return found


def _occurs(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None
