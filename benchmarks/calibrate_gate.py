"""Fits the gate's weights on a question set, and prints them with cross-validated figures.

    python benchmarks/calibrate_gate.py evaluation/development.jsonl [--rows rows.jsonl] [--write]

For each question the model says how likely it finds it after each entry that comes near the search's first one, and
whether the entry holds the answer: that takes some minutes. `--rows` keeps what came out and uses it the next time.
`--write` puts the weights into the package's gate.toml. Every figure is of questions that the fit did not see (ten
folds).

Probability 0.5 is put where `--false-refusals` of the answerable questions fall below it: few, since a wrongly answered
question has another hurdle before it, the check of every sentence, and a wrongly refused one has none.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import rag_faq.generation.gate as gate
from rag_faq.assembly import load_chatbot
from rag_faq.errors import ModelMissingError
from rag_faq.evaluation.logistic import Floats, auroc, fit, folds_of, out_of_fold
from rag_faq.evaluation.questions import load_questions


@dataclass(frozen=True)
class Row:
    """A question, and the evidence for each entry near the first one, in the order of the search."""

    id: str
    answerable: bool
    right: list[bool]
    score: list[float]
    likelihood: list[float]
    yes: list[float]
    elsewhere: float | None = None  # the likelihood after an entry that is far

    @property
    def order(self) -> Floats:
        """The features that the order rests on, shape (entries, 2)."""
        return np.column_stack([self.score, self.likelihood])

    @property
    def among(self) -> Floats:
        """The features that the order of close ones rests on, shape (entries, 3)."""
        return np.column_stack([self.order, [gate.logit(yes) for yes in self.yes]])

    def leading(self, slopes: Floats, among: Floats | None = None) -> int:
        """The place of the entry that leads by these weights; with `among`, those close to it are put in order anew."""
        odds = self.order @ slopes
        best = int(odds.argmax())
        if among is None:
            return best
        close = [
            place
            for place in np.argsort(-odds, kind="stable")[: gate.MOST_ASKED]
            if odds[best] - odds[place] <= gate.default_calibration().close
        ]
        return int(max(close, key=lambda place: float(self.among[place] @ among)))

    def read(self, place: int) -> list[float]:
        """The features of the verdict on an entry after which the question was read."""
        calibration = gate.default_calibration()
        return list(calibration.read_features(self.score[place], self.score[0], self.likelihood[place]))

    def verdict(self, place: int) -> list[float]:
        """Those where the model is asked for its "yes" too."""
        return list(gate.default_calibration().verdict_features(self.read(place), self.yes[place]))

    def doubt(self, place: int) -> list[float]:
        """Those that it rests on where the question is read elsewhere too; as if near where nothing is far."""
        far = self.likelihood[place] if self.elsewhere is None else self.elsewhere
        return list(gate.default_calibration().doubt_features(self.verdict(place), far))


def main() -> None:
    """Collect or read the evidence, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--rows", type=Path, help="keep the evidence in this file, or use what it has")
    parser.add_argument(
        "--false-refusals", type=float, default=0.04, help="share of answerable questions that may be refused here"
    )
    parser.add_argument("--write", action="store_true", help="put the weights into gate.toml")
    arguments = parser.parse_args()
    if arguments.rows and arguments.rows.exists():
        rows = [Row(**json.loads(line)) for line in arguments.rows.read_text(encoding="utf-8").splitlines()]
    else:
        rows = list(collect(arguments.questions))
        if arguments.rows:
            text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
            arguments.rows.write_text(text, encoding="utf-8")
    toml = calibrate(rows, arguments.false_refusals)
    print(toml)
    if arguments.write:
        Path(gate.__file__).with_name("gate.toml").write_text(toml, encoding="utf-8")


def collect(path: Path) -> Iterator[Row]:
    """The evidence for each question of a set that has words in it and is not an entry's own."""
    chatbot = load_chatbot()
    if chatbot.model.name == "none":
        raise ModelMissingError(chatbot.model.detail)
    for question in load_questions(path, [entry.number for entry in chatbot.entries]):
        searched, hits = chatbot.find(question.question, question.history)
        hits = chatbot.closer.search(searched) if hits else ()
        looked_at = chatbot.gate.near(hits)
        likelihoods = chatbot.gate.likelihoods(searched, looked_at) if looked_at else None
        if likelihoods is not None:
            yield Row(
                id=question.id,
                answerable=bool(question.gold),
                right=[hit.entry.number in question.gold for hit in looked_at],
                score=[hit.score for hit in looked_at],
                likelihood=list(likelihoods),
                yes=[chatbot.gate.ask(searched, hit) for hit in looked_at],
                elsewhere=chatbot.gate.elsewhere(searched, hits),
            )
    chatbot.close()


