"""Fits the gate of the default model, with its probes, on question sets, and prints cross-validated figures.

    python -m benchmarks.calibrate_probes evaluation/development.jsonl evaluation/gate_development.jsonl \\
        [--rows FOLDER] [--write]

For each question the model reads it after each entry that comes near the search's first one, and is asked whether the
entry answers it: about a second an entry on two cores. That is done twice, over the index as it is and over one
without the other wordings of the entries' questions, so that the weights hold for a FAQ that has none of these.
`--rows` keeps what came out and uses it the next time. `--write` puts probes and weights into the package. Every figure
is of questions that the fit did not see (ten folds).

Probability 0.5 is put where `--false-refusals` of the first set's answerable questions fall below it, over both
indexes: few, since a wrongly answered question has another hurdle before it, the check of every sentence, and a wrongly
refused one has none.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rag_faq.generation.probing as probing
from benchmarks import probes
from rag_faq.assembly import build, load_chatbot
from rag_faq.chatbot import FaqChatbot
from rag_faq.corpus.reader import Corpus, read_corpus
from rag_faq.errors import ModelMissingError
from rag_faq.evaluation.logistic import Floats, auroc, fit, folds_of, out_of_fold
from rag_faq.evaluation.questions import load_questions
from rag_faq.generation.generator import Generator
from rag_faq.generation.probe import Probe
from rag_faq.generation.prompt import NOTHING, answer_prompt, gate_prompt, wording_of
from rag_faq.retrieval.store import load_index
from rag_faq.settings import Settings

DIRECTIONS, RIDGE = 64, 0.01
SURE = 2.2  # log-odds of 0.9
UNFITTED = Probe(np.zeros(0, dtype=np.int32), np.zeros(0), 0.0)
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Entries that come near, question by question, those of one question in the order of the search.

    One of each question's is the quick search's first entry; it stands last where it is not near by the closer search.
    """

    question: Places  # (n,) numbered from 0; the same question in another index has another number
    asked_as: Places  # (n,) a number for the question's id: the same in every index
    answerable: Flags  # (n,) the question is
    right: Floats  # (n,) 1 for an entry that answers it
    near: Flags  # (n,) by the closer search
    score: Floats  # (n,) by the closer search
    quick_score: Floats  # (n,) the quick search's for its first entry; NaN for others
    quick_lead: Floats  # (n,) … and by how much that leads
    likelihood: Floats  # (n,)
    read: Floats  # (n, tokens): scores of the answer's first token
    asked: Floats  # (n, tokens): scores of "yes" or "no"

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """All of them, the questions numbered through."""
        numbered, before = [], 0
        for part in parts:
            numbered.append(replace(part, question=part.question + before))
            before += int(part.question.max()) + 1
        return cls(*(np.concatenate([getattr(part, field.name) for part in numbered]) for field in fields(cls)))

    @property
    def firsts(self) -> Places:
        """The place of each question's first entry."""
        return np.unique(self.question, return_index=True)[1]

    @property
    def first(self) -> Floats:
        """(n,): the score of the question's first entry."""
        return self.score[self.firsts][self.question]

    @property
    def groups(self) -> Places:
        """For each question, a number from 0 that it shares with the same question in another index."""
        return np.unique(self.asked_as[self.firsts], return_inverse=True)[1]

    @property
    def quick(self) -> Places:
        """The place of each question's first entry by the quick search."""
        return np.flatnonzero(~np.isnan(self.quick_score))

    def of(self, number: int) -> Places:
        """The places of a question's near entries."""
        return np.flatnonzero((self.question == number) & self.near)


@dataclass(frozen=True)
class Told:
    """What the probes tell of each entry, and the likelihood as far as it counts."""

    likelihood: Floats
    read: Floats
    asked: Floats

    def lead(self, rows: Rows) -> Floats:
        """LEAD_FEATURES of each question's first entry by the quick search."""
        return np.column_stack([column[rows.quick] for column in (rows.quick_score, rows.quick_lead, self.read)])

    def order(self, rows: Rows) -> Floats:
        """ORDER_FEATURES of each entry."""
        return np.column_stack([rows.score, self.likelihood, self.read])

    def verdict(self, rows: Rows) -> Floats:
        """VERDICT_FEATURES of each entry; without the last one they are READ_FEATURES."""
        return np.column_stack([rows.score, rows.first, self.likelihood, self.read, self.asked])


