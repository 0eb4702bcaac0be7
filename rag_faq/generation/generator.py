"""The interface of a language model, and the records that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag_faq.records import ModelInfo, Prompt

Finish: TypeAlias = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen and when to end. Greedy unless `temperature` is above 0."""

    max_tokens: int = 384
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationStats:
    """What one generation took."""

    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt, taken from a kept state
    new_tokens: int = 0
    queue_s: float = 0.0  # waiting in line for the model
    finish: Finish = "stop"


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What shows when a prompt is read."""

    # Mean log-probability of a token of its last segment, given what stands before, in nats; `None` if not wanted.
    likelihood: float | None
    scores: NDArray[np.float32]  # (vocabulary size,): of every token as the assistant's first one


def told_likelihood(reading: Reading) -> float:
    """The likelihood of a reading for which it was wanted."""
    assert reading.likelihood is not None
    return reading.likelihood


class Generation(Protocol):
    """Text as it is written, in pieces. `stats` is complete once the iterator has ended or was closed."""

    @property
    def stats(self) -> GenerationStats:
        """What it took so far."""
        ...

    def __iter__(self) -> Iterator[str]: ...

    def __next__(self) -> str: ...

    def close(self) -> None:
        """Stop within one token and let the next caller in line start. Closing twice is harmless."""
        ...


class Generator(Protocol):
    """A language model. Safe to call from many threads: callers wait in line."""

    @property
    def info(self) -> ModelInfo:
        """Which weights, on which device."""
        ...

    def generate(self, prompt: Prompt, sampling: Sampling, cancel: Event | None = None) -> Generation:
        """Start to write the assistant's next message.

        `cancel`, once set, ends the generation within one token with `finish="cancelled"`, also while it waits in
        line. Raises QuestionError when the prompt and `max_tokens` do not fit the context.
        """
        ...

    def choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        """The probability of each option as the assistant's first token, normalised over the options.

        An option is told by its first token; options must differ there. Nothing is generated.
        """
        ...

    def scores(self, prompt: Prompt) -> NDArray[np.float32] | None:
        """The scores of every token as the assistant's first one, shape (vocabulary size,).

        None where the model does not tell. Nothing is generated.
        """
        ...

    def read(self, prompts: Sequence[Prompt], *, likelihood: bool = True) -> tuple[Reading, ...] | None:
        """What shows when these prompts are read, of which there must be one; to generate from them is then quick.

        None where the model does not tell. Nothing is generated. Without the `likelihood` it is quicker.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens this text takes in this model."""
        ...

    def warm(self, prompts: Sequence[Prompt]) -> None:
        """Prepare, in the background and in this order, the states of these prompts' reusable prefixes.

        A hint: a model that keeps no states does nothing. Gives way to questions at once.
        """
        ...

    def close(self) -> None:
        """Free the weights. Calls that are under way end first."""
        ...
