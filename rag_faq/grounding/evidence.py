"""What speaks for and against a sentence in one source, as a few numbers that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_faq.generation.voice import speaks_of_author
from rag_faq.grounding.binding import binding, copied
from rag_faq.grounding.conflicts import antonym_conflict, foreign, negation_conflict
from rag_faq.grounding.matching import HELD, Match, Stems, match_words, share, window_shares
from rag_faq.grounding.sentences import Span
from rag_faq.grounding.units import SourceView, WordVectors, best_cosine, clauses
from rag_faq.grounding.words import Token, tokens
from rag_faq.retrieval.embedder import Embedder

# A sentence with so few content words makes one statement, so that its words should stand together in the source; this
# share of them may stand elsewhere.
_SHORT = 5
_APART = 0.2
# A second sentence of the source is quoted only if so much more of the content stands in both together.
_MORE = 0.2


@dataclass(frozen=True, slots=True)
class Features:
    """Each from 0 to about 1. The names are those of weights.toml."""

    coverage: float = 0.0  # share of the sentence's content that has a counterpart in the source
    together: float = 0.0  # share of it in the best one or two neighbouring sentences of the source, or in its question
    cosine: float = 0.0  # of the sentence with the nearest one or two neighbouring sentences of the source
    run: float = 0.0  # the longest run of content without counterpart, 1/4 a word, at most 1
    addition: float = 0.0  # how much nearer the sentence comes to the source without that run
    name: float = 0.0  # share of what is said of the loosest name that the source says of it
    # `copied` below is the share of the sentence's content in runs of words taken over from the source. Where much is
    # copied, a small difference tells; where little is, the sentence is in the writer's own words throughout.
    copied_new: float = 0.0  # copied² x what is not the source's own: 1 from half a word on
    copied_loose: float = 0.0  # copied x pairs of words turned round or from different places, 1/2 a pair, at most 1
    copied_turned: float = 0.0  # copied x pairs turned round that have a word of the source's question
    copied_apart: float = 0.0  # copied x pairs of words from different sentences of one paragraph
    # 1 for a short sentence whose few words the source has only far apart: "Hyro helps with cancer".
    scattered: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The features, the objection that settles the matter, and the words of the source that come nearest."""

    content: int  # words that say something
    features: Features
    objection: str  # a name, number, negation or opposite that disagrees; "" when none does
    quote: str
    quote_span: Span
    quote_in_question: bool
    uncovered: tuple[str, ...]  # content words without counterpart

    def weakness(self) -> str:
        """Why the weighing came out against the sentence."""
        if self.uncovered:
            return "the source does not speak of " + ", ".join(f'"{word}"' for word in self.uncovered[:4])
        return "the source does not say this of the same thing"


def gather(sentence: str, view: SourceView, embedder: Embedder, vectors: WordVectors) -> Evidence:
    """Compare the sentence with the source. One forward pass for new words and one for the sentence's parts."""
    items = tokens(sentence)
    stems = Stems.of(view)
    matches = match_words(items, view, stems, vectors)
    weight = sum(m.weight for m in matches)
    if not weight:
        return Evidence(0, Features(), "", "", Span(0, 0), False, ())
    run = _longest_run(matches)
    parts = _clauses(sentence, matches)
    shorter = sentence[: run[0].token.start] + sentence[run[-1].token.end :] if run else ""
    encoded = embedder.encode([sentence, shorter] if shorter else [sentence])
    cosines = view.window_vectors @ encoded[0] if len(view.windows) else np.zeros(0)
    cosine = float(cosines.max(initial=0.0))
    nearer = best_cosine(encoded[-1], view.window_vectors)[0]
    shares = window_shares(matches, view, stems)
    best = int(np.argmax(shares + 0.5 * cosines)) if len(shares) else -1
    coverage = sum(m.weight * m.score for m in matches) / weight
    bound = binding(sentence, [found for _, found in parts], view, stems)
    taken = copied(items, view)
    together = float(shares[best]) if best >= 0 else 0.0
    quote_in_question, quote_span = _quote(best, matches, view, stems, shares)
    return Evidence(
        content=len(matches),
        features=Features(
            coverage=coverage,
            together=together,
            cosine=cosine,
            run=min(1.0, len(run) / 4),
            addition=max(0.0, nearer - cosine),
            name=bound.name,
            copied_new=taken**2 * min(1.0, 2 * sum(1.0 - m.score for m in matches)),
            copied_loose=taken * _some(bound.inverted + bound.parted),
            copied_turned=taken * _some(bound.turned),
            copied_apart=taken * _some(bound.apart),
            scattered=float(len(matches) <= _SHORT and coverage - together > _APART),
        ),
        objection=_of_nobody(sentence, view) or _objection(items, parts, view, stems),
        quote=(view.question.text if quote_in_question else view.text)[quote_span.start : quote_span.end],
        quote_span=quote_span,
        quote_in_question=quote_in_question,
        uncovered=tuple(m.token.text for m in matches if m.score < HELD),
    )


