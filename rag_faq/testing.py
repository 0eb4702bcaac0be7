"""Test doubles whose output can be worked out by hand. Public, so that your own tests can use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from threading import Event

import numpy as np
from numpy.typing import NDArray

from rag_faq.generation.generator import GenerationStats, Reading, Sampling
from rag_faq.records import ModelInfo, Prompt
from rag_faq.retrieval.embedder import Vectors


class FakeEmbedder:
    """Counts the words of a given vocabulary: the vector of "cat cat dog" over (cat, dog) is (2, 1)/√5.

    The last dimension counts the texts with no word of the vocabulary: all of these are alike.
    """

    def __init__(self, vocabulary: Sequence[str], *, name: str = "fake", max_tokens: int = 64) -> None:
        self.vocabulary = tuple(vocabulary)
        self.name = name
        self.max_tokens = max_tokens
        self.encoded: list[str] = []  # every text that was ever encoded, in order

    @property
    def fingerprint(self) -> str:
        """The vocabulary itself."""
        return "fake:" + ",".join(self.vocabulary)

    @property
    def dim(self) -> int:
        """One dimension a word, and one for "none of them"."""
        return len(self.vocabulary) + 1

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Normalised counts, shape (len(texts), dim)."""
        self.encoded.extend(texts)
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                if word in self.vocabulary:
                    vectors[row, self.vocabulary.index(word)] += 1
            if not vectors[row].any():
                vectors[row, -1] = 1
            vectors[row] /= np.linalg.norm(vectors[row])
        return vectors

    def count_tokens(self, text: str) -> int:
        """Words, and two special tokens."""
        return len(text.split()) + 2


class ScriptedGeneration:
    """The words of one script, one by one."""

    def __init__(self, text: str, stats: GenerationStats, sampling: Sampling, cancel: Event | None) -> None:
        self._pieces = iter(re.findall(r"\S+\s*", text)[: sampling.max_tokens])
        self._cancel = cancel
        self._closed = False
        self.stats = stats

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._closed or (self._cancel is not None and self._cancel.is_set()):
            self.stats = replace(self.stats, finish="cancelled")
            raise StopIteration
        piece: str = next(self._pieces)
        self.stats = replace(self.stats, new_tokens=self.stats.new_tokens + 1)
        return piece

    def close(self) -> None:
        """End here."""
        self._closed = True


class ScriptedGenerator:
    """Says what the script says: a fixed text, or a function of the prompt. One word is one token."""

    def __init__(
        self,
        script: str | Callable[[Prompt], str],
        *,
        choices: Callable[[Prompt, Sequence[str]], tuple[float, ...]] | None = None,
        likelihoods: Callable[[Prompt], float] | None = None,
        scores: Callable[[Prompt], NDArray[np.float32]] | None = None,
        context_tokens: int = 4096,
    ) -> None:
        self._script = script
        self._choices = choices
        self._likelihoods = likelihoods
        self._scores = scores
        self.info = ModelInfo(name="scripted", device="cpu", context_tokens=context_tokens)
        self.prompts: list[Prompt] = []  # every prompt that was generated from, in order
        self.asked: list[Prompt] = []  # every prompt that was put to `choose` or `scores`
        self.measured: list[Prompt] = []  # every prompt that was put to `read`
        self.glanced: list[Prompt] = []  # … and those of them whose likelihood was not wanted
        self.readings = 0  # calls of `read`
        self.warmed: list[Prompt] = []
        self.closed = False

    def generate(self, prompt: Prompt, sampling: Sampling, cancel: Event | None = None) -> ScriptedGeneration:
        """Start the script."""
        self.prompts.append(prompt)
        text = self._script if isinstance(self._script, str) else self._script(prompt)
        tokens = sum(self.count_tokens(message.content) for message in prompt.messages)
        return ScriptedGeneration(text, GenerationStats(prompt_tokens=tokens), sampling, cancel)

    def choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        """What `choices` gives; without it, all for the first option."""
        self.asked.append(prompt)
        if self._choices is not None:
            return self._choices(prompt, options)
        return (1.0,) + (0.0,) * (len(options) - 1)

    def scores(self, prompt: Prompt) -> NDArray[np.float32] | None:
        """What the function of that name gives; without it, they are not told."""
        self.asked.append(prompt)
        return self._scores(prompt) if self._scores is not None else None

    def read(self, prompts: Sequence[Prompt], *, likelihood: bool = True) -> tuple[Reading, ...] | None:
        """Likelihoods by the function of that name, and scores; without it, nothing is told."""
        self.measured.extend(prompts)
        if not likelihood:
            self.glanced.extend(prompts)
        self.readings += 1
        if self._likelihoods is None:
            return None
        scores = self._scores or (lambda _: np.zeros(1, dtype=np.float32))
        told = self._likelihoods if likelihood else lambda _: None
        return tuple(Reading(told(prompt), scores(prompt)) for prompt in prompts)

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())

    def warm(self, prompts: Sequence[Prompt]) -> None:
        """Remember what was asked for."""
        self.warmed.extend(prompts)

    def close(self) -> None:
        """Remember it."""
        self.closed = True
