"""Text taken apart into terms: what BM25 indexes and what a question's words are compared by."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from rag_faq.retrieval.spelling import one_spelling

# Words that frame a question and say nothing about its subject; bm25s's list has the function words.
_FRAMING = frozenset(
    {"also", "could", "hello", "hey", "hi", "may", "maybe", "might", "must", "ok", "okay", "please", "shall", "tell"}
    | {"thank", "thanks", "us", "would"}
)
_PART = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_WORD = re.compile(rf"{_PART.pattern}(?:-{_PART.pattern})*")
_SAME_SIGN = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2010": "-", "\u2011": "-", "\u00ad": None})
_ACCENTS = re.compile(r"[\u0300-\u036f]")


@dataclass(frozen=True, slots=True)
class Word:
    """A content word as written (in plain letters), the terms of its parts, and, if hyphenated, of the whole."""

    raw: str
    parts: tuple[str, ...]
    joined: str | None

    @property
    def terms(self) -> tuple[str, ...]:
        """Every term that it is indexed under."""
        return self.parts if self.joined is None else (*self.parts, self.joined)


class Analyser:
    """Lower case, one spelling, no stop words, stemmed (Snowball English). Safe for many threads.

    A hyphenated word gives its parts and the whole without hyphens: "fine-tuning" gives "fine", "tune", "finetun".
    """

    def __init__(self) -> None:
        import Stemmer

        self._stemmer: Any = Stemmer.Stemmer("english")
        self._lock = threading.Lock()  # a Snowball stemmer works in a buffer of its own

    def words(self, text: str) -> Iterator[Word]:
        """The content words of the text in order."""
        stops = stop_words()
        for match in _WORD.finditer(plain(text)):
            raw = match.group()
            parts = [piece.removesuffix("'s") for piece in _PART.findall(raw)]
            if len(parts) > 1:
                yield Word(raw, tuple(self.stem(p) for p in parts if p not in stops), self.stem("".join(parts)))
            elif raw not in stops and parts[0] not in stops:
                yield Word(parts[0], (self.stem(parts[0]),), None)

    def terms(self, text: str) -> list[str]:
        """The terms of the text in order, repeats kept."""
        return [term for word in self.words(text) for term in word.terms]

    def stem(self, word: str) -> str:
        """The term of one plain word."""
        with self._lock:
            return str(self._stemmer.stemWord(one_spelling(word)))


@cache
def _analyser() -> Analyser:
    return Analyser()


def analyse(text: str) -> tuple[str, ...]:
    """The terms of the text in order, repeats kept, as BM25 sees them."""
    return tuple(_analyser().terms(text))


@cache
def stop_words() -> frozenset[str]:
    """Words that are not searched for."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    return frozenset(STOPWORDS_EN_PLUS) | _FRAMING


def plain(text: str) -> str:
    """Lower case, straight apostrophes and hyphens, compatible forms made plain, accents off Latin letters."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_SAME_SIGN))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed)).casefold()
