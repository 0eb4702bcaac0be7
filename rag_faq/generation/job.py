"""What a caller hands to the thread that runs the model, and what comes back."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag_faq.errors import EngineError
from rag_faq.generation.generator import Finish, GenerationStats, Reading, Sampling
from rag_faq.generation.template import TokenisedPrompt


class End:
    """Last item of a job's output."""


Item: TypeAlias = str | tuple[Reading, ...] | NDArray[np.float32] | EngineError | End


@dataclass(eq=False)
class Job:
    """One caller's prompt.

    Without `sampling` only the scores of the first token are wanted, or, if `reading`, what shows when the prompt is
    read, and when those `beside` it are; with their likelihoods, if `measured`.
    """

    prompt: TokenisedPrompt
    sampling: Sampling | None = None
    cancel: threading.Event | None = None
    beside: tuple[TokenisedPrompt, ...] = ()
    reading: bool = False
    measured: bool = False
    stats: GenerationStats = field(default_factory=GenerationStats)
    output: queue.SimpleQueue[Item] = field(default_factory=queue.SimpleQueue)
    left: bool = False  # the caller went away
    since: float = field(default_factory=time.perf_counter)

    @property
    def stopped(self) -> bool:
        """True when nobody waits for the rest any more."""
        return self.left or (self.cancel is not None and self.cancel.is_set())

    def give(self, text: str) -> None:
        """Some text to the caller; nothing where it is empty."""
        if text:
            self.output.put(text)

    def end(self, finish: Finish) -> None:
        """The last word to the caller."""
        self.stats = replace(self.stats, finish=finish)
        self.output.put(End() if self.sampling is not None else closed())

    def fail(self, error: EngineError) -> None:
        """The last word to a caller who gets no more because of `error`."""
        self.output.put(error)


def closed() -> EngineError:
    """The error of a model that is used after it was closed."""
    return EngineError("The model was closed", mend="load it again")
