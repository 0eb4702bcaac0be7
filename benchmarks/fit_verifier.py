"""Fit the weights by which the verifier judges a sentence: prints the tables of rag_faq/grounding/weights.toml.

    python benchmarks/fit_verifier.py evaluation/support_development.jsonl --test evaluation/support_held_out.jsonl

Every sentence is put to the default language model, which takes about half a second each on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rag_faq.assembly import NoModel, load_embedder, load_generator
from rag_faq.corpus.reader import read_corpus
from rag_faq.evaluation.support import SupportCase, read_support_cases
from rag_faq.grounding.asking import ModelsWord
from rag_faq.grounding.verify import Verifier
from rag_faq.grounding.weigh import load_scales
from rag_faq.settings import Settings

# What each feature may mean: for the sentence, or against it.
SIGNS = {
    "coverage": 1, "together": 1, "cosine": 1, "run": -1, "addition": -1, "name": 1, "copied_new": -1,
    "copied_loose": -1, "copied_turned": -1, "copied_apart": -1, "scattered": -1,
}  # fmt: skip
Table = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--penalty", type=float, default=1.0, help="of the squared weights")
    args = parser.parse_args()
    settings = Settings.load()
    generator = load_generator(settings)
    if isinstance(generator, NoModel):
        raise SystemExit(generator.reason)
    word, verifier = ModelsWord(generator), Verifier(load_embedder(settings))
    entries = {entry.number: entry for entry in read_corpus(settings.corpus).entries}

    def rows(cases: tuple[SupportCase, ...]) -> tuple[Table, Table, Table]:
        """Features with the model's word last, labels, objections; rows in the order of the entries."""
        table, objections = [], []
        ordered = sorted(cases, key=lambda case: case.entry)  # the model keeps its state of an entry
        for case in ordered:
            entry = entries[case.entry]
            evidence = verifier.evidence(case.sentence, entry.answer, entry.question)
            told = word(case.sentence, entry.answer, entry.question) or 0.0
            table.append([*(getattr(evidence.features, name) for name in SIGNS), told])
            objections.append(bool(evidence.objection))
        return np.array(table), np.array([case.supported for case in ordered], float), np.array(objections)

    sets = {path: rows(read_support_cases(path)) for path in (args.cases, args.test) if path}
    table, labels, objections = sets[args.cases]
    open_ = ~objections
    signs = np.array(list(SIGNS.values()))
    alone = fit(table[open_, :-1], labels[open_], signs, args.penalty)
    asked = fit(table[open_], labels[open_], np.append(signs, 1), args.penalty)
    for name, weights in (("alone", alone), ("asked", asked)):
        print(f"\n[{name}]\nbias = {weights[0]:.3f}")
        for feature, weight in zip([*SIGNS, "told"], weights[1:], strict=False):
            if abs(weight) > 0.0005:
                print(f"{feature} = {weight:.3f}")
    low, high = load_scales().doubt
    for path, (table, labels, objections) in sets.items():
        first = probability(table[:, :-1], alone)
        doubtful = (first > low) & (first < high)
        score = np.where(objections, 0.0, np.where(doubtful, probability(table, asked), first))
        print(f"\n# {path.name}: {len(labels)} sentences, the model asked about {np.mean(doubtful & ~objections):.0%}")
        for threshold in (0.3, 0.35, 0.4, 0.45, 0.5, 0.6):
            kept, caught = np.mean(score[labels == 1] >= threshold), np.mean(score[labels == 0] < threshold)
            print(f"#   threshold {threshold}: kept {kept:.3f}, caught {caught:.3f}")
    generator.close()


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
    """What the model with these weights gives each row."""
    return 1 / (1 + np.exp(-np.clip(weights[0] + table @ weights[1:], -30, 30)))


if __name__ == "__main__":
    main()
