"""Several texts in one context of llama.cpp, each in a stream of cells of its own, written in one batch.

What one text reads of its stream is what it would read alone: another text never lies between its cells, as it would in
a context whose cells are shared. The matrix kernels compute up to three rows as they compute one, and take four rows
together in another way (where weights are repacked). So in batches of at most three, each text gets bit for bit the
scores that it would get alone. Also, shared cells would all be looked at by every text, which takes time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag_faq.errors import EngineError
from rag_faq.generation.llama import LlamaModel, State, as_bytes, sequence_state
from rag_faq.generation.sampler import Sampler

# Texts of one batch on the CPU, so that none is computed otherwise than alone.
ABREAST = 3

# A state begins with a mark, the number of the sequence, and that of the context's streams; then comes, for each
# stream, how many cells the sequence has in it, and what they hold. A sequence has cells in its own stream only.
_COUNT_AT, _CELLS_AT, _WORD = 8, 12, 4


class Streams:
    """A context with `count` streams of `tokens` cells each. EngineError when there is no room for it. `free` it."""

    def __init__(self, model: LlamaModel, count: int, tokens: int) -> None:
        self.count = count
        self.tokens = tokens
        self._api = api = model.api
        self._context: int | None = model.new_context(count * tokens, batch=max(count, 2), streams=count)
        self._memory = api.llama_get_memory(self._context)
        self._batch = api.llama_batch_init(count, 0, 1)

    def put(self, stream: int, state: State) -> bool:
        """Fill a stream with the state of a whole text, as `LlamaModel.whole` or `take` give it; False when refused."""
        if _word(state, _COUNT_AT) != 1:
            return False
        counts = np.zeros(self.count, dtype="<u4").view(np.uint8)
        before, after = counts[: stream * _WORD], counts[(stream + 1) * _WORD :]
        head = np.array([self.count], dtype="<u4").view(np.uint8)
        own = np.concatenate([state[:_COUNT_AT], head, before, state[_CELLS_AT:], after])
        return bool(self._api.llama_state_seq_set_data(self._context, as_bytes(own), own.nbytes, stream))

    def take(self, stream: int) -> State:
        """The state of a stream's text, as of a context with this one stream. The text stays where it is."""
        state = sequence_state(self._api, self._context, stream)
        if _word(state, _COUNT_AT) != self.count:
            raise EngineError("llama.cpp gave its state in a form that is not known")
        one = np.array([1], dtype="<u4").view(np.uint8)
        end = state.nbytes - (self.count - 1 - stream) * _WORD
        return np.concatenate([state[:_COUNT_AT], one, state[_CELLS_AT + stream * _WORD : end]])

    def remove(self, stream: int) -> None:
        """Empty a stream."""
        self._api.llama_memory_seq_rm(self._memory, stream, -1, -1)

    def decode(self, next_tokens: Sequence[tuple[int, int]]) -> None:
        """Read one more token of each of the first streams: (token, its position) of streams 0, 1, 2."""
        batch = self._batch
        for stream, (token, position) in enumerate(next_tokens):
            batch.token[stream] = token
            batch.pos[stream] = position
            batch.n_seq_id[stream] = 1
            batch.seq_id[stream][0] = stream
            batch.logits[stream] = 1
        batch.n_tokens = len(next_tokens)
        code = self._api.llama_decode(self._context, batch)
        if code != 0:
            raise EngineError(f"llama.cpp stopped while it wrote {len(next_tokens)} texts (code {code})")

    def sample(self, sampler: Sampler, stream: int) -> int:
        """The token that follows in this stream, after `decode`."""
        return sampler.next(self._context, stream)

    def free(self) -> None:
        """Give the memory back. Doing it twice is harmless."""
        if self._context:
            self._api.llama_free(self._context)
            self._api.llama_batch_free(self._batch)
            self._context = None


def _word(state: State, at: int) -> int:
    return int(state[at : at + _WORD].view("<u4")[0]) if state.nbytes >= at + _WORD else -1
