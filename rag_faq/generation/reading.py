"""Brings the model to the end of a prompt: from the longest kept prefix on, piece by piece, keeping what is new of it.

A prompt is read in the model's own context, which holds no other text at that time. So what is kept of it is bit for
bit the same, whoever else is being served.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_faq.generation.llama import LEAST, PIECE, TEXT, LlamaModel, State
from rag_faq.generation.states import StateStore, end_key, state_keys
from rag_faq.generation.template import TokenisedPrompt

log = logging.getLogger(__name__)

# Where somebody waits for the end of a piece, pieces are smaller, though a seventh slower.
SHORT_PIECE = 32
# Behind the key of a prompt's end: its scores, of a prompt read by itself, and of one read as another one's branch.
_SCORES, _BRANCH_SCORES = " scores", " scores of a branch"


class Interrupted(Exception):  # noqa: N818 (no error: a signal between those who read)
    """Reading a prompt was stopped between two pieces."""


@dataclass(eq=False)
class Ahead:
    """A prompt whose states are to be filled in idle time, and how far that came when a caller interrupted it."""

    make: Callable[[], TokenisedPrompt | None]
    start: int = 0
    end: int = 0
    state: State | None = None  # of the tokens from `start` up to `end`


class Reader:
    """Reads prompts into the model's own context. `fingerprint` names all that a state's values depend on."""

    def __init__(self, model: LlamaModel, states: StateStore | None, fingerprint: str) -> None:
        self._model = model
        self.states = states if model.keeps_states else None
        self._fingerprint = fingerprint

    def restore(self, prompt: TokenisedPrompt) -> int:
        """Put back what is kept of the prompt; gives the number of tokens that it makes up. The text before is gone."""
        return self._restore(prompt, self._keys(prompt), evict=True)

    def read(self, prompt: TokenisedPrompt, position: int, stop: Callable[[], bool], piece: int = PIECE) -> None:
        """Read from `position`, where `restore` left off, to the end, so that the scores of what follows are there.

        `stop` is called before each piece of so many tokens; Interrupted is raised when it says so.
        """
        # Behind the last passing cut comes no more than the closing of the message: nothing goes on from there but the
        # very same prompt, which is not worth another batch.
        kept = len(prompt.cuts) + max(0, len(prompt.passing) - 1)
        position = self._read_kept(prompt, self._keys(prompt)[:kept], position, stop, piece)
        self._read_part(prompt, pieces(position, len(prompt.tokens), piece), stop)

    def approach(self, prompt: TokenisedPrompt, stop: Callable[[], bool], passing: int = 0) -> int:
        """Bring the text to the end of the prompt's lasting parts, or behind them as far as something is kept.

        What was missing is kept; of the passing parts, at most so many are put back. Gives where the text ends.
        """
        lasting = len(prompt.cuts)
        keys = self._keys(prompt)
        position = self._restore(prompt, keys[: lasting + passing], evict=True)
        return self._read_kept(prompt, keys[:lasting], position, stop, PIECE)

    def lasting(self, prompt: TokenisedPrompt) -> list[State] | None:
        """The states of the prompt's lasting parts; `None` where one is not kept."""
        keys = self._keys(prompt)[: len(prompt.cuts)]
        known = self.states.known(keys) if self.states is not None else []
        return known if len(known) == len(keys) else None

    def keep_passing(self, prompt: TokenisedPrompt, sequence: int = TEXT) -> None:
        """Keep the first passing part of a prompt that was read, in this sequence, up to there or further."""
        if prompt.passing:
            place = len(prompt.cuts)
            self._keep(self._keys(prompt)[place], prompt.parts[place], passing=True, sequence=sequence)

    def keep_end(self, prompt: TokenisedPrompt, scores: NDArray[np.float32], *, branch: bool = False) -> None:
        """Keep the scores of what follows a prompt, and, unless it is a `branch`, how the text stands at its end."""
        if self.states is None:
            return
        key = end_key(self._fingerprint, prompt)
        self.states.add_passing(key + (_BRANCH_SCORES if branch else _SCORES), scores.view(np.uint8))
        if not branch:
            self._keep(key, (max((*prompt.cuts, *prompt.passing), default=0), len(prompt.tokens)), passing=True)

    def ended(self, prompt: TokenisedPrompt, *, branch: bool = False) -> NDArray[np.float32] | None:
        """The scores of what follows a prompt, where they were kept."""
        if self.states is None:
            return None
        key = end_key(self._fingerprint, prompt)
        scores = self.states.passing.get(key + (_BRANCH_SCORES if branch else _SCORES))
        return None if scores is None else scores.view(np.float32)

    def resume(self, prompt: TokenisedPrompt) -> NDArray[np.float32] | None:
        """Put the whole prompt back, and give the scores of what follows; `None` where not all of it is kept."""
        scores = self.ended(prompt)
        if scores is None or self.states is None:
            return None
        keys = [*self._keys(prompt), end_key(self._fingerprint, prompt)]
        known = self.states.known(keys)
        if len(known) < len(keys):
            return None
        self._model.clear()
        return scores if all(map(self._model.restore, known)) else None

    def fill(self, ahead: Ahead, stop: Callable[[], bool]) -> bool:
        """Fill the states of a prompt's lasting parts, pushing nothing out. False when there is no room for more.

        Interrupted when `stop` says so; what was done by then is kept in `ahead`.
        """
        prompt = ahead.make()
        if prompt is None or self.states is None:
            return True
        keys = self._keys(prompt)[: len(prompt.cuts)]
        if all(key in self.states for key in keys):
            return True
        if stop():
            raise Interrupted
        position = self._restore(prompt, keys, evict=False)
        for key, end in zip(keys, prompt.cuts, strict=True):
            if end > position:
                self._fill_part(prompt, (position, end), stop, ahead)
                if not self._keep(key, (position, end), evict=False):
                    return False
                position = end
        return True

    def _keys(self, prompt: TokenisedPrompt) -> list[str]:
        return state_keys(self._fingerprint, prompt)

    def _restore(self, prompt: TokenisedPrompt, keys: Sequence[str], *, evict: bool) -> int:
        self._model.clear()
        position = 0
        if self.states is not None:
            known = self.states.known(keys, evict=evict)
            for key, (_, end), state in zip(keys, prompt.parts, known, strict=False):
                if not self._model.restore(state):
                    self.states.drop(key)
                    break
                position = end
        return position

    def _read_kept(
        self, prompt: TokenisedPrompt, keys: Sequence[str], position: int, stop: Callable[[], bool], piece: int
    ) -> int:
        """Read the parts with these keys as far as they lie behind `position`, and keep them; gives where they end."""
        for key, (_, end) in zip(keys, prompt.parts, strict=False):
            if end > position:
                self._read_part(prompt, pieces(position, end, piece), stop)
                self._keep(key, (position, end), passing=end not in prompt.cuts)
                position = end
        return position

    def _read_part(self, prompt: TokenisedPrompt, cut: Iterator[tuple[int, int]], stop: Callable[[], bool]) -> None:
        for start, end in cut:
            if stop():
                raise Interrupted
            self._decode(prompt, start, end)

    def _fill_part(
        self, prompt: TokenisedPrompt, part: tuple[int, int], stop: Callable[[], bool], ahead: Ahead
    ) -> None:
        done = part[0]
        if ahead.state is not None and ahead.start == part[0] and ahead.end < part[1]:
            if self._model.restore(ahead.state):
                done = ahead.end
            ahead.state = None
        for start, end in pieces(*part, SHORT_PIECE):
            if end <= done:
                continue
            if stop():
                if start > part[0]:
                    ahead.start, ahead.end, ahead.state = part[0], start, self._model.state(part[0], start)
                raise Interrupted
            self._decode(prompt, start, end)

    def _decode(self, prompt: TokenisedPrompt, start: int, end: int) -> None:
        self._model.decode(list(prompt.tokens[start:end]), start, logits=end == len(prompt.tokens))

    def _keep(
        self, key: str, part: tuple[int, int], *, passing: bool = False, evict: bool = True, sequence: int = TEXT
    ) -> bool:
        if self.states is None:
            return False
        try:
            state = self._model.state(*part, sequence)
        except MemoryError:
            log.debug("no memory for a state of %d tokens", part[1] - part[0])
            return False
        return self.states.add_passing(key, state) if passing else self.states.add(key, state, evict=evict)


def pieces(start: int, end: int, size: int = PIECE) -> Iterator[tuple[int, int]]:
    """Cut tokens start..end into batches of `size`; what is left over, if short, lengthens the last one.

    Where parts and sizes are multiples of four tokens, the batches do not show in what is computed.
    """
    while end - start >= size + LEAST:
        yield start, start + size
        start += size
    yield start, end
