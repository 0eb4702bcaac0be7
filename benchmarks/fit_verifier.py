"""Fits the weights by which the verifier judges a sentence with the model's word: tables of grounding/weights.toml.

    python -m benchmarks.fit_verifier evaluation/support_development.jsonl [--test evaluation/support_held_out.jsonl] \\
        [--rows FOLDER] [--write]

Every sentence is put to the default language model, which takes about half a second each on two cores; `--rows` keeps
what came out and uses it the next time. `--write` puts the probe, by which the model's scores are read, and the weights
into the package. The development figures are of sentences whose entries the fit did not see (ten folds).
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.model_selection import GroupKFold

import rag_faq.grounding.weigh as weigh
from benchmarks import probes
from rag_faq.assembly import NoModel, load_embedder, load_generator
from rag_faq.corpus.reader import read_corpus
from rag_faq.errors import ModelMissingError
from rag_faq.evaluation.logistic import auroc
from rag_faq.evaluation.support import read_support_cases
from rag_faq.generation.gate import YES_NO
from rag_faq.generation.generator import Generator
from rag_faq.generation.odds import logit
from rag_faq.generation.prompt import NOTHING, statement_prompt, wording_of
from rag_faq.grounding.asking import PROBE, about
from rag_faq.grounding.verify import Verifier
from rag_faq.settings import Settings

# What each feature may mean: for the sentence, or against it.
SIGNS = {
    "coverage": 1, "together": 1, "cosine": 1, "run": -1, "addition": -1, "name": 1, "copied_new": -1,
    "copied_loose": -1, "copied_turned": -1, "copied_apart": -1, "scattered": -1,
}  # fmt: skip
DIRECTIONS, RIDGE = 64, 0.01
# With the model's word, this probability is made one half: there, about as many true sentences are kept as spoiled ones
# are caught.
HALF = 0.4
Table = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Sentences, and what is known of each, in one order."""

    features: Table  # (n, len(SIGNS))
    yes: Table  # (n,) log-odds of the model's "yes"
    scores: Table  # (n, tokens) of what the model would say
    labels: Table  # (n,) 1 for a true sentence
    objection: NDArray[np.bool_]  # (n,) there is one that settles the matter
    entry: NDArray[np.int64]  # (n,)

    def of(self, places: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        """Those in these places."""
        return Rows(*(getattr(self, field.name)[places] for field in fields(self)))


@dataclass(frozen=True)
class Fit:
    """The probe, and the weights with the model's "yes", and with the probe. Those without it are the package's."""

    probe: probes.Regression
    asked: Table
    probed: Table

    @classmethod
    def to(cls, rows: Rows, penalty: float) -> Fit:
        """Fitted to the sentences that no objection settles."""
        rows = rows.of(~rows.objection)
        signs = np.array(list(SIGNS.values()))
        told = probes.out_of_fold(rows.scores, rows.labels, rows.entry, DIRECTIONS, RIDGE)

        def with_word(word: Table) -> Table:
            weights = fit(np.c_[rows.features, word], rows.labels, np.append(signs, 1), penalty)
            return weights - np.r_[logit(HALF), np.zeros(len(signs) + 1)]

        return cls(
            probes.regression(DIRECTIONS, RIDGE).fit(probes.centred(rows.scores), rows.labels),
            with_word(rows.yes),
            with_word(told),
        )

    def judge(self, rows: Rows) -> dict[str, Table]:
        """The probability of each sentence: by wording and meaning alone, with "yes", and with the probe."""
        scales = weigh.load_scales()
        low, high = scales.doubt
        alone = np.array([scales.alone.bias, *(scales.alone.features.get(name, 0.0) for name in SIGNS)])
        first = probability(rows.features, alone)
        doubtful = (first > low) & (first < high)
        told = self.probe.decision_function(probes.centred(rows.scores))
        asked = probability(np.c_[rows.features, rows.yes], self.asked)
        probed = probability(np.c_[rows.features, told], self.probed)
        judged = {"alone": first, "yes": np.where(doubtful, asked, first), "probe": np.where(doubtful, probed, first)}
        judged["probe, always asked"] = probed
        return {name: np.where(rows.objection, 0.0, found) for name, found in judged.items()}

    def tables(self) -> str:
        """Those of weights.toml."""
        texts = []
        for name, weights in (("asked", self.asked), ("probed", self.probed)):
            named = zip([*SIGNS, "told"], weights[1:], strict=False)
            lines = [f"{feature} = {weight:.3f}" for feature, weight in named if abs(weight) > 0.0005]
            texts.append("\n".join([f"[{name}]", f"bias = {weights[0]:.3f}", *lines]))
        return "\n\n".join(texts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--rows", type=Path, help="keep what the model said in this folder, or use what it has")
    parser.add_argument("--penalty", type=float, default=0.1, help="of the squared weights")
    parser.add_argument("--write", action="store_true", help="put probe and weights into the package")
    args = parser.parse_args()
    settings = Settings.load()
    generator = load_generator(settings)
    if isinstance(generator, NoModel):
        raise ModelMissingError(generator.reason)
    verifier = Verifier(load_embedder(settings))

    def rows(cases: Path) -> Rows:
        if not args.rows:
            return collect(cases, settings.corpus, generator, verifier)
        kept = args.rows / f"{cases.stem}-{hashlib.sha256(cases.read_bytes()).hexdigest()[:12]}.npz"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, **vars(collect(cases, settings.corpus, generator, verifier)))
        with np.load(kept) as table:
            return Rows(**table)

    seen = rows(args.cases)
    fitted = Fit.to(seen, args.penalty)
    print(f"{fitted.tables()}\n# {args.cases.name}, by fits that did not see the entry")
    report(seen, out_of_fold(seen, args.penalty))
    if args.test:
        test = rows(args.test)
        print(f"# {args.test.name}")
        report(test, fitted.judge(test))
    if args.write:
        wording = wording_of(statement_prompt("", NOTHING))
        probes.write(PROBE, probes.as_probe(fitted.probe), generator.info.sha256, wording)
        path = Path(weigh.__file__).with_name("weights.toml")
        head = path.read_text(encoding="utf-8").partition("[asked]")[0]
        path.write_text(f"{head}{fitted.tables()}", encoding="utf-8")
    generator.close()


def collect(cases: Path, corpus: Path, generator: Generator, verifier: Verifier) -> Rows:
    """What features and model say of each sentence, in the order of the entries: the model keeps its state of one."""
    entries = {entry.number: entry for entry in read_corpus(corpus).entries}
    found = []
    for case in sorted(read_support_cases(cases), key=lambda case: case.entry):
        entry = entries[case.entry]
        evidence = verifier.evidence(case.sentence, entry.answer, entry.question)
        prompt = about(case.sentence, entry.answer, entry.question)
        scores = generator.scores(prompt)
        if scores is None:
            raise ModelMissingError("The model does not tell its scores.")
        found.append(
            (
                [getattr(evidence.features, name) for name in SIGNS],
                logit(generator.choose(prompt, YES_NO)[0]),
                scores[probes.TOKENS],
                float(case.supported),
                bool(evidence.objection),
                case.entry,
            )
        )
    return Rows(*(np.array(column) for column in zip(*found, strict=True)))


def out_of_fold(rows: Rows, penalty: float) -> dict[str, Table]:
    """The probabilities of each sentence by a fit that saw no sentence of its entry."""
    judged: dict[str, Table] = {}
    for seen, held in GroupKFold(10).split(rows.features, rows.labels, rows.entry):
        for name, found in Fit.to(rows.of(seen), penalty).judge(rows.of(held)).items():
            judged.setdefault(name, np.zeros(len(rows.labels)))[held] = found
    return judged


def report(rows: Rows, judged: dict[str, Table]) -> None:
    """Print what each way of judging keeps and catches."""
    low, high = weigh.load_scales().doubt
    doubtful = (judged["alone"] > low) & (judged["alone"] < high)
    print(f"#   {len(rows.labels)} sentences; of {np.mean(doubtful & ~rows.objection):.0%} the model is asked")
    for name, score in judged.items():
        print(f"#   {name}: area under ROC {auroc(score, rows.labels > 0):.4f}; kept/caught at", end="")
        for threshold in (0.3, 0.35, 0.4, 0.45, 0.5, 0.6):
            kept, caught = np.mean(score[rows.labels == 1] >= threshold), np.mean(score[rows.labels == 0] < threshold)
            print(f" {threshold}: {kept:.3f}/{caught:.3f}", end="")
        print()


def fit(table: Table, labels: Table, signs: Table, penalty: float) -> Table:
    """Bias and weights of a logistic regression whose weights have the given signs."""
    full = np.c_[np.ones(len(table)), table]

    def loss(weights: Table) -> tuple[float, Table]:
        p = probability(table, weights)
        value = -np.log(np.where(labels == 1, p, 1 - p)).sum() + penalty / 2 * (weights[1:] ** 2).sum()
        return value, full.T @ (p - labels) + penalty * np.r_[0, weights[1:]]

    bounds = [(None, None), *((0, None) if sign > 0 else (None, 0) for sign in signs)]
    return minimize(loss, np.zeros(full.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B").x


def probability(table: Table, weights: Table) -> Table:
    """What the model with these weights gives each row; kept a trifle away from 0 and 1."""
    return 1 / (1 + np.exp(-np.clip(weights[0] + table @ weights[1:], -30, 30)))


if __name__ == "__main__":
    main()
