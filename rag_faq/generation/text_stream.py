"""Bytes of tokens → text, in whole characters, up to a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Takes the bytes of one token after the other and gives the text that is certain.

    A character whose bytes are spread over several tokens is given when it is whole. Text that might be the beginning
    of a stop string is held back until it is known not to be one; a stop string is never given, nor anything after it.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(word for word in stop if word)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.stopped = False  # a stop string came

    def feed(self, raw: bytes) -> str:
        """The text that is certain after these bytes; empty after a stop string."""
        if self.stopped:
            return ""
        text = self._held + self._decoder.decode(raw)
        ends = [at for word in self._stop if (at := text.find(word)) >= 0]
        if ends:
            self.stopped = True
            self._held = ""
            return text[: min(ends)]
        keep = max((_overlap(text, word) for word in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def end(self) -> str:
        """What was held back. Bytes of a character that never became whole are dropped."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, word: str) -> int:
    """Length of the longest end of `text` that begins `word` and is not all of it."""
    return next((size for size in range(min(len(text), len(word) - 1), 0, -1) if text.endswith(word[:size])), 0)
