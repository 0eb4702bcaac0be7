"""Puts a development set to the chatbot, with gate probes that did not see the question, and prints the report.

    python -m benchmarks.replay evaluation/development.jsonl evaluation/gate_development.jsonl \\
        --rows FOLDER --kept FILE [--set plain=0.5 …]

The first set is asked; the probes are fitted on both, as by `benchmarks/calibrate_probes.py`, ten times, each time
without a tenth of the questions. So the figures are those of questions that the gate's probes never saw, although the
few weights over them, the checks of sentences, and all that was chosen on this set, did.

What the model gives is kept in FILE, so that the next run, after a change of a threshold, takes about a minute: only
what it was not asked before is computed. `--set` tries another value of a bound of `probing.toml`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import probes
from benchmarks.calibrate_probes import DIRECTIONS, RIDGE, Rows, asked_as, joined, over_indexes, rows_of
from benchmarks.kept import KeptGenerator
from rag_faq.chatbot import FaqChatbot
from rag_faq.evaluation.provenance import Provenance, code_fingerprint, describe_model, versions
from rag_faq.evaluation.questions import Question, fingerprint, load_questions
from rag_faq.evaluation.report import make_report
from rag_faq.evaluation.results import Row
from rag_faq.evaluation.run import run_question
from rag_faq.evaluation.text_report import text_report
from rag_faq.generation.generator import Generator
from rag_faq.generation.probing import BOUNDS, Prober, Probes, default_calibration


def main() -> None:
    """Read the arguments, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path, nargs="+")
    parser.add_argument("--rows", type=Path, required=True, help="folder with the evidence for the gate, or to keep it")
    parser.add_argument("--kept", type=Path, required=True, help="file with what the model gave before")
    parser.add_argument(
        "--set", action="append", default=[], metavar="BOUND=NUMBER", help=f"one of {', '.join(BOUNDS)}"
    )
    parser.add_argument("--without-wordings", action="store_true", help="over an index without other wordings")
    arguments = parser.parse_args()
    kept: list[KeptGenerator] = []

    def behind(generator: Generator) -> Generator:
        kept.append(KeptGenerator(generator, arguments.kept))
        return kept[-1]

    parts = [
        [rows_of(path, arguments.rows, chatbot) for path in arguments.questions] for chatbot in over_indexes(behind)
    ]
    rows, _ = joined(parts)
    bounds = {name: float(value) for name, value in (pair.split("=", 1) for pair in arguments.set)}
    for index, chatbot in enumerate(over_indexes(behind)):
        if index == (1 if arguments.without_wordings else 0):
            start = time.perf_counter()
            asked = load_questions(arguments.questions[0], [entry.number for entry in chatbot.entries])
            found = replay(chatbot, kept[-1], asked, unseen(rows), bounds)
            print(report(chatbot, arguments.questions[0].name, bounds, found))
            print(f"{kept[-1].computed} outputs of the model were new; {time.perf_counter() - start:.0f} s")


def report(chatbot: FaqChatbot, set_name: str, bounds: Mapping[str, float], found: Sequence[Row]) -> str:
    """The report as text."""
    provenance = Provenance(
        set_name=set_name,
        set_sha256=fingerprint([row.question for row in found]),
        stage="answers",
        settings=bounds,
        index=chatbot.index_fingerprint,
        model=describe_model(chatbot.model),
        versions=versions(),
        code=code_fingerprint(),
    )
    return text_report(make_report(provenance, found, chatbot.entries, datetime.now(UTC).isoformat(timespec="seconds")))


def unseen(rows: Rows) -> dict[int, Probes]:
    """For the number of each question's id, probes that were fitted without it."""
    found: dict[int, Probes] = {}
    for seen, held in probes.folds(rows.right, rows.asked_as):
        fitted = [
            probes.as_probe(probes.regression(DIRECTIONS, RIDGE).fit(probes.centred(scores[seen]), rows.right[seen]))
            for scores in (rows.read, rows.asked)
        ]
        found |= dict.fromkeys(rows.asked_as[held].tolist(), Probes(*fitted))
    return found


def replay(
    chatbot: FaqChatbot,
    generator: Generator,
    questions: Sequence[Question],
    probes_of: Mapping[int, Probes],
    bounds: Mapping[str, float],
) -> tuple[Row, ...]:
    """Each question with its result; `probes_of` are by the numbers of their ids."""
    gate = chatbot.gate
    calibration = replace(default_calibration(), **bounds)
    rows = []
    for question in questions:
        number = asked_as(question.id)
        if number in probes_of:  # for the others the search finds nothing, so that no probe is asked
            gate.prober = Prober(generator, gate.cut, probes_of[number], calibration)
        rows.append(Row(question, run_question(chatbot, question, "answers")))
    return tuple(rows)


if __name__ == "__main__":
    main()
