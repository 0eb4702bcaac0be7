"""What settles the matter against a sentence: a number, name, negation or opposite that disagrees with the source."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rag_faq.grounding.matching import stems_of
from rag_faq.grounding.units import SourceView, Unit, clauses
from rag_faq.grounding.words import Token, is_shaped, stem, vocabulary
from rag_faq.retrieval.spelling import one_spelling

_REACH = 4  # content words after a negation that it is taken to deny
_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis", "de")


def foreign(items: Sequence[Token], view: SourceView) -> str:
    """The objection to a number or name that the source does not have, or ""."""
    joined = _joined(items, view)
    return _missing_number(items, view, joined) or _missing_name(items, view, joined)


def _missing_number(items: Sequence[Token], view: SourceView, joined: frozenset[Token]) -> str:
    """The objection to a number that the source does not have.

    A small number that counts the source's own paragraphs or list lines is no such number.
    """
    known = {t.stem for unit in (view.question, *view.units) for t in unit.tokens if t.kind == "number"}
    blocks = len({unit.block for unit in view.units})
    for token in items:
        if token.kind != "number" or token.stem in known or token in joined:
            continue
        if token.stem not in (str(blocks), str(blocks - 1)):
            return f'the number "{token.text}" is not in the source'
    return ""


def _missing_name(items: Sequence[Token], view: SourceView, joined: frozenset[Token]) -> str:
    """The objection to a name that the source does not have, in any spelling, as its initials or as its long form."""
    stems = stems_of(view.question.tokens).union(*(stems_of(unit.tokens) for unit in view.units))
    initials = _initials(view.question.tokens).union(*(_initials(unit.tokens) for unit in view.units))
    spelled = _initials(items) & stems
    for token in items:
        if token.kind != "name" or token.stem in stems or token.stem in initials or token in joined:
            continue
        if not is_shaped(token.text) and (
            stem(token.text) in stems
            or all(part in stems for part in token.parts)
            or any(token.text[0].lower() in short for short in spelled)
        ):
            continue
        return f'the name "{token.text}" is not in the source'
    return ""


def _joined(items: Sequence[Token], view: SourceView) -> frozenset[Token]:
    """A name and the number after it, where the source writes both as one name: "GPT 3" for "GPT-3"."""
    names = {t.stem for unit in (view.question, *view.units) for t in unit.tokens if t.kind == "name"}
    found = (pair for pair in pairwise(items) if pair[1].kind == "number" and pair[0].stem + pair[1].stem in names)
    return frozenset(token for pair in found for token in pair)


def _initials(items: Sequence[Token]) -> frozenset[str]:
    """The acronyms that neighbouring words would give: "natural language processing" gives nl, lp and nlp."""
    letters = [part[0] for token in items for part in (token.parts or (token.stem,)) if part]
    return frozenset(
        "".join(letters[i:j]) for i in range(len(letters)) for j in range(i + 2, min(i + 6, len(letters)) + 1)
    )


def denied(items: Sequence[Token]) -> frozenset[str]:
    """The stems that are denied: the content words that follow a negation closely.

    "Not only" and "not limited to" deny no more than the word "limited" itself.
    """
    words = vocabulary()
    found: set[str] = set()
    for place, token in enumerate(items):
        before = items[place - 1].text.lower() if place else ""
        contrast = f"{before} {token.text.lower()}" in ("instead of", "rather than")
        if token.kind != "negator" and not contrast:
            continue
        following = items[place + 1 :]
        idle = [t for t in following[:3] if t.text.lower() in words.idle_after_not]
        if idle:
            found.update(t.stem for t in idle)
            continue
        end = next((i + 1 for i, t in enumerate(following) if t.stops), len(following))
        found.update([t.stem for t in following[:end] if t.counts][:_REACH])
    return frozenset(found)


def negation_conflict(clause: Sequence[Token], near: Unit) -> str:
    """The objection to a clause that denies what the nearest source sentence says, or says what that denies."""
    mine, theirs = denied(clause), denied(near.tokens)
    stated = stems_of(near.tokens) - theirs
    against = mine & stated
    hedged = any(_negative(part) for part in clauses(near.text) if stems_of(part) & against)
    if against and not mine & theirs and not hedged:
        return f'it denies "{_word(clause, against)}", which the source states'
    against = (theirs & stems_of(clause)) - mine
    if against and not _negative(clause, against) and 2 * len(against) >= len(theirs):
        return f'it states "{_word(clause, against)}", which the source denies'
    return ""


def _negative(items: Sequence[Token], but: frozenset[str] = frozenset()) -> bool:
    """Whether anything in it denies or detracts, the words `but` left aside."""
    words = vocabulary()
    return any(t.kind == "negator" or (t.text.lower() in words.detracting and t.stem not in but) for t in items)


def _word(items: Sequence[Token], stems: frozenset[str]) -> str:
    return next((t.text for t in items if t.stem in stems or stems & set(t.parts)), sorted(stems)[0])


def antonym_conflict(clause: Sequence[Token], suspects: Sequence[Token], near: Unit) -> str:
    """The objection to one of the clause's `suspects` where the source has its opposite, in the same company.

    The company of a word are the two content words on each side of it; a negation on either side undoes the conflict.
    """
    here, there = [t for t in clause if t.kind != "function"], [t for t in near.tokens if t.kind != "function"]
    held, said = {t.stem for t in there}, {t.stem for t in here}
    undone = denied(clause) ^ denied(near.tokens)
    for i, token in enumerate(here):
        if token not in suspects or token.stem in held or token.kind in ("name", "number"):
            continue
        opposites = _opposites(token)
        for j, other in enumerate(there):
            if one_spelling(other.text.lower()) not in opposites or other.stem in said:
                continue
            if {token.stem, other.stem} & undone:
                continue
            company = {t.stem for t in (*here[max(0, i - 2) : i], *here[i + 1 : i + 3]) if t.counts}
            theirs = {t.stem for t in (*there[max(0, j - 3) : j], *there[j + 1 : j + 4])}
            if company & theirs:
                return f'"{token.text}" contradicts the source\'s "{other.text}"'
    return ""


def _opposites(token: Token) -> frozenset[str]:
    form = one_spelling(token.text.lower())
    listed = vocabulary().antonyms.get(form, frozenset())
    made = {prefix + form for prefix in _PREFIXES}
    made.update(form[len(prefix) :] for prefix in _PREFIXES if form.startswith(prefix) and len(form) - len(prefix) > 3)
    return listed | made
