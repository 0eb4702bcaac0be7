"""Is a question written in another language than English? By its function words, so that names do not matter."""

from __future__ import annotations

import re
from functools import cache

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@cache
def _function_words() -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    from bm25s import stopwords

    # bm25s keeps only a short English list under this name; the long one is the fair match for the others.
    english = frozenset(stopwords.STOPWORDS_EN_PLUS) | frozenset(stopwords.STOPWORDS_EN)
    others = {
        "Spanish": stopwords.STOPWORDS_SPANISH,
        "French": stopwords.STOPWORDS_FRENCH,
        "German": stopwords.STOPWORDS_GERMAN,
        "Italian": stopwords.STOPWORDS_ITALIAN,
        "Portuguese": stopwords.STOPWORDS_PORTUGUESE,
        "Dutch": stopwords.STOPWORDS_DUTCH,
    }
    return english, {name: frozenset(words) for name, words in others.items()}


def foreign_language(text: str) -> str | None:
    """The name of the language, or None for English and for what cannot be told.

    A text counts as foreign when it has at least two function words of another language that are no English ones, and
    more of these than of English function words; or when most of its letters are not Latin. Single letters and words
    that are written in capitals ("AI" is an Italian word too) do not count.
    """
    letters = [c for c in text if c.isalpha()]
    if letters and sum(ord(c) > 0x24F for c in letters) > len(letters) / 2:
        return "another script"
    words = [word.lower() for word in _WORD.findall(text) if len(word) > 2 or (word.islower() and len(word) == 2)]
    english, others = _function_words()
    in_english = sum(word in english for word in words)
    foreign = {name: sum(w in known and w not in english for w in words) for name, known in others.items()}
    name, count = max(foreign.items(), key=lambda pair: pair[1])
    return name if count >= 2 and count > in_english else None
