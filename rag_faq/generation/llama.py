"""llama.cpp in this process: one model with one context, through the C interface of llama-cpp-python.

The high-level `llama_cpp.Llama` is not used: it takes half of the cores, and keeping a state with it copies the scores
of the whole context. What is here is as thin as can be: no policy, no threads. Tokenising is safe from any thread;
everything else belongs to one thread.
"""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag_faq.errors import EngineError
from rag_faq.generation.loading import (
    Layout,
    Room,
    context_params,
    does_not_load,
    library,
    model_params,
)
from rag_faq.generation.sampler import Sampler
from rag_faq.generation.template import ALIGNMENT

State: TypeAlias = NDArray[np.uint8]  # (bytes,): what llama.cpp wrote of a run of tokens

# Tokens of one batch of a prompt. Small enough that a caller can be stopped soon, large enough for full speed.
PIECE = 64
# Tokens of one batch of which each is scored: the scores of a token take room for every word that there is.
SCORED = 32
# A batch of 1 to 7 tokens takes other kernels than a larger one and rounds otherwise: the last batch of a part is made
# longer rather than leaving so few behind.
LEAST = 8
# Kernels for Intel's and AMD's processors take sixteen rows together where they can, in 1.7 times the time of four.
# With the last group of four filled up as well, 28 rows took 0.339 s instead of 0.364 s.
_GROUP = 16 if platform.machine().lower() in ("x86_64", "amd64") else ALIGNMENT
MOST_FILLING = 2 * ALIGNMENT
# So many scores in one batch are each computed as if alone; more take those other kernels, and differ from them by
# rounding, in the sixth place.
FEW = 3

# Sequences of the context: the text that is read, and others that are read beside it.
TEXT = 0
BESIDE = range(1, 8)
_SCRATCH = 8  # through which states pass, and for rows that only fill up a batch
_FILLING, _HOLES = 9, 10  # cells that only keep others in their places


@dataclass(frozen=True, slots=True)
class Row:
    """One token of a batch, and the sequence that it is part of. `scored`: what follows it is wanted."""

    token: int
    position: int
    scored: bool = False
    sequence: int = TEXT


