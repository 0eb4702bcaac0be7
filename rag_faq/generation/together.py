"""Reads several prompts in one batch: a question after each of several entries, and what is likely to be asked next.

A batch takes its time for each sixteen tokens or so, however few of them are used, and a question is short. So the
likelihoods of a question after several entries are read in one batch; and behind the first of them, what will probably
be wanted next: the closing of the prompt, from which the answer goes on, and the gate's question.

Each text lies in cells of its own in the model's one context, in the order in which it would lie alone, and begins
where a block of cells does. What other texts have is masked, which adds zeros in whole blocks. So each is computed bit
for bit as it would be alone. The branch is the exception: it begins inside a block, behind the end of the text that it
leaves. It is the same whenever it is read as that text's branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_faq.generation.llama import BESIDE, LEAST, PIECE, SCORED, TEXT, LlamaModel, Row, State
from rag_faq.generation.reading import Interrupted, Reader
from rag_faq.generation.template import ALIGNMENT, TokenisedPrompt

_ROWS, _SCORED = PIECE + LEAST, SCORED + LEAST  # of one batch
_BLOCK = 64  # cells; the widest run over which any of the kernels sums up
_BRANCH, *_OTHERS = BESIDE


@dataclass(frozen=True, slots=True)
class _Run:
    """What is read of a prompt in a batch: from where the text ends, up to a place, which tokens' scores are wanted."""

    prompt: TokenisedPrompt
    start: int
    end: int
    scored: frozenset[int]  # positions

    @property
    def count(self) -> int:
        return self.end - self.start

    def rows(self, *sequences: int, start: int = 0) -> list[Row]:
        """The run's rows, from `start` on if that is later."""
        return [
            Row(self.prompt.tokens[place], place, place in self.scored, sequences)
            for place in range(max(start, self.start), self.end)
        ]


