"""Is what the sentence says together also said together, and in this order, in the source?

The words of a sentence with its roles swapped are all in the source. What gives it away is that neighbouring words
stand in different sentences of the source, or only the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag_faq.grounding.matching import Match, Stems
from rag_faq.grounding.units import SourceView
from rag_faq.grounding.words import Token, vocabulary

_FAR = 3  # "data quality" for "quality of the data" is no change of roles
_LIST = re.compile(r"[,;]|\b(?:and|or)\b")
_AND = re.compile(r";|\b(?:and|or|but)\b")


@dataclass(frozen=True, slots=True)
class Binding:
    """Counts over pairs of neighbouring words of one clause that are the source's own, and the loosest name."""

    inverted: int  # pairs that the source has only the other way round, and not side by side
    turned: int  # the same, of pairs with a word of the source's question
    parted: int  # pairs whose words never stand in one paragraph or list line of the source
    apart: int  # pairs whose words never stand in one sentence of the source, though in one paragraph
    name: float  # least share, over the sentence's names, of the clause's other words that stand where the name does


def binding(sentence: str, clauses: Sequence[Sequence[Match]], view: SourceView, stems: Stems) -> Binding:
    """Compare the neighbourhoods of the sentence's clauses with those of the source.

    The words of the source's question are its subject, and stand near everything.
    """
    inverted = turned = parted = apart = 0
    places = _places(view)
    for clause in clauses:
        for one, other in pairwise(clause):
            if min(one.score, other.score) < 1.0 or one.stems == other.stems:
                continue
            topical = one.stems <= stems.asked or other.stems <= stems.asked
            here, there = _where(one, places), _where(other, places)
            steps = [j - i for unit, i in here for unit_, j in there if unit == unit_]
            if steps:
                turns = max(steps) < -_FAR and not _AND.search(sentence, one.token.end, other.token.start)
                inverted += turns and not topical
                turned += turns and topical
            elif not topical and not _LIST.search(sentence, one.token.end, other.token.start):
                here, there = _where(one, places, alike=True), _where(other, places, alike=True)
                if {unit for unit, _ in here} & {unit for unit, _ in there}:
                    continue
                blocks = {view.units[unit].block for unit, _ in here}
                near = bool(blocks & {view.units[unit].block for unit, _ in there})
                apart += near
                parted += not near
    names = [_name_share(m, clause, view, stems) for clause in clauses for m in clause if m.token.kind == "name"]
    return Binding(inverted, turned, parted, apart, min(names, default=1.0))


def copied(items: Sequence[Token], view: SourceView) -> float:
    """The share of the sentence's content words that stand in three words running which the source has as well."""
    known = {run for unit in (view.question, *view.units) for run in _runs(unit.tokens)}
    inside: set[int] = set()
    for place, run in enumerate(_runs(items)):
        if run in known:
            inside.update((place, place + 1, place + 2))
    counted = [place for place, token in enumerate(items) if token.counts]
    return sum(place in inside for place in counted) / len(counted) if counted else 0.0


def _runs(items: Sequence[Token]) -> list[tuple[str, str, str]]:
    found = [token.stem for token in items]
    return list(zip(found, found[1:], found[2:], strict=False))


def _places(view: SourceView) -> dict[str, list[tuple[int, int]]]:
    """Where each stem stands: (unit, place in the unit)."""
    found: dict[str, list[tuple[int, int]]] = {}
    for number, unit in enumerate(view.units):
        for place, token in enumerate(unit.tokens):
            for stem in {token.stem, *token.parts}:
                found.setdefault(stem, []).append((number, place))
    return found


def _where(match: Match, places: dict[str, list[tuple[int, int]]], alike: bool = False) -> list[tuple[int, int]]:
    """Where the word stands, or, with `alike`, a synonym of it: the source may say it there in another word."""
    stems = match.stems
    if alike:
        stems |= vocabulary().synonyms.get(match.token.stem, frozenset())
    return [place for stem in stems for place in places.get(stem, ())]


def _name_share(name: Match, clause: Sequence[Match], view: SourceView, stems: Stems) -> float:
    others = [m for m in clause if m.token.kind != "name" and m.stems and not m.stems <= stems.asked]
    if not others or not name.stems or name.stems <= stems.asked:
        return 1.0
    blocks = {view.units[i].block for i, held in enumerate(stems.units) if name.stems <= held}
    if not blocks:
        return 1.0
    near = frozenset().union(*(held for i, held in enumerate(stems.units) if view.units[i].block in blocks))
    return sum(m.weight for m in others if m.stems <= near) / sum(m.weight for m in others)