def main() -> None:
    """Collect or read the evidence, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path, nargs="+")
    parser.add_argument("--rows", type=Path, help="keep the evidence in this folder, or use what it has")
    parser.add_argument("--false-refusals", type=float, default=0.03, help="share of the answerable ones refused here")
    parser.add_argument("--write", action="store_true", help="put probes and weights into the package")
    arguments = parser.parse_args()
    parts, model = [], ""
    for chatbot in over_indexes():
        parts.append([rows_of(path, arguments.rows, chatbot) for path in arguments.questions])
        model = chatbot.model.sha256
    toml, read, asked = calibrate(*joined(parts), arguments.false_refusals)
    print(toml)
    if arguments.write:
        none = (NOTHING,)
        probes.write(probing.READ_PROBE, read, model, wording_of(answer_prompt("", none)))
        probes.write(probing.ASKED_PROBE, asked, model, wording_of(gate_prompt("", none)))
        Path(probing.__file__).with_name("probing.toml").write_text(toml, encoding="utf-8")


def over_indexes(behind: Callable[[Generator], Generator] = lambda generator: generator) -> Iterator[FaqChatbot]:
    """A chatbot over the index of the settings; then, where that has other wordings, one over the same without them.

    Each is closed before the next one is there. Raises ModelMissingError where there is no model.
    """
    given = Settings.load()
    with TemporaryDirectory(prefix="rag-faq-") as folder:
        settings = [given]
        if (corpus := read_corpus(given.corpus)).wordings:
            settings.append(_without_wordings(given, corpus, Path(folder)))
        for each in settings:
            chatbot = load_chatbot(each, behind)
            try:
                if chatbot.model.name == "none":
                    raise ModelMissingError(chatbot.model.detail)
                yield chatbot
            finally:
                chatbot.close()


def _without_wordings(given: Settings, corpus: Corpus, folder: Path) -> Settings:
    """The settings for an index in `folder` of the documents only, with the questions that the model wrote."""
    settings = given.model_copy(update={"index": folder / given.index.name, "corpus": folder / "corpus"})
    settings.corpus.mkdir()
    for document in corpus.documents:
        (settings.corpus / document.name).write_text(document.text, encoding="utf-8", newline="")
    build(settings, extra=[chunk for chunk in load_index(given.index).chunks if chunk.kind == "written"])
    return settings


def joined(parts: Sequence[Sequence[Rows]]) -> tuple[Rows, list[Flags]]:
    """The rows of all sets over all indexes, and for each index which questions are those of the first set there."""
    sizes = [[int(rows.question.max()) + 1 for rows in of_index] for of_index in parts]
    counted = []
    for index in range(len(parts)):
        flags = [
            np.full(size, place == 0 and n == index) for n, own in enumerate(sizes) for place, size in enumerate(own)
        ]
        counted.append(np.concatenate(flags))
    return Rows.joined([rows for of_index in parts for rows in of_index]), counted


def rows_of(questions: Path, folder: Path | None, chatbot: Any) -> Rows:
    """The evidence for each question of a set: what the folder has, or else collected and kept there."""
    if folder is None:
        return collect(questions, chatbot)
    of = hashlib.sha256(questions.read_bytes()).hexdigest()[:12], chatbot.index_fingerprint[:12]
    kept = folder / f"{'-'.join((questions.stem, *of))}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **vars(collect(questions, chatbot)))
    with np.load(kept) as table:
        return Rows(**table)


def asked_as(question_id: str) -> int:
    """The number for a question, by its id."""
    return int(hashlib.sha256(question_id.encode()).hexdigest()[:15], 16)


def collect(questions: Path, chatbot: Any) -> Rows:
    """The evidence for each question of a set that the search finds something for."""
    gate, found = chatbot.gate, []
    prober = probing.Prober(gate.generator, gate.cut, probing.Probes(UNFITTED, UNFITTED))  # what is read is kept here
    asked = load_questions(questions, [entry.number for entry in chatbot.entries])
    number = -1
    for question in asked:
        searched, quick = chatbot.find(question.question, question.history)
        if not quick:
            continue  # the search finds nothing
        number += 1
        near, first = prober.near(chatbot.closer.search(searched)), quick[0]
        ids = [hit.entry.id for hit in near]
        hits = near if first.entry.id in ids else [*near, first]
        for hit, reading in zip(hits, prober.readings([(searched, hit) for hit in hits]), strict=True):
            is_first = hit.entry.id == first.entry.id
            row = {
                "question": number,
                "asked_as": asked_as(question.id),
                "answerable": bool(question.gold),
                "right": float(hit.entry.number in question.gold),
                "near": hit.entry.id in ids,
                "score": hit.score,
                "quick_score": first.score if is_first else np.nan,
                "quick_lead": prober.lead(quick) if is_first else np.nan,
                "likelihood": reading.likelihood,
                "read": reading.scores[probes.TOKENS],
                "asked": prober.asked(searched, hit)[probes.TOKENS],
            }
            found.append([row[field.name] for field in fields(Rows)])
    return Rows(*(np.array(column) for column in zip(*found, strict=True)))


def calibrate(rows: Rows, counted: Sequence[Flags], false_refusals: float) -> tuple[str, Any, Any]:
    """probing.toml's text, and the two probes. Prints the figures on the way: of the `counted` questions, by index."""
    least = probing.default_calibration().unlikely

    def told(scores: Floats) -> Floats:
        return probes.out_of_fold(scores, rows.right, rows.asked_as, DIRECTIONS, RIDGE)

    unseen = Told(np.maximum(least, rows.likelihood), told(rows.read), told(rows.asked))
    firsts, groups = rows.firsts, rows.groups
    answerable = rows.answerable[firsts]
    print(f"# {len(firsts)} questions, {len(rows.score)} near entries")
    for name, values in (("score", rows.score), ("read", unseen.read), ("asked", unseen.asked)):
        print(f"# {name}: area under ROC over near entries {auroc(values, rows.right > 0):.3f}")

    lead = out_of_fold(unseen.lead(rows), rows.right[rows.quick], groups)
    order = unseen.order(rows)
    ordered = leading_out_of_fold(rows, order)
    plain = lead >= probing.default_calibration().plain
    leading = np.where(plain, rows.quick, ordered)
    verdict = unseen.verdict(rows)[ordered]
    right = rows.right[ordered]
    all_counted = np.logical_or.reduce(counted)
    tables = [_table("lead", *fit(unseen.lead(rows), rows.right[rows.quick]), probing.LEAD_FEATURES)]
    tables.append(_table("order", None, preferences(rows, order), probing.ORDER_FEATURES))
    odds: dict[str, Floats] = {}
    shift = 0.0
    for title, names, features in (
        ("read", probing.READ_FEATURES, verdict[:, :-1]),
        ("verdict", probing.VERDICT_FEATURES, verdict),
    ):
        found = out_of_fold(features, right, groups)
        threshold = float(np.quantile(found[all_counted & answerable], false_refusals))
        odds[title], shift = found - threshold, -threshold
        intercept, weights = fit(features, right)
        tables.append(_table(title, intercept - threshold, weights, names))
    asked = ~plain & (odds["read"] < probing.default_calibration().clear)
    together = np.where(asked, odds["verdict"], odds["read"])
    for title, of_index in zip(("the index", "without other wordings"), counted, strict=False):
        print(f"# {title}: {of_index.sum()} questions")
        known, other = of_index & answerable, of_index & ~answerable
        print(
            f"# right entry first: {rows.right[rows.quick][known].mean():.3f} by the quick search, "
            f"{rows.right[firsts][known].mean():.3f} by the closer one, {right[known].mean():.3f} in order, "
            f"{rows.right[leading][known].mean():.3f} with the first one alone where that is plain: "
            f"{plain[known].mean():.2f} of the answerable questions, {plain[other].mean():.2f} of the others"
        )
        for name, found in odds.items():
            lost = (0.01, 0.02, 0.03, 0.04, 0.05)
            shares = [float((found[other] < np.quantile(found[known], share)).mean()) for share in lost]
            print(
                f"# {name}: area under ROC {auroc(found[of_index], right[of_index] > 0):.3f} for the right entry, "
                f"{auroc(found[of_index], answerable[of_index]):.3f} for answerable; refused where {lost} are lost: "
                + ", ".join(f"{share:.3f}" for share in shares)
            )
        for name, of_these in (("answerable", known), ("other", other)):
            print(
                f"# together, {name} questions: asked about {asked[of_these].mean():.2f}, refused "
                f"{(together[of_these] < 0).mean():.3f}, surer than 0.9 {(together[of_these] > SURE).mean():.2f}"
            )
    head = Path(probing.__file__).with_name("probing.toml").read_text(encoding="utf-8").split("\n[", 1)[0].rstrip()
    head = re.sub(r"(?m)^shift = .*$", f"shift = {shift:.3f}", head)  # of the verdict

    def whole(scores: Floats) -> Any:
        return probes.as_probe(probes.regression(DIRECTIONS, RIDGE).fit(probes.centred(scores), rows.right))

    return "\n\n".join([head, *tables]) + "\n", whole(rows.read), whole(rows.asked)


