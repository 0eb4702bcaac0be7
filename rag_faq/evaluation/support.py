"""Evaluation of the verifier: does it let true sentences pass, and does it catch the spoiled ones?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rag_faq.errors import InputFileError
from rag_faq.grounding.verify import Support
from rag_faq.records import FaqEntry


class Checker(Protocol):
    """What is evaluated."""

    def check(self, sentence: str, source_text: str, question: str) -> Support:
        """Whether this source supports this sentence."""
        ...


@dataclass(frozen=True, slots=True)
class SupportCase:
    """One sentence, and whether one entry supports it."""

    id: str
    entry: int  # the entry's own number
    sentence: str
    supported: bool
    kind: str  # how the sentence was made: "reworded", "number", …


@dataclass(frozen=True, slots=True)
class Miss:
    """A case on which the verifier and the label differ."""

    case: SupportCase
    support: Support


@dataclass(frozen=True, slots=True)
class SupportReport:
    """Rates from 0 to 1; `None` where there was nothing to count."""

    cases: int
    kept: float | None  # true sentences that passed
    caught: float | None  # spoiled sentences that did not
    precision: float | None  # true ones among the sentences that passed
    by_kind: Mapping[str, tuple[int, int]]  # kind -> (judged as labelled, all)
    misses: tuple[Miss, ...]

    def __str__(self) -> str:
        """A table for the terminal."""
        lines = [f"{self.cases} sentences", f"  true sentences kept      {_percent(self.kept)}"]
        lines.append(f"  spoiled sentences caught {_percent(self.caught)}")
        lines.append(f"  precision of what passed {_percent(self.precision)}")
        lines += [f"    {kind:<16} {right:>4} of {total}" for kind, (right, total) in sorted(self.by_kind.items())]
        return "\n".join(lines)


def evaluate_support(cases: Sequence[SupportCase], entries: Iterable[FaqEntry], verifier: Checker) -> SupportReport:
    """Check each case against its entry's whole answer. Raises InputFileError for an entry that does not exist."""
    by_number = {entry.number: entry for entry in entries}
    unknown = sorted({case.entry for case in cases} - by_number.keys())
    if unknown:
        raise InputFileError(
            f"The labelled sentences name entries that do not exist: {', '.join(map(str, unknown))}",
            expected=f"numbers of the corpus's {len(by_number)} entries",
        )
    judged: list[tuple[SupportCase, Support]] = []
    for case in cases:
        entry = by_number[case.entry]
        judged.append((case, verifier.check(case.sentence, entry.answer, entry.question)))
    by_kind: dict[str, tuple[int, int]] = {}
    for case, support in judged:
        right, total = by_kind.get(case.kind, (0, 0))
        by_kind[case.kind] = (right + (support.supported == case.supported), total + 1)
    return SupportReport(
        cases=len(judged),
        kept=_rate(support.supported for case, support in judged if case.supported),
        caught=_rate(not support.supported for case, support in judged if not case.supported),
        precision=_rate(case.supported for case, support in judged if support.supported),
        by_kind=by_kind,
        misses=tuple(Miss(case, support) for case, support in judged if support.supported != case.supported),
    )


def read_support_cases(path: Path) -> tuple[SupportCase, ...]:
    """The labelled sentences of a jsonl file: `{"id", "entry", "sentence", "supported", "kind"}` a line.

    Raises InputFileError that names every bad line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path} cannot be read: {error}") from error
    cases: list[SupportCase] = []
    problems: list[str] = []
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            case = _case(json.loads(line))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        if case.id in seen:
            problems.append(f"line {number}: the id {case.id!r} was used before")
        seen.add(case.id)
        cases.append(case)
    if problems:
        raise InputFileError(
            f"{path}: {'; '.join(problems)}", expected='{"id", "entry", "sentence", "supported", "kind"} on each line'
        )
    return tuple(cases)


_FIELDS: Mapping[str, type] = {"id": str, "entry": int, "sentence": str, "supported": bool, "kind": str}


def _case(raw: Any) -> SupportCase:
    if not isinstance(raw, dict) or raw.keys() != _FIELDS.keys():
        raise ValueError(f"the keys are not {', '.join(_FIELDS)}")
    for name, wanted in _FIELDS.items():
        value = raw[name]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise ValueError(f"{name!r} is {value!r}, not of type {wanted.__name__}")
    return SupportCase(**raw)


def _rate(values: Iterable[bool]) -> float | None:
    counted = list(values)
    return sum(counted) / len(counted) if counted else None


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"