def calibrate(rows: Sequence[Row], false_refusals: float) -> str:
    """gate.toml's text. Prints the figures of the fits on the way."""
    answerable = np.array([row.answerable for row in rows])
    slopes, among = fit_order(rows)
    seen = [0] * len(rows)  # the search has its best first
    first, leading = order_out_of_fold(rows)
    print(
        f"# right entry first: {_right(rows, seen):.3f} by the search, {_right(rows, first):.3f} in order, "
        f"{_right(rows, leading):.3f} with close ones asked about"
    )

    tables = [
        _table("order", None, gate.ORDER_FEATURES, slopes),
        _table("among", None, gate.CLOSE_FEATURES, among),
    ]
    scores = np.array([[row.score[0]] for row in rows])
    reads = np.array([row.read(place) for row, place in zip(rows, leading, strict=True)])
    verdicts = np.array([row.verdict(place) for row, place in zip(rows, leading, strict=True)])
    doubts = np.array([row.doubt(place) for row, place in zip(rows, leading, strict=True)])
    found: dict[str, Floats] = {}
    for title, names, features, places in (
        ("search", gate.SEARCH_FEATURES, scores, seen),
        ("read", gate.READ_FEATURES, reads, leading),
        ("verdict", gate.VERDICT_FEATURES, verdicts, leading),
        ("doubt", gate.DOUBT_FEATURES, doubts, leading),
    ):
        right = np.array([float(row.right[place]) for row, place in zip(rows, places, strict=True)])
        odds = out_of_fold(features, right, np.arange(len(rows)))
        threshold = float(np.quantile(odds[answerable], false_refusals))
        found[title] = odds - threshold
        print(
            f"# {title}: area under ROC {auroc(odds, right > 0):.3f} for the right entry, "
            f"{auroc(odds, answerable):.3f} for answerable; at the chosen point "
            f"{(odds[~answerable] < threshold).mean():.3f} refused, {(odds[answerable] < threshold).mean():.3f} falsely"
        )
        intercept, weights = fit(features, right)
        tables.append(_table(title, intercept - threshold, names, weights))
    calibration = gate.default_calibration()
    asked = found["read"] < calibration.clear
    doubtful = asked & (abs(found["verdict"]) <= calibration.doubtful)
    odds = np.select([doubtful, asked], [found["doubt"], found["verdict"]], found["read"])
    print(
        f"# together: yes asked for {asked[answerable].mean():.2f} of the answerable questions, "
        f"{doubtful[answerable].mean():.2f} are read elsewhere too: area under ROC {auroc(odds, answerable):.3f} "
        f"for answerable; {(odds[~answerable] < 0).mean():.3f} refused, {(odds[answerable] < 0).mean():.3f} falsely"
    )
    head = Path(gate.__file__).with_name("gate.toml").read_text(encoding="utf-8").split("\n[", 1)[0].rstrip()
    return "\n\n".join([head, *tables]) + "\n"


def fit_order(rows: Sequence[Row]) -> tuple[Floats, Floats]:
    """Weights of ORDER_FEATURES and CLOSE_FEATURES: by how much a right entry is to be preferred to a wrong one."""
    return _preferences(rows, lambda row: row.order), _preferences(rows, lambda row: row.among)


def _preferences(rows: Sequence[Row], features: Callable[[Row], Floats]) -> Floats:
    """A logistic regression on the differences of a question's right and wrong entries (Bradley and Terry, 1952).

    Each pair is taken both ways round, so that there is no intercept.
    """
    differences = [
        features(row)[one] - features(row)[other]
        for row in rows
        for one in np.flatnonzero(row.right)
        for other in np.flatnonzero(~np.array(row.right))
    ]
    both = np.array([*differences, *(-difference for difference in differences)])
    labels = np.repeat([1.0, 0.0], len(differences))
    return fit(both, labels)[1]


def order_out_of_fold(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    """The place of each question's leading entry, by weights that were fitted without it: in order, and among close."""
    fold_of = folds_of(len(rows))
    fitted = {
        fold: fit_order([row for row, other in zip(rows, fold_of, strict=True) if other != fold])
        for fold in set(fold_of.tolist())
    }
    own = [(row, *fitted[fold]) for row, fold in zip(rows, fold_of.tolist(), strict=True)]
    return [row.leading(slopes) for row, slopes, _ in own], [row.leading(slopes, among) for row, slopes, among in own]


def _right(rows: Sequence[Row], places: Sequence[int]) -> float:
    """The share of answerable questions whose entry in this place is right."""
    return float(np.mean([row.right[place] for row, place in zip(rows, places, strict=True) if row.answerable]))


def _table(title: str, intercept: float | None, names: Sequence[str], weights: Floats) -> str:
    lines = [f"[{title}]"] + ([] if intercept is None else [f"intercept = {intercept:.3f}"])
    return "\n".join(lines + [f"{name} = {weight:.3f}" for name, weight in zip(names, weights, strict=True)])


if __name__ == "__main__":
    main()