def preferences(rows: Rows, features: Floats, questions: Flags | None = None) -> Floats:
    """By how much a right entry is to be preferred to a wrong one, over these questions (by default all of them).

    A logistic regression on the differences of a question's right and wrong entries (Bradley and Terry, 1952). Each
    pair is taken both ways round, so that there is no intercept.
    """
    differences = []
    for number in range(int(rows.question.max()) + 1):
        if questions is None or questions[number]:
            own = rows.of(number)
            right, wrong = own[rows.right[own] > 0], own[rows.right[own] == 0]
            differences += [features[one] - features[other] for one in right for other in wrong]
    both = np.array([*differences, *(-difference for difference in differences)])
    return fit(both, np.repeat([1.0, 0.0], len(differences)))[1]


def leading_out_of_fold(rows: Rows, features: Floats) -> Places:
    """The place of each question's leading entry, by weights that were fitted without the question."""
    fold_of = folds_of(int(rows.groups.max()) + 1)[rows.groups]
    leading = np.zeros(len(fold_of), dtype=np.int64)
    for fold in set(fold_of.tolist()):
        odds = features @ preferences(rows, features, fold_of != fold)
        for number in np.flatnonzero(fold_of == fold):
            own = rows.of(number)
            leading[number] = own[odds[own].argmax()]
    return leading


def _table(title: str, intercept: float | None, weights: Floats, names: Sequence[str]) -> str:
    lines = [f"[{title}]"] + ([] if intercept is None else [f"intercept = {intercept:.3f}"])
    return "\n".join(lines + [f"{name} = {weight:.3f}" for name, weight in zip(names, weights, strict=True)])


if __name__ == "__main__":
    main()
