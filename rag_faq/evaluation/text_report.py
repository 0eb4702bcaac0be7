"""A report as aligned plain text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rag_faq.evaluation.bootstrap import Estimate
from rag_faq.evaluation.judge import PROBLEMS, problems
from rag_faq.evaluation.metrics import Figure, figures_of
from rag_faq.evaluation.report import Report

_BY_KIND = (
    ("r_at_1", "R@1"),
    ("r_at_3", "R@3"),
    ("facts", "facts"),
    ("citation_precision", "cit. prec."),
    ("citation_recall", "cit. rec."),
    ("refusal_recall", "refused"),
    ("false_refusals", "falsely"),
    ("forbidden", "forbidden"),
)
_NONE = "-"


def text_report(report: Report) -> str:
    """The figures with their intervals, the figures by kind, the times, and what went wrong how often."""
    parts = [_head(report), _figures(report), _kinds(report), _seconds(report), _problems(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def shown(value: float | None, figure: Figure) -> str:
    """A value as the reports show it: a share as a percentage."""
    if value is None:
        return _NONE
    return f"{100 * value:.1f}%" if figure.is_share else f"{value:.3f}"


def interval(estimate: Estimate, figure: Figure) -> str:
    """The two ends of the interval."""
    return f"{shown(estimate.low, figure)} to {shown(estimate.high, figure)}" if estimate.n else _NONE


def table(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Aligned columns, the first `left` of them to the left and the others to the right. The first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def problem_counts(report: Report) -> dict[str, int]:
    """How many questions have each problem; those that none has are left out."""
    found = [problem for row in report.rows for problem in problems(row, report.provenance.stage)]
    return {problem: found.count(problem) for problem in PROBLEMS if problem in found}


def _head(report: Report) -> str:
    p = report.provenance
    model = p.model.get("name", "none")
    return (
        f"{p.set_name}: {len(report.rows)} questions, stage {p.stage}\n"
        f"model {model} on {p.model.get('device', 'none')}, index {p.index[:12] or _NONE}"
    )


def _figures(report: Report) -> str:
    rows = [("figure", "value", "95% interval", "questions")]
    for figure in figures_of(report.provenance.stage):
        estimate = report.figures["all"][figure.key]
        rows.append((figure.title, shown(estimate.value, figure), interval(estimate, figure), str(estimate.n)))
    return table(rows)


def _kinds(report: Report) -> str:
    figures = {figure.key: figure for figure in figures_of(report.provenance.stage)}
    columns = [(figures[key], title) for key, title in _BY_KIND if key in figures]
    rows = [["kind", "n", *(title for _, title in columns)]]
    for group, values in report.figures.items():
        if group != "all":
            n = _size(report, group)
            rows.append([group, str(n), *(shown(values[figure.key].value, figure) for figure, _ in columns)])
    return table(rows)


def _size(report: Report, group: str) -> int:
    if group in ("answerable", "unanswerable"):
        return sum(row.question.answerable == (group == "answerable") for row in report.rows)
    return sum(row.question.kind == group for row in report.rows)


def _seconds(report: Report) -> str:
    rows = [("seconds", "median", "95th percentile", "questions")]
    rows += [(name, f"{s.median:.3f}", f"{s.p95:.3f}", str(s.n)) for name, s in report.seconds.items()]
    return table(rows)


def _problems(report: Report) -> str:
    counts = problem_counts(report)
    if not counts:
        return "Nothing went wrong."
    return table([("problem", "questions"), *((problem, str(count)) for problem, count in counts.items())])
