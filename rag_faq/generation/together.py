"""Reads several prompts in one batch: a question after each of several entries.

The matrix kernels do best with many tokens at once, and a question is short: read after four entries, 16 tokens each,
one batch takes two thirds of the time that four batches take.

Each text lies in cells of its own in the model's one context, in the order in which it would lie alone, and begins
where a block of cells does. What other texts have is masked, which adds zeros in whole blocks. So each is computed bit
for bit as it would be alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag_faq.generation.generator import Reading
from rag_faq.generation.llama import BESIDE, FEW, LEAST, MOST_FILLING, PIECE, SCORED, TEXT, LlamaModel, Row, State
from rag_faq.generation.reading import Interrupted, Reader
from rag_faq.generation.template import TokenisedPrompt

_SCORED = SCORED + LEAST  # rows of one batch
_BLOCK = 64  # cells; the widest run over which any of the kernels sums up


@dataclass(frozen=True, slots=True)
class _Run:
    """What of a prompt is read in a batch, up to its end or a place before.

    What follows the prompt is scored, and, if its `likelihood` is wanted, all that tells it.
    """

    prompt: TokenisedPrompt
    start: int
    end: int
    likelihood: bool

    @property
    def count(self) -> int:
        return self.end - self.start

    @property
    def measured(self) -> range:
        """The places of tokens whose successor is of the last segment, too; none where that is not wanted."""
        begin, end = self.prompt.last if self.likelihood else (0, 0)
        return range(max(begin, self.start), min(end - 1, self.end))

    @property
    def scored(self) -> int:
        """How many rows are scored."""
        return len(self.measured) + (self.end == len(self.prompt.tokens))

    def rows(self, sequence: int) -> list[Row]:
        last, measured = len(self.prompt.tokens) - 1, self.measured
        return [
            Row(self.prompt.tokens[place], place, place in measured or place == last, sequence)
            for place in range(self.start, self.end)
        ]


class Together:
    """Reads on from what `reader` keeps."""

    def __init__(self, model: LlamaModel, reader: Reader) -> None:
        self._model = model
        self._reader = reader

    def read(
        self,
        prompts: Sequence[TokenisedPrompt],
        stop: Callable[[], bool],
        piece: int = PIECE,
        *,
        measured: bool = True,
    ) -> tuple[Reading, ...]:
        """What shows of each prompt; if `measured`, the likelihood of the last segment's tokens but the first as well.

        How they stand at their ends is kept, so that to go on from there is quick. `stop` is called before each batch
        of about `piece` tokens, 32 at least; Interrupted is raised when it says so.
        """
        for prompt in prompts[1:]:
            if self._reader.states is not None and self._reader.lasting(prompt) is None:
                self._reader.approach(prompt, stop, piece)
        found: dict[int, Reading] = {}
        pending = list(range(len(prompts)))
        while pending:
            found |= self._batch(prompts, pending, stop, piece, measured=measured)
            pending = [number for number in pending if number not in found]
        return tuple(found[number] for number in range(len(prompts)))

    def _batch(
        self,
        prompts: Sequence[TokenisedPrompt],
        pending: Sequence[int],
        stop: Callable[[], bool],
        piece: int,
        *,
        measured: bool,
    ) -> dict[int, Reading]:
        """Read the first of the pending prompts, and those of the others that go into its last batch."""
        first, *others = pending
        prompt = prompts[first]
        most = piece + LEAST
        run = _Run(prompt, self._reader.approach(prompt, stop, piece, most=most), len(prompt.tokens), measured)
        unkept = bool(prompt.cuts) and run.start < prompt.cuts[-1]
        told: list[float] = []
        while run.count > most or run.scored > _SCORED:
            if stop():
                raise Interrupted
            between = run.start + SCORED
            done, run = replace(run, end=between), replace(run, start=between)
            self._model.run(done.rows(TEXT), many_scores=measured)
            told += self._log_probabilities(done, 0)
        beside = self._beside(prompts, others, run, most)
        if stop():
            raise Interrupted
        if beside and not self._make_room(run, list(beside.values())):
            beside = {}  # each is then read by itself, which throws out what is refused
        rows = run.rows(TEXT)
        places = [0]
        for sequence, (other, _) in zip(BESIDE, beside.values(), strict=False):
            places.append(len(rows))
            rows += other.rows(sequence)
        self._model.run(rows, many_scores=measured)
        if unkept:
            self._reader.keep_lasting(prompt)
        readings: dict[int, Reading] = {}
        runs = [(first, run), *((number, other) for number, (other, _) in beside.items())]
        for sequence, (number, read), place in zip((TEXT, *BESIDE), runs, places, strict=False):
            scores = self._model.logits(place + read.count - 1)
            all_told = (told if number == first else []) + self._log_probabilities(read, place)
            likelihood = sum(all_told) / len(all_told) if all_told else 0.0
            readings[number] = Reading(likelihood if measured else None, scores)
            self._reader.keep_end(read.prompt, scores, sequence)
        return readings

    def _beside(
        self, prompts: Sequence[TokenisedPrompt], others: Sequence[int], run: _Run, most: int
    ) -> dict[int, tuple[_Run, list[State]]]:
        """Those of the other prompts that go into one batch of `most` rows with the run, and the states before them.

        Where no likelihood is wanted, no more than what is scored as if alone.
        """
        most_scored = _SCORED if run.likelihood else FEW
        rows, scored, cells = run.count, run.scored, run.end
        beside: dict[int, tuple[_Run, list[State]]] = {}
        if run.start == 0:
            return beside
        for number in others[: len(BESIDE)]:
            prompt = prompts[number]
            states = self._reader.lasting(prompt)
            if not states:
                continue
            other = _Run(prompt, prompt.cuts[-1], len(prompt.tokens), run.likelihood)
            rows, scored = rows + other.count, scored + other.scored
            cells += -cells % _BLOCK + other.end
            if rows > most or scored > most_scored or cells + MOST_FILLING > self._model.context_tokens:
                break
            beside[number] = (other, states)
        return beside

    def _make_room(self, run: _Run, beside: Sequence[tuple[_Run, Sequence[State]]]) -> bool:
        """Put the others' states where their texts are to lie, with cells left free for what is read of each.

        False where llama.cpp refuses one.
        """
        taken, accepted = run.end, True
        self._model.occupy(run.count, lasting=False)
        for sequence, (other, states) in zip(BESIDE, beside, strict=False):
            self._model.occupy(-taken % _BLOCK, lasting=True)
            accepted = accepted and all(self._model.restore(state, sequence) for state in states)
            self._model.occupy(other.count, lasting=False)
            taken += -taken % _BLOCK + other.end
        self._model.vacate()
        return accepted

    def _log_probabilities(self, run: _Run, row: int) -> list[float]:
        """Of the tokens of the last segment that follow a run's tokens; `row` is the run's first one in the batch."""
        return [
            self._model.log_probability(row + place - run.start, run.prompt.tokens[place + 1]) for place in run.measured
        ]
