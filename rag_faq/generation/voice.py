"""Entries in which the author speaks of himself: the answer says who that is."""

from __future__ import annotations

import re
from typing import Final

AUTHOR: Final = "The FAQ's author"
_OF_AUTHOR = re.compile(rf"\b{AUTHOR}\b", re.IGNORECASE)
# "my" alone is no sign of an author: it stands in names ("Be My Eyes") and in what users say.
_FIRST_PERSON = re.compile(r"(?<![\w/'’-])I(?:['’](?:ve|m|d|ll))?(?![\w/])")
_MY = re.compile(r"(?:^|(?<=[.!?:]\s)|(?<=\n))My\b(?!\s+[A-Z])")
# "I use", "I led", "I've used": the verb is bent where it stands in the present.
_CLAUSE = re.compile(r"\bI\s+(?P<adverb>\w+ly\s+|often\s+|also\s+)?(?P<verb>[a-z]+)")
_CONTRACTED = {"I've": "has", "I'm": "is", "I'd": "would", "I'll": "will"}
_IRREGULAR = {"have": "has", "do": "does", "am": "is", "go": "goes", "was": "was", "were": "was"}
# Modal verbs do not bend, and nor do the irregular past forms that end like a present one.
_UNBENT = re.compile(
    r"(?:can|could|may|might|must|shall|should|will|would|had|did|led|made|took|gave|went|saw|got|built|ran|wrote|chose|"
    r"found|held|kept|met|put|set|read|cut|let|began|came|became|knew|thought|brought|taught|caught|\w+ed)"
)


def speaks_as_author(text: str) -> bool:
    """True when the text speaks in the first person."""
    return _FIRST_PERSON.search(text) is not None


def speaks_of_author(text: str) -> bool:
    """True when the text says something of its writer, as "I" or as the FAQ's author."""
    return speaks_as_author(text) or _OF_AUTHOR.search(text) is not None


def as_author(text: str) -> str:
    """The text with its first person turned into "the FAQ's author".

    "I utilize grid search" gives "The FAQ's author utilizes grid search"; "I've tackled", "The FAQ's author has
    tackled". The start of a sentence keeps its capital.
    """
    for contracted, verb in _CONTRACTED.items():
        text = re.sub(rf"\b{contracted}\b", lambda m, v=verb: f"{_author_at(m)} {v}", text)  # type: ignore[misc]
    text = _CLAUSE.sub(_bend, text)
    text = re.sub(r"\bI\b", _author_at, text)
    text = _MY.sub("Their", text)
    text = re.sub(r"\bmy\b", "their", text)
    return re.sub(r"\bme\b", "them", text)


def _bend(match: re.Match[str]) -> str:
    verb = match["verb"]
    if verb in _IRREGULAR:
        verb = _IRREGULAR[verb]
    elif not _UNBENT.fullmatch(verb):
        verb = f"{verb}es" if verb.endswith(("s", "x", "z", "ch", "sh")) else f"{verb}s"
    return f"{_author_at(match)} {match['adverb'] or ''}{verb}"


def _author_at(match: re.Match[str]) -> str:
    before = match.string[: match.start()].rstrip(" \"'(*")
    starts_sentence = not before or before[-1] in ".!?\n:-"
    return AUTHOR if starts_sentence else AUTHOR.replace("The", "the", 1)