class Together:
    """Measures and asks, on what `reader` keeps."""

    def __init__(self, model: LlamaModel, reader: Reader) -> None:
        self._model = model
        self._reader = reader

    def likelihoods(
        self, prompts: Sequence[TokenisedPrompt], ahead: Sequence[TokenisedPrompt], stop: Callable[[], bool]
    ) -> tuple[float, ...]:
        """Of each prompt's last segment: mean log-probability of its tokens but the first, given all before them.

        `ahead`: the first prompt itself, and one that leaves it behind that segment, if their ends are wanted next:
        they are read along, and kept. `stop` is called before each batch; Interrupted is raised when it says so.
        """
        for prompt in prompts[1:]:
            if self._reader.states is not None and self._reader.lasting(prompt) is None:
                self._reader.approach(prompt, stop)
        found: dict[int, float] = {}
        pending = list(range(len(prompts)))
        while pending:
            first, *others = pending
            found |= self._measure(prompts, first, others, ahead if first == 0 else (), stop)
            pending = [number for number in others if number not in found]
        return tuple(found[number] for number in range(len(prompts)))

    def scores(
        self, prompt: TokenisedPrompt, stem: TokenisedPrompt, stop: Callable[[], bool]
    ) -> NDArray[np.float32] | None:
        """The scores of what follows a prompt that leaves another one, the stem, whose end is read along and kept.

        `None` where the two have nothing in common behind the stem's lasting parts, or would not go into one batch.
        """
        at = _parting(stem, prompt)
        branch = _to_end(prompt, at)
        if not self._model.keeps_states or branch.count + len(stem.tokens) - at + 3 * LEAST > _ROWS:
            return None
        run = _to_end(stem, self._reader.approach(stem, stop, passing=1))
        if run.start > at:
            return None
        while run.count + branch.count > _ROWS:
            run = self._read_on(run, min(PIECE, (at - run.start - LEAST) // ALIGNMENT * ALIGNMENT), stop)
        self._read(run, branch, [], [], stop)
        return self._model.logits()

    def _measure(
        self,
        prompts: Sequence[TokenisedPrompt],
        first: int,
        others: Sequence[int],
        ahead: Sequence[TokenisedPrompt],
        stop: Callable[[], bool],
    ) -> dict[int, float]:
        """Likelihoods of the first prompt, and of those others that go into its last batch."""
        prompt = prompts[first]
        run = _measured(prompt, self._reader.approach(prompt, stop), to_end=prompt in ahead)
        branch = next((_to_end(other, _parting(prompt, other)) for other in ahead if other != prompt), None)
        if branch and (run.end < len(prompt.tokens) or branch.count > PIECE - SCORED or not self._model.keeps_states):
            branch = None
        found: list[float] = []
        while run.count + (branch.count if branch else 0) > _ROWS or len(run.scored) > _SCORED:
            done, run = run, self._read_on(run, SCORED, stop)
            found += self._log_probabilities(done, 0, run.start)
        if branch and branch.start < run.start:
            branch = None
        beside = self._beside(prompts, others, run, branch)
        states = [beside[number][1] for number in beside]
        runs = [beside[number][0] for number in beside]
        places = self._read(run, branch, runs, states, stop)
        found += self._log_probabilities(run, 0, run.end)
        likelihoods = {first: _mean(found)}
        for number, other, place in zip(beside, runs, places, strict=True):
            likelihoods[number] = _mean(self._log_probabilities(other, place, other.end))
        return likelihoods

    def _beside(
        self, prompts: Sequence[TokenisedPrompt], others: Sequence[int], run: _Run, branch: _Run | None
    ) -> dict[int, tuple[_Run, list[State]]]:
        """Those of the other prompts that go into one batch with the run, and the states that they go on from."""
        rows = run.count + (branch.count if branch else 0)
        scored = len(run.scored) + (1 if branch else 0)
        cells = run.start + rows
        beside: dict[int, tuple[_Run, list[State]]] = {}
        if run.start == 0:
            return beside
        for number in others[: len(_OTHERS)]:
            prompt = prompts[number]
            states = self._reader.lasting(prompt)
            if not states:
                continue
            other = _measured(prompt, prompt.cuts[-1], to_end=False)
            rows, scored = rows + other.count, scored + len(other.scored)
            cells += -cells % _BLOCK + other.end
            if rows > _ROWS or scored > _SCORED or cells > self._model.context_tokens:
                break
            beside[number] = (other, states)
        return beside

    def _read_on(self, run: _Run, count: int, stop: Callable[[], bool]) -> _Run:
        """Read so many of the run's tokens; gives the rest."""
        if stop():
            raise Interrupted
        rest = _Run(
            run.prompt,
            run.start + count,
            run.end,
            frozenset(place for place in run.scored if place >= run.start + count),
        )
        self._model.run(_Run(run.prompt, run.start, rest.start, run.scored).rows(TEXT))
        return rest

    def _read(
        self,
        run: _Run,
        branch: _Run | None,
        beside: Sequence[_Run],
        states: Sequence[Sequence[State]],
        stop: Callable[[], bool],
    ) -> list[int]:
        """One batch: the run goes on from the text, the branch from the run, the others from their states.

        Keeps what of it can be used again. Gives the row with which each of the others begins.
        """
        if stop():
            raise Interrupted
        stem = (TEXT, _BRANCH) if branch else (TEXT,)
        parting = branch.start if branch else run.end
        rows = [*_Run(run.prompt, run.start, parting, run.scored).rows(*stem), *run.rows(TEXT, start=parting)]
        end = len(rows) - 1
        if branch:
            self._model.share(_BRANCH)
            rows += branch.rows(_BRANCH)
        branch_end = len(rows) - 1
        taken = run.start + len(rows)
        if beside:
            self._model.occupy(len(rows), lasting=False)
        places = []
        for sequence, other, known in zip(_OTHERS, beside, states, strict=False):
            self._model.occupy(-taken % _BLOCK, lasting=True)
            for state in known:
                self._model.restore(state, sequence)
            self._model.occupy(other.count, lasting=False)
            taken += -taken % _BLOCK + other.end
            places.append(len(rows))
            rows += other.rows(sequence)
        if beside:
            self._model.vacate()
        self._model.run(rows)
        self._keep(run, end, branch, branch_end)
        for sequence, other in zip(_OTHERS, beside, strict=False):
            self._reader.keep_passing(other.prompt, sequence)
        return places

    def _keep(self, run: _Run, end: int, branch: _Run | None, branch_end: int) -> None:
        if any(cut > run.start for cut in run.prompt.passing[:1]):
            self._reader.keep_passing(run.prompt)
        if run.end == len(run.prompt.tokens):
            self._reader.keep_end(run.prompt, self._model.logits(end))
        if branch:
            self._reader.keep_end(branch.prompt, self._model.logits(branch_end), branch=True)

    def _log_probabilities(self, run: _Run, row: int, until: int) -> list[float]:
        """Of the tokens of the last segment that follow the run's tokens before `until`; `row` is the first one's."""
        begin, end = run.prompt.last
        return [
            self._model.log_probability(row + place - run.start, run.prompt.tokens[place + 1])
            for place in range(max(begin, run.start), min(until, end - 1))
        ]


def _measured(prompt: TokenisedPrompt, start: int, *, to_end: bool) -> _Run:
    """The run that tells the likelihood of the last segment; `to_end`: and what follows the prompt."""
    begin, end = prompt.last
    until = len(prompt.tokens) if to_end else end
    scored = frozenset(range(max(begin, start), end - 1)) | (frozenset((until - 1,)) if to_end else frozenset())
    return _Run(prompt, start, until, scored)


def _to_end(prompt: TokenisedPrompt, start: int) -> _Run:
    end = len(prompt.tokens)
    return _Run(prompt, start, end, frozenset((end - 1,)))


def _parting(one: TokenisedPrompt, other: TokenisedPrompt) -> int:
    """The place of the first token in which two prompts differ."""
    common = min(len(one.tokens), len(other.tokens))
    return next((place for place in range(common) if one.tokens[place] != other.tokens[place]), common)


def _mean(found: Sequence[float]) -> float:
    return sum(found) / len(found) if found else 0.0
