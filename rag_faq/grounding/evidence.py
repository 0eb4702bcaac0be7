"""What speaks for and against a sentence in one source, as a few numbers that a person can read."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from rag_faq.grounding.conflicts import antonym_conflict, missing_names, missing_numbers, negation_conflict
from rag_faq.grounding.matching import Matcher
from rag_faq.grounding.sentences import Span
from rag_faq.grounding.units import SourceView, best_cosine, clauses
from rag_faq.grounding.words import tokens
from rag_faq.retrieval.embedder import Embedder


@dataclass(frozen=True, slots=True)
class Features:
    """Each from 0 to about 1. The names are those of weights.toml."""

    coverage: float  # share of the sentence's content that has a counterpart anywhere in the source
    exact: float  # share of it that is in the source word for word
    together: float  # share of it in the best window of one or two neighbouring source sentences
    clauses: float  # the worst clause's share in any one source clause and its neighbour
    cosine: float  # of the sentence with the best window
    whole_cosine: float  # of the sentence with the whole source
    run: float  # the longest run of content without counterpart, 1/4 a word, at most 1
    addition: float  # how much nearer the sentence comes to the source without that run
    antonym: float  # 1 when a word contradicts the source's word

    def as_vector(self) -> tuple[float, ...]:
        """In the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class Evidence:
    """The features, the objection that settles the matter, and the words of the source that come nearest."""

    content: int  # words that say something
    features: Features
    objection: str  # a name, number or negation that disagrees; "" when none does
    quote: str
    quote_span: Span
    quote_in_question: bool
    uncovered: tuple[str, ...]  # content words without counterpart

    def weakness(self) -> str:
        """Why the weighing came out against the sentence."""
        if self.features.antonym:
            return "a word of it contradicts the source"
        if self.uncovered:
            return "the source does not speak of " + ", ".join(f'"{word}"' for word in self.uncovered[:4])
        return "the source does not say this of the same thing"


def gather(sentence: str, view: SourceView, embedder: Embedder) -> Evidence:
    """Compare the sentence with the source. One or two forward passes of the embedder."""
    items = tokens(sentence)
    matcher = Matcher(view, embedder)
    matches = matcher.match(items)
    weight = sum(m.weight for m in matches)
    if not matches or not weight:
        empty = Features(0, 0, 0, 0, 0, 0, 0, 0, 0)
        return Evidence(0, empty, "", "", Span(0, 0), False, ())
    coverage = sum(m.weight * m.score for m in matches) / weight
    exact = sum(m.weight for m in matches if m.score == 1.0) / weight

    run_start, run_end = _longest_run([m.score < 0.5 for m in matches])
    run = matches[run_start:run_end]
    texts = [sentence]
    if run:
        shorter = (sentence[: run[0].token.start] + sentence[run[-1].token.end :]).strip()
        if any(c.isalnum() for c in shorter):
            texts.append(shorter)
    vectors = embedder.encode(texts)
    cosine, _ = best_cosine(vectors[0], view.window_vectors)
    whole = float((view.whole_vector @ vectors[0])[0])
    addition = 0.0
    if len(texts) > 1:
        addition = max(0.0, best_cosine(vectors[1], view.window_vectors)[0] - cosine)

    shares = matcher.window_shares(matches)
    best = int(np.argmax(shares + 0.5 * (view.window_vectors @ vectors[0]))) if len(shares) else -1
    together = float(shares[best]) if best >= 0 else 0.0
    worst_clause = min(
        (matcher.clause_share(clause) for clause in clauses(sentence) if sum(t.counts for t in clause) >= 2),
        default=together,
    )
    objection = (
        missing_numbers(items, view)
        or missing_names(items, view)
        or negation_conflict(items, view, view.windows[best] if best >= 0 else ())
    )
    in_question, quote_span = matcher.quote(best, matches)
    return Evidence(
        content=len(matches),
        features=Features(
            coverage=coverage,
            exact=exact,
            together=together,
            clauses=worst_clause,
            cosine=cosine,
            whole_cosine=whole,
            run=min(1.0, len(run) / 4),
            addition=addition,
            antonym=float(antonym_conflict(items, view, view.windows[best] if best >= 0 else ()) != ""),
        ),
        objection=objection,
        quote=(view.question.text if in_question else view.text)[quote_span.start : quote_span.end],
        quote_span=quote_span,
        quote_in_question=in_question,
        uncovered=tuple(m.token.text for m in matches if m.score < 0.5),
    )


def _longest_run(bare: list[bool]) -> tuple[int, int]:
    best = (0, 0)
    start = 0
    for i, missing in enumerate([*bare, False]):
        if not missing:
            if i - start > best[1] - best[0]:
                best = (start, i)
            start = i + 1
    return best