class LlamaModel:
    """A loaded model and its context. Raises EngineError when it does not load; `free` gives the memory back."""

    def __init__(self, path: Path, layout: Layout) -> None:
        lib = library()
        self.api = api = lib.api
        self._lock = threading.Lock()  # of tokenising against `free`
        self._model: int | None = None
        self._context: int | None = None
        lib.messages.complaints.clear()
        self._model = api.llama_model_load_from_file(str(path).encode(), model_params(api, layout))
        if not self._model:
            raise does_not_load(path, lib.messages)
        if not api.llama_model_has_decoder(self._model) or api.llama_model_is_diffusion(self._model):
            self.free()
            raise EngineError(f"{path} is no model that writes text", expected="a chat model in GGUF format")
        self._vocab = api.llama_model_get_vocab(self._model)
        self.vocabulary_size: int = api.llama_vocab_n_tokens(self._vocab)
        self._layout = layout
        self.context_tokens: int = min(layout.context_tokens, api.llama_model_n_ctx_train(self._model))
        try:
            self._context = self.new_context(self.context_tokens, batch=PIECE + LEAST)
        except EngineError as error:
            self.free()
            raise does_not_load(path, lib.messages) from error
        self._memory = api.llama_get_memory(self._context)
        self._batch = api.llama_batch_init(PIECE + LEAST, 0, 1)
        self._last = 0  # the last scored row of the last batch
        self.on_gpu = layout.gpu_layers != 0
        self.layers: int = api.llama_model_n_layer(self._model)
        # A recurrent model has no cells that could be kept one by one.
        self.keeps_states: bool = not (
            api.llama_model_is_recurrent(self._model) or api.llama_model_is_hybrid(self._model)
        )

    # -- words and tokens -----------------------------------------------------------------------------------------

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """The tokens of `text`. With `special`, marks such as <|im_end|> become control tokens. Adds none by itself."""
        raw = text.encode("utf-8", errors="replace")
        with self._lock:
            if self._model is None:
                raise EngineError("The model was closed")
            room = len(raw) + 8
            found = (ctypes.c_int32 * room)()
            count = self.api.llama_tokenize(self._vocab, raw, len(raw), found, room, False, special)
            if count < 0:
                raise EngineError(f"The model cannot take this text apart into tokens ({len(raw)} bytes)")
            return list(found[:count])

    def text_of(self, token: int, *, special: bool = False) -> bytes:
        """The bytes that a token stands for; a control token stands for none, unless `special`."""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = self.api.llama_token_to_piece(self._vocab, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def is_end(self, token: int) -> bool:
        """True for the tokens by which a model ends its message."""
        return bool(self.api.llama_vocab_is_eog(self._vocab, token))

    def is_control(self, token: int) -> bool:
        """True for tokens that are marks and not text."""
        return bool(self.api.llama_vocab_is_control(self._vocab, token)) or self.is_end(token)

    @property
    def bos(self) -> int | None:
        """The token that must begin every text; `None` where the model wants none."""
        if not self.api.llama_vocab_get_add_bos(self._vocab):
            return None
        token: int = self.api.llama_vocab_bos(self._vocab)
        return token if token >= 0 else None

    def mark(self, which: str) -> str:
        """The text of the "bos" or "eos" token, for the chat template; empty where there is none."""
        token: int = getattr(self.api, f"llama_vocab_{which}")(self._vocab)
        return self.text_of(token, special=True).decode("utf-8", errors="replace") if token >= 0 else ""

    def chat_template(self) -> str | None:
        """The chat template of the file."""
        raw = self.api.llama_model_chat_template(self._model, None)
        return raw.decode("utf-8", errors="replace") if raw else None

    # -- the context ------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget everything. States restored after this lie in the cells where they were computed."""
        self.api.llama_memory_clear(self._memory, False)

    def decode(self, tokens: list[int], position: int, *, logits: bool) -> None:
        """Read at most PIECE + LEAST tokens, the first at `position`. `logits`: what follows the last is wanted."""
        last = len(tokens) - 1
        self.run([Row(token, position + i, logits and i == last) for i, token in enumerate(tokens)])

    def run(self, rows: Sequence[Row], *, many_scores: bool = False) -> None:
        """Read a batch of at most PIECE + LEAST rows, of which at most SCORED + LEAST are scored.

        The matrix kernels for repacked weights take four rows together, and what is left over one by one, which rounds
        otherwise. So a batch is filled up with rows of no meaning: then none is computed otherwise than in any other
        batch. (A single row is always by itself.) With scores it is the same: at most FEW of them are computed quickly
        and as each would be alone; with `many_scores` they are filled up with scores that nobody wants, and equal those
        of any other batch of that kind.
        """
        batch = self._batch
        filling = scored = 0
        if len(rows) >= LEAST:
            filling = -len(rows) % ALIGNMENT
            wide = -len(rows) % _GROUP
            if wide < MOST_FILLING and rows[-1].position + wide < self.context_tokens:
                filling = wide
            scored = sum(row.scored for row in rows)
            scored = max(LEAST - scored, -scored % ALIGNMENT) if scored and many_scores else 0
        filled = (*rows, *(Row(rows[0].token, n, False, _SCRATCH) for n in range(filling)))
        for i, row in enumerate(filled):
            batch.token[i] = row.token
            batch.pos[i] = row.position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = row.sequence
            batch.logits[i] = row.scored or scored > 0
            scored -= not row.scored
            self._last = i if row.scored else self._last
        batch.n_tokens = len(filled)
        code = self.api.llama_decode(self._context, batch)
        if filling:
            self.api.llama_memory_seq_rm(self._memory, _SCRATCH, -1, -1)
        if code != 0:
            raise EngineError(f"llama.cpp stopped while it read {len(rows)} tokens (code {code})")

    def logits(self, place: int | None = None) -> NDArray[np.float32]:
        """Scores of every token as the next one, shape (vocabulary_size,), behind a scored row; by default the last."""
        return self._scores(self._last if place is None else place).copy()

    def log_probability(self, place: int, token: int) -> float:
        """Of this token behind a scored row of the last batch."""
        scores = self._scores(place)
        highest = scores.max()
        return float(scores[token] - highest - np.log(np.exp(scores - highest).sum(dtype=np.float64)))

    def _scores(self, place: int) -> NDArray[np.float32]:
        pointer = self.api.llama_get_logits_ith(self._context, place)
        return np.ctypeslib.as_array(pointer, shape=(self.vocabulary_size,))

    def state(self, start: int, end: int, sequence: int = TEXT) -> State:
        """What the context holds of the tokens of a sequence from `start` up to `end`, without those before them."""
        self.api.llama_memory_seq_cp(self._memory, sequence, _SCRATCH, start, end)
        try:
            return sequence_state(self.api, self._context, _SCRATCH)
        finally:
            self.api.llama_memory_seq_rm(self._memory, _SCRATCH, -1, -1)

    def restore(self, state: State, sequence: int = TEXT) -> bool:
        """Put a state behind those restored before it. False when llama.cpp refuses it; nothing is changed then."""
        taken = self.api.llama_state_seq_set_data(self._context, as_bytes(state), state.nbytes, _SCRATCH)
        if taken:
            self.api.llama_memory_seq_cp(self._memory, _SCRATCH, sequence, -1, -1)
        self.api.llama_memory_seq_rm(self._memory, _SCRATCH, -1, -1)
        return bool(taken)

    def occupy(self, cells: int, *, lasting: bool) -> None:
        """Take so many cells from the texts that follow, until `clear`, or unless `lasting` until `vacate`.

        Copies of the text's first tokens, of which there must be some, stand there, and no text looks at them.
        """
        held = int(self.api.llama_memory_seq_pos_max(self._memory, TEXT)) + 1
        while cells > 0:
            count = min(cells, held)
            self.restore(self.state(0, count), _FILLING if lasting else _HOLES)
            cells -= count

    def vacate(self) -> None:
        """Free the cells that were taken for a time: the rows of the next batch come to lie there, in their order."""
        self.api.llama_memory_seq_rm(self._memory, _HOLES, -1, -1)

    def whole(self) -> State:
        """What the context holds of the whole text."""
        return sequence_state(self.api, self._context, TEXT)

    def sampler(self, temperature: float, seed: int) -> Sampler:
        """Chooses tokens: the likeliest at temperature 0, else by chance among the likeliest 95%."""
        return Sampler(self.api, temperature, seed)

    def sample(self, sampler: Sampler) -> int:
        """The token that follows, after a `decode` with `logits`."""
        return sampler.next(self._context, self._last)

    def new_context(self, cells: int, *, batch: int, streams: int = 0) -> int:
        """A context of llama.cpp for this model, which whoever asked for it frees; EngineError when there is no room.

        Without `streams` its cells are one pool for all sequences; else each of so many sequences has its share.
        """
        sequences, scored = (streams, streams) if streams else (_HOLES + 1, SCORED + LEAST)
        params = context_params(self.api, self._layout, Room(cells, batch, sequences, scored, shared=not streams))
        context: int | None = self.api.llama_init_from_model(self._model, params)
        if not context:
            raise EngineError(f"There is no room for a context of {cells} tokens")
        return context

    def free(self) -> None:
        """Give the memory back. Doing it twice is harmless."""
        with self._lock:
            if self._context:
                self.api.llama_free(self._context)
                self.api.llama_batch_free(self._batch)
                self._context = None
            if self._model:
                self.api.llama_model_free(self._model)
                self._model = None


def as_bytes(state: State) -> Any:
    """A pointer to the state's bytes, for llama.cpp."""
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


def sequence_state(api: Any, context: int | None, sequence: int) -> State:
    """What a context holds of one sequence. EngineError when llama.cpp does not give all of it."""
    size = api.llama_state_seq_get_size(context, sequence)
    state = np.empty(size, dtype=np.uint8)
    wrote = api.llama_state_seq_get_data(context, as_bytes(state), size, sequence)
    if wrote != size:
        raise EngineError(f"llama.cpp gave {wrote} of {size} bytes of its state")
    return state
