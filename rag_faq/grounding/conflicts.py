"""What settles the matter against a sentence: a number, name or negation that disagrees with the source."""

from __future__ import annotations

from collections.abc import Sequence

from rag_faq.grounding.matching import stems_of
from rag_faq.grounding.units import SourceView
from rag_faq.grounding.words import Token, is_shaped, stem, vocabulary
from rag_faq.retrieval.spelling import one_spelling

_REACH = 4  # words after a negation that it is taken to deny


def missing_numbers(items: Sequence[Token], view: SourceView) -> str:
    """The objection to a number that the source does not have.

    A small number that counts the source's own paragraphs or list lines is no such number.
    """
    known = {t.stem for unit in (view.question, *view.units) for t in unit.tokens if t.kind == "number"}
    counts = {str(len({unit.block for unit in view.units})), str(len({unit.block for unit in view.units}) - 1)}
    for token in items:
        if token.kind == "number" and token.stem not in known | counts:
            return f'the number "{token.text}" is not in the source'
    return ""


def missing_names(items: Sequence[Token], view: SourceView) -> str:
    """The objection to a name that the source does not have, in any spelling, as its initials or as its long form."""
    stems = stems_of(view.question.tokens).union(*(stems_of(unit.tokens) for unit in view.units))
    initials = _initials(view.question.tokens).union(*(_initials(unit.tokens) for unit in view.units))
    spelled = _initials(items)
    for token in items:
        if token.kind != "name" or token.stem in stems:
            continue
        shaped = is_shaped(token.text)
        if not shaped and (stem(token.text) in stems or all(part in stems for part in token.parts)):
            continue
        if token.stem in initials:
            continue
        if not shaped and any(token.text[0].lower() in s and s in stems for s in spelled):
            continue
        return f'the name "{token.text}" is not in the source'
    return ""


def _initials(items: Sequence[Token]) -> frozenset[str]:
    """The acronyms that neighbouring words would give: "natural language processing" gives nl, lp and nlp."""
    letters = [part[0] for token in items for part in (token.parts or (token.stem,)) if part]
    return frozenset(
        "".join(letters[i:j]) for i in range(len(letters)) for j in range(i + 2, min(i + 6, len(letters)) + 1)
    )


def denied(items: Sequence[Token]) -> frozenset[str]:
    """The stems that are denied: the content words that follow a negation closely. "not only" denies nothing."""
    words = vocabulary()
    found: set[str] = set()
    for place, token in enumerate(items):
        if token.kind != "negator":
            continue
        following = items[place + 1 : place + 1 + 2 * _REACH]
        if any(t.text.lower() in words.idle_after_not for t in following[:2]):
            continue
        found.update([t.stem for t in following if t.counts][:_REACH])
    return frozenset(found)


def negation_conflict(items: Sequence[Token], view: SourceView, window: Sequence[int]) -> str:
    """The objection to a sentence that denies what the source says, or says what the source denies."""
    near = [view.units[i] for i in window]
    if not near:
        return ""
    said = stems_of(items)
    mine = denied(items)
    theirs = frozenset().union(*(denied(unit.tokens) for unit in near))
    stated = frozenset().union(*(stems_of(unit.tokens) for unit in near)) - theirs
    if any(_opposites(t) & {one_spelling(u.text) for unit in near for u in unit.tokens} for t in items):
        return ""
    against = mine & stated
    if against and not mine & theirs:
        return f'it denies "{sorted(against)[0]}", which the source states'
    against = (theirs & said) - mine
    if against and not any(t.kind == "negator" for t in items) and len(against) * 2 > len(theirs):
        return f'it states "{sorted(against)[0]}", which the source denies'
    return ""


def antonym_conflict(items: Sequence[Token], view: SourceView, window: Sequence[int]) -> str:
    """The objection to a word whose opposite stands in the source's nearest words, where it does not stand itself."""
    near = [t for i in window for t in view.units[i].tokens]
    forms = {one_spelling(t.text) for t in near}
    stems = {t.stem for t in near} | stems_of(view.question.tokens)
    mine = stems_of(items)
    negated = denied(items) | denied(near)
    for token in items:
        if token.stem in stems or token.stem in negated:
            continue
        for opposite in _opposites(token) & forms:
            if stem(opposite) not in mine and stem(opposite) not in negated:
                return f'"{token.text}" contradicts the source\'s "{opposite}"'
    return ""


_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis")


def _opposites(token: Token) -> frozenset[str]:
    form = one_spelling(token.text)
    listed = vocabulary().antonyms.get(form, frozenset())
    if token.kind not in ("content", "hedge"):
        return listed
    made = {prefix + form for prefix in _PREFIXES}
    made.update(form[len(prefix) :] for prefix in _PREFIXES if form.startswith(prefix) and len(form) - len(prefix) > 3)
    return listed | made
