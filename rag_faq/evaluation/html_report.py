"""A report as one HTML page that asks the network for nothing. The page itself is `html_report.html.j2`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from rag_faq.evaluation import svg
from rag_faq.evaluation.coverage import Point, at_threshold
from rag_faq.evaluation.judge import Problem, facts_missing, forbidden_present, problems
from rag_faq.evaluation.metrics import Figure, figures_of
from rag_faq.evaluation.report import EntryText, Report, entries_of
from rag_faq.evaluation.results import Row
from rag_faq.evaluation.text_report import interval, problem_counts, shown

_THRESHOLDS = tuple(step / 10 for step in range(1, 10))
_MINOR: tuple[Problem, ...] = ("gold not first",)


@dataclass(frozen=True, slots=True)
class Beside:
    """An entry that is shown beside an answer, and why."""

    number: int
    roles: str
    text: EntryText


@dataclass(frozen=True, slots=True)
class Miss:
    """A question that did not come out right, with what a person needs to see why."""

    row: Row
    problems: tuple[Problem, ...]
    missing: tuple[str, ...]  # facts, their alternatives joined
    forbidden: tuple[str, ...]
    beside: tuple[Beside, ...]


def html_report(report: Report) -> str:
    """The page: figures with intervals, bars by kind, the risk-coverage curve, and every miss with its sources."""
    figures = figures_of(report.provenance.stage)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        files("rag_faq.evaluation").joinpath("html_report.html.j2").read_text(encoding="utf-8")
    )
    return template.render(
        report=report,
        provenance=report.provenance,
        figures=[_line(report, figure) for figure in figures],
        charts=[(figure.title, _chart(report, figure)) for figure in figures if _has_kinds(report, figure)],
        curve=_curve(report),
        thresholds=_thresholds(report),
        counts=problem_counts(report),
        misses=misses(report),
        percent=_percent,
    )


def misses(report: Report) -> tuple[Miss, ...]:
    """The questions with problems, in the set's order; those that were merely not found first come last."""
    found = [_miss(report, row, wrong) for row in report.rows if (wrong := problems(row, report.provenance.stage))]
    return tuple(sorted(found, key=lambda miss: miss.problems == _MINOR))


def _miss(report: Report, row: Row, wrong: tuple[Problem, ...]) -> Miss:
    answers = report.provenance.stage == "answers"
    unknown = EntryText("(not in the index)", "")
    return Miss(
        row=row,
        problems=wrong,
        missing=tuple(" | ".join(fact) for fact in facts_missing(row.question, row.result)) if answers else (),
        forbidden=forbidden_present(row.question, row.result) if answers else (),
        beside=tuple(
            Beside(number, _roles(row, number), report.entries.get(number, unknown)) for number in entries_of(row)
        ),
    )


def _roles(row: Row, number: int) -> str:
    """Why an entry is shown: "gold, found 2nd, cited"."""
    roles = ["gold"] if number in row.question.gold else []
    if number in row.result.found:
        roles.append(f"found at {row.result.found.index(number) + 1}")
    answer = row.result.given
    if answer is not None and number in answer.sources:
        roles.append(f"source {answer.sources.index(number) + 1}")
    if answer is not None and number in answer.cited_entries:
        roles.append("cited")
    return ", ".join(roles)


def _line(report: Report, figure: Figure) -> dict[str, Any]:
    estimate = report.figures["all"][figure.key]
    return {
        "title": figure.title,
        "value": shown(estimate.value, figure),
        "interval": interval(estimate, figure),
        "n": estimate.n,
        "lower": not figure.higher_is_better,
    }


def _kinds(report: Report, figure: Figure) -> Sequence[svg.Bar]:
    return [
        svg.Bar(group.replace("_", " "), values[figure.key], shown(values[figure.key].value, figure))
        for group, values in report.figures.items()
        if group not in ("answerable", "unanswerable")
    ]


def _has_kinds(report: Report, figure: Figure) -> bool:
    """Whether more than one kind has the figure: the drawing would else repeat the table."""
    return sum(bar.estimate.value is not None for bar in _kinds(report, figure)) > 2


def _chart(report: Report, figure: Figure) -> Markup:
    return svg.bars(f"{figure.title}, by kind", _kinds(report, figure))


def _curve(report: Report) -> Markup | None:
    if report.as_run is None:
        return None
    points = [(point.coverage, point.risk) for point in report.curve]
    return svg.curve(
        "Risk against coverage of the evidence",
        points,
        (report.as_run.coverage, report.as_run.risk),
        svg.Axes("questions answered", "of these not in the FAQ"),
    )


def _thresholds(report: Report) -> list[Point]:
    return [at_threshold(report.rows, threshold) for threshold in _THRESHOLDS] if report.as_run else []


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"
