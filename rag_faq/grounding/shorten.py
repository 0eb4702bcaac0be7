"""Shorter forms of a sentence: without what a small model likes to put round a fact."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Where an addition begins that can be left out without harm to the sentence before it.
_ADDITION = re.compile(
    r"(?:,|;|\s[-–—])\s+(?=(?:which|where|allowing|enabling|making|leading|helping|thus|so|thereby|ensuring|such\s+as|"
    r"including|resulting|improving|providing|reducing|and\s+(?:can|may|help|is|are|it|they|this|thus)|as)\b)",
    re.IGNORECASE,
)
_OPENING = re.compile(r"(?:To|In order to|For that)\b[^,.;:]{3,100},\s+(?=\w)")
_FEWEST_WORDS = 3
_VERB = r"(?:is|are|was|were|can|could|may|might|must|will|would|should|has|have|had|do|does|did)\b"
_HAS_VERB = re.compile(rf"\b{_VERB}", re.IGNORECASE)
# Where the sentence goes on after what was put in between: "GANs, including …, are networks".
_GOES_ON = re.compile(rf",\s+(?:\w+ly\s+)?{_VERB}", re.IGNORECASE)


def shorter(sentence: str) -> Iterator[tuple[str, str]]:
    """Shorter forms of the sentence, each with what it leaves out.

    The one that leaves out least of the end comes first; those without the opening come last.
    """
    opening = _OPENING.match(sentence)
    start = opening.end() if opening else 0
    for begin in sorted({0, start}):
        kept = sentence[begin : begin + 1].upper() + sentence[begin + 1 :]
        if begin:
            yield kept, sentence[:begin].strip()
        for addition in reversed(list(_ADDITION.finditer(kept))):
            left, out = kept[: addition.start()], kept[addition.end() :]
            says_nothing = _GOES_ON.search(out) is not None and _HAS_VERB.search(left) is None
            if len(left.split()) >= _FEWEST_WORDS and not says_nothing:
                yield f"{left}.", out
