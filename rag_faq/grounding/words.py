"""The words of a sentence, as the verifier sees them: stems, names, numbers, negations."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from threading import Lock
from typing import Any, Literal, TypeAlias

from rag_faq.retrieval.spelling import one_spelling

Kind: TypeAlias = Literal["function", "hedge", "negator", "number", "name", "content"]

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*%?(?![\w])|[^\W_]+(?:[-‐‑'’./&][^\W_]+)*|[¬%€$£]")
_SPLIT = re.compile(r"[-‐‑./&]")
_POSSESSIVE = re.compile(r"['’]s?$|['’]s\b")
_SENTENCE_OPENING = re.compile(r"(?:^|[.!?:;\n]|[-*•]\s|[\"“(*])[\s\"“(*_`]*$")


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text."""

    text: str
    start: int
    end: int
    kind: Kind
    stem: str  # of the whole word, hyphens left out
    parts: tuple[str, ...]  # stems of its hyphenated parts that carry content; (stem,) for a plain word
    stops: bool = False  # a comma or another mark follows

    @property
    def counts(self) -> bool:
        """True when the word says something that a source must bear out."""
        return self.kind in ("number", "name", "content")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The word lists of vocabulary.toml, by stem where the word's form does not matter."""

    function: frozenset[str]
    hedges: frozenset[str]
    negators: frozenset[str]
    idle_after_not: frozenset[str]
    detracting: frozenset[str]
    numbers: dict[str, str]
    antonyms: dict[str, frozenset[str]]  # word form -> the forms that contradict it
    synonyms: dict[str, frozenset[str]]  # stem -> stems that may stand for it


@cache
def vocabulary() -> Vocabulary:
    """The word lists, read once."""
    raw: dict[str, Any] = tomllib.loads(files("rag_faq.grounding").joinpath("vocabulary.toml").read_text("utf-8"))
    antonyms: dict[str, set[str]] = {}
    for left, right in raw["antonyms"]:
        for one, other in ((left.split(), right.split()), (right.split(), left.split())):
            for word in one:
                antonyms.setdefault(one_spelling(word), set()).update(one_spelling(w) for w in other)
    synonyms: dict[str, set[str]] = {}
    for line in raw["synonyms"]:
        stems = {stem(word) for word in line.split()}
        for word in stems:
            synonyms.setdefault(word, set()).update(stems - {word})
    return Vocabulary(
        function=frozenset(raw["function"].split()),
        hedges=frozenset(raw["hedges"].split()),
        negators=frozenset(raw["negators"].split()),
        idle_after_not=frozenset(raw["idle_after_not"].split()),
        detracting=frozenset(raw["detracting"].split()),
        numbers=dict(raw["numbers"]),
        antonyms={word: frozenset(others) for word, others in antonyms.items()},
        synonyms={word: frozenset(others) for word, others in synonyms.items()},
    )


@cache
def _stemmer() -> tuple[Any, Lock]:
    import Stemmer

    # A Snowball stemmer keeps a buffer of its own: one caller at a time.
    return Stemmer.Stemmer("english"), Lock()


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The Snowball stem of one word, spellings made one and hyphens left out."""
    stemmer, lock = _stemmer()
    with lock:
        return str(stemmer.stemWord(one_spelling(_SPLIT.sub("", word.lower()))))


def tokens(text: str) -> tuple[Token, ...]:
    """The words of `text`, in order, with what kind of word each is."""
    words = vocabulary()
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        token = _token(match.group(), match.start(), text, words)
        found.append(replace(token, stops=text[token.end : token.end + 1] in (",", ";", ":", ".", "!", "?", ")")))
    return tuple(found)


def _token(raw: str, start: int, text: str, words: Vocabulary) -> Token:
    bare = _POSSESSIVE.sub("", raw)
    lower = bare.lower().replace("’", "'")
    pieces = [piece for piece in _SPLIT.split(lower) if piece]
    if lower.endswith("n't") or lower in words.negators or raw == "¬":
        return Token(raw, start, start + len(raw), "negator", stem(lower), ())
    if re.fullmatch(r"\d+(?:[.,]\d+)*%?", bare):
        number = bare.replace(",", "").rstrip("%")
        return Token(raw, start, start + len(raw), "number", number, (number,))
    if lower in words.numbers:
        number = words.numbers[lower]
        return Token(raw, start, start + len(raw), "number", number, (number,))
    if "'" in lower:
        lower = lower.split("'")[0]
    whole = _whole_stem(bare)
    if lower in words.function:
        # "US", "IT": an acronym that looks like a function word.
        kind: Kind = "name" if len(bare) > 1 and bare.isupper() and not text.isupper() else "function"
        return Token(raw, start, start + len(raw), kind, whole, (whole,) if kind == "name" else ())
    if lower in words.hedges:
        return Token(raw, start, start + len(raw), "hedge", whole, ())
    parts = tuple(
        stem(p) for p in pieces if p not in words.function and (len(pieces) == 1 or p not in words.hedges)
    ) or (whole,)
    return Token(raw, start, start + len(raw), _kind(bare, start, text), whole, parts if len(pieces) > 1 else (whole,))


def _whole_stem(bare: str) -> str:
    # The plural of an acronym: GANs, LLMs.
    if re.fullmatch(r"[A-Z0-9][\w-]*[A-Z0-9]s", bare):
        bare = bare[:-1]
    return _SPLIT.sub("", bare.lower()) if is_shaped(bare) else stem(bare)


def is_shaped(word: str) -> bool:
    """True for words that are names by their shape: GPT-4, StyleGAN2, 3D, BERT, iPhone."""
    parts = _SPLIT.split(word)
    return any(
        (any(c.isdigit() for c in part) or any(c.isupper() for c in part[1:])) and any(c.isalpha() for c in word)
        for part in parts
    ) or (len(parts) > 1 and all(p[:1].isupper() for p in parts if p) and all(p.isupper() for p in parts if p))


def _kind(bare: str, start: int, text: str) -> Kind:
    if is_shaped(bare) and not (text.isupper() and len(text) > len(bare) + 3):
        return "name"
    if bare[:1].isupper() and not _SENTENCE_OPENING.search(text[max(0, start - 12) : start]):
        return "name"
    return "content"


def content(items: Iterable[Token]) -> tuple[Token, ...]:
    """The words that say something."""
    return tuple(token for token in items if token.counts)


def content_stems(text: str) -> frozenset[str]:
    """The stems of the words of `text` that say something."""
    return frozenset(token.stem for token in content(tokens(text)))