def _some(count: int) -> float:
    """0 for none, 1 for two or more."""
    return min(1.0, count / 2)


def _clauses(sentence: str, matches: Sequence[Match]) -> list[tuple[tuple[Token, ...], list[Match]]]:
    """The clauses that say something, each with the matches of its words."""
    by_start = {m.token.start: m for m in matches}
    found = []
    for clause in clauses(sentence):
        held = [by_start[t.start] for t in clause if t.start in by_start]
        if held:
            found.append((clause, held))
    return found


def _of_nobody(sentence: str, view: SourceView) -> str:
    """The objection to what is said of the author, in a source where no author speaks: it is the model's own person."""
    spoken = speaks_of_author(sentence) and not speaks_of_author(view.text)
    return "no author speaks in the source" if spoken else ""


def _objection(
    items: Sequence[Token],
    parts: Sequence[tuple[Sequence[Token], Sequence[Match]]],
    view: SourceView,
    stems: Stems,
) -> str:
    objection = foreign(items, view)
    for clause, found in parts:
        if objection:
            break
        held = [share(found, stems.asked | unit) for unit in stems.units]
        if not held or max(held) < HELD:
            continue
        objection = negation_conflict(clause, view.units[int(np.argmax(held))])
        nearer: set[str] = set()
        for place in sorted(range(len(held)), key=lambda i: -held[i]):
            if objection or held[place] < 0.3 * max(held):
                break
            # A word that stands in a nearer sentence of the source contradicts none that is farther.
            rest = [t for t in clause if t.stem not in nearer]
            objection = antonym_conflict(clause, rest, view.units[place])
            nearer |= stems.units[place]
    return objection


def _longest_run(matches: Sequence[Match]) -> Sequence[Match]:
    """The longest run of words without counterpart."""
    best: Sequence[Match] = ()
    start = 0
    for i in range(len(matches) + 1):
        if i == len(matches) or matches[i].score >= HELD:
            if i - start > len(best):
                best = matches[start:i]
            start = i + 1
    return best


def _quote(
    window: int, matches: Sequence[Match], view: SourceView, stems: Stems, shares: NDArray[np.float64]
) -> tuple[bool, Span]:
    """Whether the quote is from the question, and its span: the source sentences of the window.

    A sentence of the window that adds little to the other one is left out; equals keep the first.
    """
    wanted: frozenset[str] = frozenset().union(*(m.stems for m in matches))
    if window < 0:
        return True, view.question.span
    members = view.windows[window]
    alone = max(members, key=lambda unit: (shares[unit], -unit))  # the window of one unit is in the unit's own place
    if shares[alone] > shares[window] - _MORE:
        members = (alone,)
    if not any(stems.units[unit] & wanted for unit in members) and stems.asked & wanted:
        return True, view.question.span
    return False, Span(view.units[members[0]].span.start, view.units[members[-1]].span.end)
