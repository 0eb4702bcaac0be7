"""llama.cpp with nothing of ours around it, for measuring: what this machine gives at best.

One context with the engine's parameters, but for one sequence only and for large batches; no kept states, no threads
of ours. The engine's speed is held against it, and `rag-faq doctor --bench` tries with it how a model is best loaded.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag_faq.errors import EngineError
from rag_faq.generation.loading import Layout, Room, context_params, library, model_params

_BATCH = 512  # the most tokens that are read at once
_TEXT = b"A question of the FAQ, its answer, and what is asked about both of them by somebody who reads it. "


class RawModel:
    """A model that reads and writes as fast as llama.cpp lets it. Made by `raw_model`. Belongs to one thread."""

    def __init__(self, path: Path, layout: Layout) -> None:
        """Load it. EngineError when llama.cpp cannot."""
        self._api = api = library().api
        self._context = self._sampler = None
        start = time.perf_counter()
        self._model = api.llama_model_load_from_file(str(path).encode(), model_params(api, layout))
        if not self._model:
            raise EngineError(f"{path.name} does not load", mend="rag-faq models verify")
        cells = min(layout.context_tokens, api.llama_model_n_ctx_train(self._model))
        params = context_params(api, layout, Room(cells, _BATCH, sequences=1, scored=1, shared=False))
        self._context = api.llama_init_from_model(self._model, params)
        if not self._context:
            self.free()
            raise EngineError(f"There is no room for a context of {layout.context_tokens} tokens for {path.name}")
        self.load_s = time.perf_counter() - start
        self._memory = api.llama_get_memory(self._context)
        self._sampler = api.llama_sampler_init_greedy()

    def use_threads(self, threads: int) -> None:
        """From now on compute with so many threads."""
        self._api.llama_set_n_threads(self._context, threads, threads)

    def sample_tokens(self, count: int) -> list[int]:
        """`count` tokens of plain text. Which ones does not matter for the speed."""
        vocabulary = self._api.llama_model_get_vocab(self._model)
        room = len(_TEXT) + 8
        found = (ctypes.c_int32 * room)()
        made = self._api.llama_tokenize(vocabulary, _TEXT, len(_TEXT), found, room, False, False)
        if made <= 0:
            raise EngineError("The model cannot take a plain text apart into tokens")
        tokens = [int(token) for token in found[:made]]
        return (tokens * (count // len(tokens) + 1))[:count]

    def clear(self) -> None:
        """Forget everything that was read."""
        self._api.llama_memory_clear(self._memory, False)

    def read(self, tokens: Sequence[int], piece: int = _BATCH) -> float:
        """Read the tokens behind what was read before, in batches of `piece` (at most 512); gives seconds."""
        start = time.perf_counter()
        for begin in range(0, len(tokens), piece):
            self._decode(tokens[begin : begin + piece])
        self._api.llama_synchronize(self._context)
        return time.perf_counter() - start

    def write(self, count: int) -> float:
        """Write so many tokens, the likeliest each time, ends of text among them; gives seconds."""
        start = time.perf_counter()
        for _ in range(count):
            self._decode([int(self._api.llama_sampler_sample(self._sampler, self._context, -1))])
        self._api.llama_synchronize(self._context)
        return time.perf_counter() - start

    def free(self) -> None:
        """Give the memory back. Doing it twice is harmless."""
        if self._sampler:
            self._api.llama_sampler_free(self._sampler)
        if self._context:
            self._api.llama_free(self._context)
        if self._model:
            self._api.llama_model_free(self._model)
        self._sampler = self._context = self._model = None

    def _decode(self, tokens: Sequence[int]) -> None:
        values = (ctypes.c_int32 * len(tokens))(*tokens)
        code = self._api.llama_decode(self._context, self._api.llama_batch_get_one(values, len(tokens)))
        if code != 0:
            raise EngineError(f"llama.cpp stopped while it read {len(tokens)} tokens (code {code})")


@contextmanager
def raw_model(path: Path, layout: Layout) -> Iterator[RawModel]:
    """A model for measuring, freed at the end."""
    model = RawModel(path, layout)
    try:
        yield model
    finally:
        model.free()
