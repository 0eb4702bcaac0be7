"""One prompt on one model, cold and from kept states: where the model stands at its end, and what it writes then."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_faq.generation.llama import LlamaModel, State
from rag_faq.generation.reading import Ahead, Reader
from rag_faq.generation.states import StateStore
from rag_faq.generation.template import TokenisedPrompt
from rag_faq.generation.together import Together

# Of reading a prompt otherwise than cold.
WAYS = ("from kept states", "behind the gate", "in one batch", "in one batch with likelihoods")
_BESIDE = 2  # prompts that are read before it in that batch


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's prompts: the answer's, the gate's over the same sources, and the one that fills their states."""

    id: str
    sources: int
    answer: TokenisedPrompt
    gate: TokenisedPrompt
    prefix: TokenisedPrompt


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Where the model stood at the end of a prompt."""

    restored: int  # tokens of it that were not computed
    seconds: float
    scores: NDArray[np.float32]  # (vocabulary,): of the token that follows
    context: State


@dataclass(frozen=True, slots=True)
class Held:
    """A reading from kept states, held against the cold one."""

    restored: int
    seconds: float
    scores_equal: bool
    context_equal: bool
    written: bool  # the answer was written on this side too
    furthest: float  # the largest difference of two scores
    parts_at: int | None = None  # number of the first token of the answers, from 1, that differs; None where none does
    parts_with: tuple[str, str] | None = None  # that token cold and here; empty where the answer has ended

    def difference(self) -> str:
        """What is not as in the cold run, in words; empty where all is."""
        found = []
        if not self.scores_equal:
            found.append(f"scores differ by up to {self.furthest:.3g}")
        if not self.context_equal:
            found.append("the context's state differs")
        if self.parts_at is not None and self.parts_with is not None:
            cold, here = self.parts_with
            found.append(f"the answers part at token {self.parts_at}: {cold!r} cold, {here!r} here")
        elif found:
            found.append("the answers are the same")
        return "; ".join(found)


@dataclass(frozen=True, slots=True)
class Compared:
    """One question, read on all sides. `held` has one comparison for each of WAYS."""

    id: str
    sources: int
    prompt_tokens: int
    cold_s: float
    held: tuple[Held, ...]


class Comparison:
    """Reads prompts on one model cold and from kept states. `tokens`: the longest answer."""

    def __init__(self, model: LlamaModel, states: StateStore, tokens: int) -> None:
        self._model = model
        self._tokens = tokens
        self._cold = Reader(model, None, "")
        self._keeping = Reader(model, states, "")
        self._together = Together(model, self._keeping)
        self._before: deque[TokenisedPrompt] = deque(maxlen=_BESIDE)

    def compare(self, asked: Asked, *, write: bool) -> Compared:
        """All sides of one question. With `write`, each side writes its answer, whatever is equal before it."""
        cold = self._read(self._cold, TokenisedPrompt(asked.answer.tokens, ()))
        answer = self._write(asked, int(cold.scores.argmax()))
        self._fill(asked.prefix)
        held = [self._hold(asked, cold, answer, self._read(self._keeping, asked.answer), write=write)]
        self._read(self._keeping, asked.gate)
        held.append(self._hold(asked, cold, answer, self._read(self._keeping, asked.answer), write=write))
        for measured in (False, True):
            here = self._read_beside(asked.answer, measured=measured)
            held.append(self._hold(asked, cold, answer, here, write=write))
        self._before.append(asked.answer)
        return Compared(asked.id, asked.sources, len(asked.answer.tokens), cold.seconds, tuple(held))

    def _hold(self, asked: Asked, cold: Reading, answer: Sequence[int], here: Reading, *, write: bool) -> Held:
        scores_equal = np.array_equal(here.scores, cold.scores)
        context_equal = np.array_equal(here.context, cold.context)
        written = write or not (scores_equal and context_equal)
        other = self._write(asked, int(here.scores.argmax())) if written else answer
        at = first_difference(answer, other)
        return Held(
            restored=here.restored,
            seconds=here.seconds,
            scores_equal=scores_equal,
            context_equal=context_equal,
            written=written,
            furthest=float(np.abs(here.scores - cold.scores).max()),
            parts_at=None if at is None else at + 1,
            parts_with=None if at is None else (self._text(answer, at), self._text(other, at)),
        )

    def _fill(self, prefix: TokenisedPrompt) -> None:
        """As in idle time; where there is no room for that, as a question does, which pushes out what is older."""
        if not self._keeping.fill(Ahead(lambda: prefix), _never):
            self._read(self._keeping, prefix)

    def _read(self, reader: Reader, prompt: TokenisedPrompt) -> Reading:
        start = time.perf_counter()
        restored = reader.restore(prompt)
        reader.read(prompt, restored, _never)
        scores = self._model.logits()  # waits until they are there
        return Reading(restored, time.perf_counter() - start, scores, self._model.whole())

    def _read_beside(self, prompt: TokenisedPrompt, *, measured: bool) -> Reading:
        """Read behind others in one batch, and put back as the answer finds it; `measured`: with likelihoods."""
        start = time.perf_counter()
        self._together.read([*self._before, prompt], _never, measured=measured)
        seconds = time.perf_counter() - start
        scores = self._keeping.resume(prompt)
        if scores is None:  # no room for what was read
            return self._read(self._keeping, prompt)
        return Reading(len(prompt.tokens), seconds, scores, self._model.whole())

    def _write(self, asked: Asked, first: int) -> list[int]:
        """The greedy answer behind the prompt that was just read, from its first token to the one that ends it."""
        sampler = self._model.sampler(0.0, 0)
        try:
            written = [first]
            while len(written) < self._tokens and not self._model.is_end(written[-1]):
                self._model.decode(written[-1:], len(asked.answer.tokens) + len(written) - 1, logits=True)
                written.append(self._model.sample(sampler))
            return written
        finally:
            sampler.free()

    def _text(self, tokens: Sequence[int], at: int) -> str:
        return self._model.text_of(tokens[at], special=True).decode("utf-8", "replace") if at < len(tokens) else ""


def first_difference(one: Sequence[int], other: Sequence[int]) -> int | None:
    """The place at which two answers part; `None` when they are equal."""
    for at in range(max(len(one), len(other))):
        if one[at : at + 1] != other[at : at + 1]:
            return at
    return None


def _never() -> bool:
    """Nobody interrupts."""
    return False
