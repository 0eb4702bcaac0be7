"""A language model whose every output is kept in a file, so that what was asked once is never computed again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks import probes
from rag_faq.generation.generator import GenerationStats, Generator, Reading, Sampling
from rag_faq.records import ModelInfo, Prompt

Scores: TypeAlias = NDArray[np.float32]
_Output: TypeAlias = tuple[Any, Scores | None]  # plain JSON values, and scores


class KeptGeneration:
    """A text that is known already, in one piece."""

    def __init__(self, text: str, stats: GenerationStats) -> None:
        self._pieces = iter([text] if text else [])
        self.stats = stats

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Leave the rest."""
        self._pieces = iter([])


class KeptGenerator:
    """Asks `generator` only what the file does not have yet. For one thread.

    Of scores, only those of the tokens that probes look at are kept; the others are 0.
    """

    def __init__(self, generator: Generator, file: Path) -> None:
        self._generator = generator
        self._kept = sqlite3.connect(file)
        self._kept.execute("CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT, scores BLOB)")
        self.computed = 0  # outputs that were not kept before

    @property
    def info(self) -> ModelInfo:
        """That of the model."""
        return self._generator.info

    def generate(self, prompt: Prompt, sampling: Sampling, cancel: Event | None = None) -> KeptGeneration:
        """The whole text at once."""

        def write() -> _Output:
            generation = self._generator.generate(prompt, sampling, cancel)
            return ["".join(generation), asdict(generation.stats)], None

        (text, stats), _ = self._once(write, "generate", _words(prompt), sampling)
        return KeptGeneration(text, GenerationStats(**stats))

    def choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        """The probability of each option."""
        chosen, _ = self._once(
            lambda: (self._generator.choose(prompt, options), None), "choose", _words(prompt), *options
        )
        return tuple(chosen)

    def scores(self, prompt: Prompt) -> Scores | None:
        """Those of the tokens that probes look at, and 0 for the others."""

        def tell() -> _Output:
            scores = self._generator.scores(prompt)
            return None, None if scores is None else scores[probes.TOKENS]

        _, found = self._once(tell, "scores", _words(prompt))
        return None if found is None else _spread(found)

    def read(self, prompts: Sequence[Prompt], *, likelihood: bool = True) -> tuple[Reading, ...] | None:
        """Each as if it were alone, which they are in a batch as well. Computed and kept with its likelihood."""
        readings = [self._read(prompt) for prompt in prompts]
        if None in readings:
            return None
        told = tuple(reading for reading in readings if reading is not None)
        return told if likelihood else tuple(replace(reading, likelihood=None) for reading in told)

    def count_tokens(self, text: str) -> int:
        """How many tokens this text takes."""
        return self._generator.count_tokens(text)

    def warm(self, prompts: Sequence[Prompt]) -> None:
        """Nothing: most of it is kept."""

    def close(self) -> None:
        """Free the model, and close the file."""
        self._generator.close()
        self._kept.close()

    def _read(self, prompt: Prompt) -> Reading | None:
        def tell() -> _Output:
            readings = self._generator.read([prompt])
            return (None, None) if readings is None else (readings[0].likelihood, readings[0].scores[probes.TOKENS])

        likelihood, found = self._once(tell, "read", _words(prompt))
        return None if found is None else Reading(likelihood, _spread(found))

    def _once(self, compute: Callable[[], _Output], *what: Any) -> _Output:
        text = json.dumps([self.info.sha256, *map(str, what)])
        name = hashlib.sha256(text.encode()).hexdigest()
        row = self._kept.execute("SELECT value, scores FROM kept WHERE name = ?", (name,)).fetchone()
        if row is not None:
            return json.loads(row[0]), None if row[1] is None else np.frombuffer(row[1], dtype=np.float32)
        value, scores = compute()
        blob = None if scores is None else scores.astype(np.float32).tobytes()
        with self._kept:
            self._kept.execute("INSERT INTO kept VALUES (?, ?, ?)", (name, json.dumps(value), blob))
        self.computed += 1
        return value, scores


def _words(prompt: Prompt) -> str:
    return json.dumps([[message.role, *message.segments] for message in prompt.messages])


def _spread(scores: Scores) -> Scores:
    whole = np.zeros(int(probes.TOKENS.max()) + 1, dtype=np.float32)
    whole[probes.TOKENS] = scores
    return whole
