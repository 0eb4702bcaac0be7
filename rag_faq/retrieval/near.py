"""Words that are nearly written like another: "augmentaton" finds "augmentation"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Below this length a near word is more often another word ("lora", "flora") than a slip of the pen.
_SHORTEST = 6
_TWO_SLIPS_FROM = 9
LONGEST = 40  # no word that a person means is longer


class NearWords:
    """Finds the known words nearest to an unknown one. Immutable; safe for many threads."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = [word for word in words if _SHORTEST - 1 <= len(word) <= LONGEST]
        self._letters = np.array([_count(word) for word in self._words], dtype=np.int8).reshape(-1, len(_LETTERS))

    def find(self, word: str) -> tuple[str, ...]:
        """The nearest known words, none if all are too far.

        Near is one slip (a letter too many, too few, wrong, or two changed round), two in a word of nine letters and
        more; the first letter is taken to be right (Pollock and Zamora, 1984: it nearly always is).
        """
        if not _SHORTEST <= len(word) <= LONGEST or not word.isalpha():
            return ()
        most = 2 if len(word) >= _TWO_SLIPS_FROM else 1
        # One slip changes the counts of letters by two at most: this leaves a handful of words to compare.
        apart = np.abs(self._letters - _count(word)).sum(axis=1)
        near: dict[int, list[str]] = {}
        for row in np.flatnonzero(apart <= 2 * most).tolist():
            known = self._words[row]
            if known[0] == word[0] and (slips := distance(word, known)) <= most:
                near.setdefault(slips, []).append(known)
        return tuple(near[min(near)]) if near else ()


def distance(one: str, other: str) -> int:
    """Optimal string alignment distance: insertions, deletions, changes and swaps of neighbours (Damerau, 1964)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]


def _count(word: str) -> NDArray[np.int8]:
    return np.array([word.count(letter) for letter in _LETTERS], dtype=np.int8)
