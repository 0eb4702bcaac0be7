"""What `rag-faq eval` does, from paths to paths; printing is left to the caller."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag_faq.evaluation.compare import Comparison, compare
from rag_faq.evaluation.html_report import html_report
from rag_faq.evaluation.journal import Journal
from rag_faq.evaluation.provenance import Provenance, code_fingerprint, describe_model, versions
from rag_faq.evaluation.questions import fingerprint, load_questions
from rag_faq.evaluation.report import Report, load_report, make_report, save_report, write_text
from rag_faq.evaluation.results import Stage
from rag_faq.evaluation.run import Subject, evaluate


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate, and where to put what comes out."""

    questions: Path
    out: Path  # a folder
    stage: Stage = "answers"
    fresh: bool = False  # forget what an interrupted run has done
    settings: Mapping[str, Any] | None = None  # plain JSON values


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The report, and the files that hold it."""

    report: Report
    json: Path
    html: Path
    journal: Path
    kept: int  # results that an earlier run had left


def evaluate_file(
    request: Request,
    known: Collection[int],
    load: Callable[[], Subject],
    progress: Callable[[int, int], None] | None = None,
) -> Evaluated:
    """Check the whole question set, then run it, then write `<set>-<stage>.json` and `.html` into the folder.

    `known` are the entry numbers of the index. `load` makes the chatbot, once the set was found good. The results so
    far lie in `<set>-<stage>-<fingerprint>.jsonl`; the same request over the same chatbot goes on from there.

    Raises InputFileError for a bad set, DiskError where the folder cannot be written, and what the chatbot raises.
    """
    questions = load_questions(request.questions, known)
    subject = load()
    provenance = Provenance(
        set_name=request.questions.name,
        set_sha256=fingerprint(questions),
        stage=request.stage,
        settings=dict(request.settings or {}),
        index=subject.index_fingerprint,
        model=describe_model(subject.model),
        versions=versions(),
        code=code_fingerprint(),
    )
    stem = f"{request.questions.stem}-{request.stage}"
    journal = Journal(request.out / f"{stem}-{provenance.fingerprint[:12]}.jsonl", provenance.fingerprint)
    if request.fresh:
        journal.clear()
    kept = len(journal.read())
    rows = evaluate(subject, questions, request.stage, journal, progress)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    report = make_report(provenance, rows, subject.entries, created)
    json_path, html_path = request.out / f"{stem}.json", request.out / f"{stem}.html"
    save_report(report, json_path)
    write_text(html_path, html_report(report))
    return Evaluated(report, json_path, html_path, journal.path, kept)


def compare_files(old: Path, new: Path) -> Comparison:
    """Compare two JSON reports. Raises InputFileError for a file that is none, or for different question sets."""
    return compare(load_report(old), load_report(new))
