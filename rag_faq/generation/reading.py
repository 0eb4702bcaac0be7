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
_SCORES = " scores"  # behind the key of a prompt's end


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
        self._read_part(prompt, position, pieces(position, len(prompt.tokens), piece), stop)

    def approach(self, prompt: TokenisedPrompt, stop: Callable[[], bool], piece: int = PIECE, *, most: int = 0) -> int:
        """Bring the text to the end of the prompt's lasting parts, and keep what was missing; gives where it ends.

        Where the whole rest is no more than `most` tokens, an end of the last part may be left to be read with it, in
        one batch, which is quicker than two; `keep_lasting` then keeps that part.
        """
        keys = self._keys(prompt)[: len(prompt.cuts)]
        return self._read_kept(prompt, keys, self._restore(prompt, keys, evict=True), stop, piece, most)

    def keep_lasting(self, prompt: TokenisedPrompt) -> None:
        """Keep the last of the prompt's lasting parts, which was read now."""
        place = len(prompt.cuts) - 1
        self._keep(self._keys(prompt)[place], prompt.parts[place])

    def lasting(self, prompt: TokenisedPrompt) -> list[State] | None:
        """The states of the prompt's lasting parts; `None` where one is not kept."""
        keys = self._keys(prompt)[: len(prompt.cuts)]
        known = self.states.known(keys) if self.states is not None else []
        return known if len(known) == len(keys) else None

    def keep_end(self, prompt: TokenisedPrompt, scores: NDArray[np.float32], sequence: int = TEXT) -> None:
        """Keep a prompt that was read in this sequence, from its lasting parts on, and the scores of what follows."""
        if self.states is None:
            return
        keys = self._keys(prompt)
        if prompt.passing:
            place = len(prompt.cuts)
            self._keep(keys[place], prompt.parts[place], passing=True, sequence=sequence)
        end = (max((*prompt.cuts, *prompt.passing[:1]), default=0), len(prompt.tokens))
        key = end_key(self._fingerprint, prompt)
        self._keep(key, end, passing=True, sequence=sequence)
        self.states.add_passing(key + _SCORES, scores.view(np.uint8))

    def resume(self, prompt: TokenisedPrompt) -> NDArray[np.float32] | None:
        """Put the whole prompt back, and give the scores of what follows; `None` where not all of it is kept."""
        if self.states is None:
            return None
        end = end_key(self._fingerprint, prompt)
        scores = self.states.passing.get(end + _SCORES)
        keys = [*self._keys(prompt)[: len(prompt.cuts) + 1], end]
        known = self.states.known(keys)
        if scores is None or len(known) < len(keys):
            return None
        self._model.clear()
        return scores.view(np.float32) if all(map(self._model.restore, known)) else None

    def fill(self, ahead: Ahead, stop: Callable[[], bool]) -> bool:
        """Fill the states of a prompt's lasting parts, pushing nothing out. False when there is no room for more.

        Interrupted when `stop` says so; what was done by then is kept in `ahead`.
        """
        prompt = ahead.make()
        if prompt is None or self.states is None:
            return True
        keys = self._keys(prompt)[: len(prompt.cuts)]
        # What an earlier start left on the disk comes into memory, where there is room: nobody has to wait for it.
        if len(self.states.known(keys, evict=False)) == len(keys):
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
        self,
        prompt: TokenisedPrompt,
        keys: Sequence[str],
        position: int,
        stop: Callable[[], bool],
        piece: int,
        most: int = 0,
    ) -> int:
        """Read the parts with these keys as far as they lie behind `position`, and keep them; gives where they end.

        In the last one that is where no more than `most` tokens of the prompt are left; it is not kept then.
        """
        for place, (key, (_, end)) in enumerate(zip(keys, prompt.parts, strict=False), start=1):
            if end > position:
                left = most if place == len(keys) else 0
                cut = (run for run in pieces(position, end, piece) if len(prompt.tokens) - run[0] > left)
                reached = self._read_part(prompt, position, cut, stop)
                if reached < end:
                    return reached
                self._keep(key, (position, end), passing=end not in prompt.cuts)
                position = end
        return position

    def _read_part(
        self, prompt: TokenisedPrompt, position: int, cut: Iterator[tuple[int, int]], stop: Callable[[], bool]
    ) -> int:
        """Read these pieces, the first of which begins at `position`; gives where they end."""
        for start, position in cut:
            if stop():
                raise Interrupted
            self._decode(prompt, start, position)
        return position

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
