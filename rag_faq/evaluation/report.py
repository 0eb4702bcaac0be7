"""The report of one evaluation: a record with everything that the tables and pages show, and its JSON file."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag_faq.errors import InputFileError
from rag_faq.evaluation.coverage import Point, as_run, risk_coverage
from rag_faq.evaluation.judge import problems
from rag_faq.evaluation.metrics import Figures, measure
from rag_faq.evaluation.provenance import Provenance
from rag_faq.evaluation.questions import question_from_json, question_json
from rag_faq.evaluation.results import STAGES, Row, result_from_json
from rag_faq.records import FaqEntry
from rag_faq.retrieval.swap import disk_errors

FORMAT = 1
_SHOWN = 3  # entries of a search that a report shows


@dataclass(frozen=True, slots=True)
class EntryText:
    """An entry as a report shows it."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long something took, over the questions where it happened."""

    median: float
    p95: float
    n: int


@dataclass(frozen=True, slots=True)
class Report:
    """One evaluation. Everything but `provenance`, `created`, `rows` and `entries` follows from the rows."""

    provenance: Provenance
    created: str  # ISO 8601, UTC
    rows: tuple[Row, ...]
    entries: Mapping[int, EntryText]  # by number: those that are gold, found first, seen or cited
    figures: Mapping[str, Figures]  # by group, then by key
    curve: tuple[Point, ...]
    as_run: Point | None
    seconds: Mapping[str, Seconds]


def make_report(provenance: Provenance, rows: Sequence[Row], entries: Iterable[FaqEntry], created: str) -> Report:
    """Work out all figures."""
    wanted = {number for row in rows for number in entries_of(row)}
    texts: dict[int, EntryText] = {}
    for entry in entries:
        if entry.number in wanted:
            texts.setdefault(entry.number, EntryText(entry.question, entry.answer))
    return _report(provenance, tuple(rows), texts, created)


def entries_of(row: Row) -> tuple[int, ...]:
    """The entries that a report shows beside a question, gold first, each once."""
    seen = row.result.given.sources + row.result.given.cited_entries if row.result.given else ()
    return tuple(dict.fromkeys(row.question.gold + row.result.found[:_SHOWN] + seen))


def report_json(report: Report) -> dict[str, Any]:
    """The report as plain JSON values."""
    return {
        "format": FORMAT,
        "created": report.created,
        "provenance": asdict(report.provenance),
        "questions": len(report.rows),
        "figures": {
            group: {key: asdict(value) for key, value in figures.items()} for group, figures in report.figures.items()
        },
        "as_run": asdict(report.as_run) if report.as_run else None,
        "curve": [asdict(point) for point in report.curve],
        "seconds": {name: asdict(value) for name, value in report.seconds.items()},
        "entries": {str(number): asdict(text) for number, text in report.entries.items()},
        "rows": [
            {
                "question": question_json(row.question),
                "result": row.result.to_json(),
                "problems": list(problems(row, report.provenance.stage)),
            }
            for row in report.rows
        ],
    }


def save_report(report: Report, path: Path) -> None:
    """Write the JSON file; an older one stays whole until the new one is. Raises DiskError."""
    write_text(path, json.dumps(report_json(report), indent=1) + "\n")


def load_report(path: Path) -> Report:
    """Read a JSON report back; the figures are worked out anew from its rows.

    Raises InputFileError for a file that is none.
    """
    wrong = f"{path} is no report of `rag-faq eval`"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputFileError(
            f"{path} cannot be read: {error.strerror}", expected="the JSON file of a report"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{wrong} ({error})") from error
    if not isinstance(record, dict) or "provenance" not in record:
        raise InputFileError(wrong, expected="the JSON file of a report")
    if record.get("format") != FORMAT:
        raise InputFileError(
            f"{path} has format version {record.get('format')!r}",
            expected=f"version {FORMAT}",
            mend="run the evaluation again with this version",
        )
    try:
        provenance = Provenance(**record["provenance"])
        if provenance.stage not in STAGES:
            raise ValueError(f"unknown stage {provenance.stage!r}")
        rows = tuple(
            Row(question_from_json(row["question"]), result_from_json(row["result"])) for row in record["rows"]
        )
        entries = {int(number): EntryText(**text) for number, text in record["entries"].items()}
        return _report(provenance, rows, entries, str(record["created"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputFileError(f"{wrong}, or was altered ({type(error).__name__}: {error})") from error


def write_text(path: Path, text: str) -> None:
    """Write a file under a name of its own first, then give it its name. Raises DiskError."""
    unfinished = path.with_name(path.name + ".part")
    with disk_errors("Writing", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)


def _report(provenance: Provenance, rows: tuple[Row, ...], entries: Mapping[int, EntryText], created: str) -> Report:
    return Report(
        provenance=provenance,
        created=created,
        rows=rows,
        entries=entries,
        figures=measure(rows, provenance.stage),
        curve=risk_coverage(rows),
        as_run=as_run(rows),
        seconds=_seconds(rows),
    )


def _seconds(rows: Sequence[Row]) -> dict[str, Seconds]:
    answers = [row.result.given for row in rows if row.result.given is not None]
    times = {
        "search": [row.result.search_s for row in rows],
        "first word": [answer.first_token_s for answer in answers if answer.first_token_s is not None],
        "whole answer": [answer.total_s for answer in answers],
    }
    return {name: _summary(values) for name, values in times.items() if values}


def _summary(values: Sequence[float]) -> Seconds:
    ordered = sorted(values)
    p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]  # nearest rank: a time that was really measured
    return Seconds(median=statistics.median(ordered), p95=p95, n=len(ordered))
