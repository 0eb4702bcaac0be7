"""Two reports over the same questions: what got better, what got worse, and whether the figures really differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rag_faq.errors import InputFileError
from rag_faq.evaluation.bootstrap import Difference, difference
from rag_faq.evaluation.judge import Problem, facts_present, first_gold, problems
from rag_faq.evaluation.metrics import figures_of, groups
from rag_faq.evaluation.questions import Question
from rag_faq.evaluation.report import Report
from rag_faq.evaluation.results import STAGES, Result, Row, Stage
from rag_faq.evaluation.text_report import shown, table

Direction: TypeAlias = Literal["better", "worse", "mixed"]
_DIRECTIONS: tuple[Direction, ...] = ("better", "worse", "mixed")


@dataclass(frozen=True, slots=True)
class Change:
    """One question that did not come out the same."""

    question: Question
    gone: tuple[Problem, ...]  # problems that only the old run has
    new: tuple[Problem, ...]  # problems that only the new run has
    details: tuple[str, ...]  # rank, outcome and facts where they differ: "gold at 3, now at 1"

    @property
    def direction(self) -> Direction:
        """`mixed` where a problem went and another came."""
        if self.gone and self.new:
            return "mixed"
        return "better" if self.gone else "worse"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`figures` by group and key; new minus old."""

    stage: Stage  # the lesser of the two runs' stages
    questions: int
    figures: Mapping[str, Mapping[str, Difference]]
    changes: tuple[Change, ...]  # in the set's order
    differing: Mapping[str, tuple[str, str]]  # what the runs were made of, where it is not the same


def compare(old: Report, new: Report) -> Comparison:
    """Compare two runs. Raises InputFileError where they asked different questions."""
    if old.provenance.set_sha256 != new.provenance.set_sha256 or _questions(old) != _questions(new):
        raise InputFileError(
            f"The reports are of different question sets: {old.provenance.set_name} "
            f"({len(old.rows)} questions, {old.provenance.set_sha256[:12]}) and {new.provenance.set_name} "
            f"({len(new.rows)} questions, {new.provenance.set_sha256[:12]})",
            expected="two reports over the same questions",
            mend="run `rag-faq eval` again over one of the two sets",
        )
    stage = min(old.provenance.stage, new.provenance.stage, key=STAGES.index)
    before, after = groups(old.rows), groups(new.rows)
    return Comparison(
        stage=stage,
        questions=len(old.rows),
        figures={group: _differences(before[group], after[group], stage) for group in before},
        changes=tuple(
            change for a, b in zip(old.rows, new.rows, strict=True) if (change := _change(a, b, stage)) is not None
        ),
        differing=_differing(old, new),
    )


def comparison_text(comparison: Comparison) -> str:
    """The figures side by side, then each question that got better or worse. `*` marks a clear difference."""
    rows = [("figure", "old", "new", "change", "95% interval", "")]
    for figure in figures_of(comparison.stage):
        d = comparison.figures["all"][figure.key]
        signed = [_signed(value, figure.is_share) for value in (d.change, d.low, d.high)]
        ends = f"{signed[1]} to {signed[2]}" if d.change is not None else "-"
        rows.append((figure.title, shown(d.old, figure), shown(d.new, figure), signed[0], ends, "*" if d.clear else ""))
    parts = [f"{comparison.questions} questions, stage {comparison.stage}", table(rows)]
    parts += ["\n".join(f"{name}: {a}, now {b}" for name, (a, b) in comparison.differing.items())]
    for direction in _DIRECTIONS:
        changes = [change for change in comparison.changes if change.direction == direction]
        if changes:
            parts.append("\n".join([f"{direction} ({len(changes)})", *map(_line, changes)]))
    if not comparison.changes:
        parts.append("No question came out better or worse.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _differences(old: Sequence[Row], new: Sequence[Row], stage: Stage) -> dict[str, Difference]:
    return {f.key: difference(f.statistic(old), f.statistic(new)) for f in figures_of(stage)}


def _change(old: Row, new: Row, stage: Stage) -> Change | None:
    before, after = problems(old, stage), problems(new, stage)
    if before == after:
        return None
    return Change(
        question=new.question,
        gone=tuple(problem for problem in before if problem not in after),
        new=tuple(problem for problem in after if problem not in before),
        details=_details(old, new, stage),
    )


def _details(old: Row, new: Row, stage: Stage) -> tuple[str, ...]:
    question, a, b = new.question, old.result, new.result
    pairs = [("gold", _rank(question, a), _rank(question, b))] if question.answerable else []
    if stage != "retrieval" and a.given is not None and b.given is not None:
        pairs.append(("outcome", a.given.outcome, b.given.outcome))
    if stage == "answers" and question.facts:
        total = len(question.facts)
        pairs.append(("facts", f"{facts_present(question, a)}/{total}", f"{facts_present(question, b)}/{total}"))
    return tuple(f"{name} {before}, now {after}" for name, before, after in pairs if before != after)


def _rank(question: Question, result: Result) -> str:
    rank = first_gold(question, result)
    return f"at {rank}" if rank else "not found"


def _line(change: Change) -> str:
    signs = [f"-{problem}" for problem in change.gone] + [f"+{problem}" for problem in change.new]
    words = " ".join(change.question.question.split())
    asked = words if len(words) <= 70 else words[:69] + "…"
    return f"  {change.question.id} [{change.question.kind}] {asked}\n    {'; '.join([*signs, *change.details])}"


def _signed(value: float | None, is_share: bool) -> str:
    if value is None:
        return "-"
    return f"{100 * value:+.1f}" if is_share else f"{value:+.3f}"


def _questions(report: Report) -> tuple[Question, ...]:
    return tuple(row.question for row in report.rows)


def _differing(old: Report, new: Report) -> dict[str, tuple[str, str]]:
    a, b = _flat(old), _flat(new)
    names = dict.fromkeys([*a, *b])
    return {name: (a.get(name, "-"), b.get(name, "-")) for name in names if a.get(name) != b.get(name)}


def _flat(report: Report) -> dict[str, str]:
    p = report.provenance
    parts = {"stage": p.stage, "index": p.index[:12], "code": p.code[:12]}
    parts |= {f"model {name}": value[:40] for name, value in p.model.items()}
    parts |= {f"setting {name}": str(value) for name, value in p.settings.items()}
    return parts | {f"version of {name}": value for name, value in p.versions.items()}
