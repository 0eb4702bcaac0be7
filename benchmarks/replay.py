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
from benchmarks.calibrate_probes import DIRECTIONS, RIDGE, Rows, numbered, rows_of
from benchmarks.kept import KeptGenerator
from rag_faq.assembly import load_chatbot
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
    arguments = parser.parse_args()
    kept: list[KeptGenerator] = []

    def behind(generator: Generator) -> Generator:
        kept.append(KeptGenerator(generator, arguments.kept))
        return kept[0]

    chatbot = load_chatbot(behind=behind)
    if not kept:
        parser.error(chatbot.model.detail)
    rows = Rows.joined([rows_of(path, arguments.rows, chatbot) for path in arguments.questions])
    asked = load_questions(arguments.questions[0], [entry.number for entry in chatbot.entries])
    bounds = {name: float(value) for name, value in (pair.split("=", 1) for pair in arguments.set)}
    start = time.perf_counter()
    found = replay(chatbot, kept[0], asked, unseen(rows), bounds)
    provenance = Provenance(
        set_name=arguments.questions[0].name,
        set_sha256=fingerprint(asked),
        stage="answers",
        settings=bounds,
        index=chatbot.index_fingerprint,
        model=describe_model(chatbot.model),
        versions=versions(),
        code=code_fingerprint(),
    )
    print(text_report(make_report(provenance, found, chatbot.entries, datetime.now(UTC).isoformat(timespec="seconds"))))
    print(f"{kept[0].computed} outputs of the model were new; {time.perf_counter() - start:.0f} s")
    chatbot.close()


def unseen(rows: Rows) -> dict[int, Probes]:
    """For the number of each question, probes that were fitted without it."""
    found: dict[int, Probes] = {}
    for seen, held in probes.folds(rows.right, rows.question):
        fitted = [
            probes.as_probe(probes.regression(DIRECTIONS, RIDGE).fit(probes.centred(scores[seen]), rows.right[seen]))
            for scores in (rows.read, rows.asked)
        ]
        found |= dict.fromkeys(rows.question[held].tolist(), Probes(*fitted))
    return found


def replay(
    chatbot: FaqChatbot,
    generator: Generator,
    questions: Sequence[Question],
    probes_of: Mapping[int, Probes],
    bounds: Mapping[str, float],
) -> tuple[Row, ...]:
    """Each question with its result; `probes_of` are by the number that `numbered` gives to a question."""
    gate = chatbot.gate
    calibration = replace(default_calibration(), **bounds)
    numbers = {one.id: number for number, one, _, _ in numbered(questions, chatbot)}
    rows = []
    for question in questions:
        if question.id in numbers:  # for the others the search finds nothing, so that no probe is asked
            gate.prober = Prober(generator, gate.cut, probes_of[numbers[question.id]], calibration)
        rows.append(Row(question, run_question(chatbot, question, "answers")))
    return tuple(rows)


if __name__ == "__main__":
    main()
