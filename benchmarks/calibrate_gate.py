"""Fits the gate's weights on a question set, and prints them with cross-validated figures.

    python benchmarks/calibrate_gate.py evaluation/development.jsonl [--rows rows.jsonl] [--write]

For each question the first entries of the search are put to the model ("does this text hold the answer?"), which takes
a few minutes; `--rows` keeps what came out and uses it the next time. `--write` puts the weights into the package's
gate.toml. Every figure is of questions that the fit did not see (ten folds).

Probability 0.5 is put where `--false-refusals` of the answerable questions fall below it: few, since a wrongly answered
question has another hurdle before it, the check of every sentence, and a wrongly refused one has none.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import rag_faq.generation.gate as gate
from rag_faq.assembly import load_chatbot
from rag_faq.errors import ModelMissingError
from rag_faq.evaluation.logistic import auroc, fit, out_of_fold
from rag_faq.evaluation.questions import load_questions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--rows", type=Path, help="keep the evidence in this file, or use what it has")
    parser.add_argument(
        "--false-refusals", type=float, default=0.03, help="share of answerable questions that may be refused here"
    )
    parser.add_argument("--write", action="store_true", help="put the weights into gate.toml")
    arguments = parser.parse_args()
    if arguments.rows and arguments.rows.exists():
        rows = [json.loads(line) for line in arguments.rows.read_text(encoding="utf-8").splitlines()]
    else:
        rows = list(collect(arguments.questions))
        if arguments.rows:
            arguments.rows.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    toml = calibrate(rows, arguments.false_refusals)
    print(toml)
    if arguments.write:
        Path(gate.__file__).with_name("gate.toml").write_text(toml, encoding="utf-8")


def collect(path: Path) -> Iterator[dict[str, object]]:
    """For each question of a set with words in it: is it answerable, and the evidence for each entry looked at."""
    chatbot = load_chatbot()
    if chatbot.model.name == "none":
        raise ModelMissingError(chatbot.model.detail)
    questions = load_questions(path, [entry.number for entry in chatbot.entries])
    for question in questions:
        searched, hits = chatbot.find(question.question, question.history)
        if hits:
            yield {
                "id": question.id,
                "answerable": bool(question.gold),
                "entries": [
                    {
                        "right": hit.entry.number in question.gold,
                        "features": gate.search_features(hit),
                        "yes": chatbot.gate.ask(searched, hit),
                    }
                    for hit in hits[: gate.LOOK_AT]
                ],
            }
    chatbot.close()


def calibrate(rows: list[dict], false_refusals: float) -> str:
    """gate.toml's text. Prints the figures of both regressions on the way."""
    pairs = [(number, entry) for number, row in enumerate(rows) for entry in row["entries"]]
    groups = np.array([number for number, _ in pairs])
    right = np.array([float(entry["right"]) for _, entry in pairs])
    search = np.array([entry["features"] for _, entry in pairs])
    asked = np.column_stack([search, [gate.logit(entry["yes"]) for _, entry in pairs]])
    answerable = np.array([row["answerable"] for row in rows])
    tables = []
    for title, features, names in (
        ("search", search, gate.SEARCH_FEATURES),
        ("asked", asked, gate.ASKED_FEATURES),
    ):
        odds = out_of_fold(features, right, groups)
        best = np.array([odds[groups == number].max() for number in range(len(rows))])
        first = [right[groups == number][odds[groups == number].argmax()] for number in np.flatnonzero(answerable)]
        threshold = float(np.quantile(best[answerable], false_refusals))
        refused = (best[~answerable] < threshold).mean()
        falsely = (best[answerable] < threshold).mean()
        print(
            f"# {title}: AUROC {auroc(best, answerable):.3f}; right entry first {np.mean(first):.3f}; "
            f"at the chosen point {refused:.3f} refused, {falsely:.3f} falsely"
        )
        intercept, slopes = fit(features, right)
        lines = [f"[{title}]", f"intercept = {intercept - threshold:.3f}"]
        lines += [f"{name} = {slope:.3f}" for name, slope in zip(names, slopes, strict=True)]
        tables.append("\n".join(lines))
    head = Path(gate.__file__).with_name("gate.toml").read_text(encoding="utf-8").split("\n[", 1)[0].rstrip()
    return "\n\n".join([head, *tables]) + "\n"


if __name__ == "__main__":
    main()
