"""The texts that are being written: one by itself, or several at once, a token of each in turn.

A text that is alone stays in the model's own context, where its prompt was read. When that is needed for somebody
else's prompt, the text moves to a context of streams, made when it is first needed and freed when nobody is served.
There up to three texts are written in one batch, each bit for bit as it would be alone; see `streams`. Where more are
written, they take turns: the state of one that has to sit out is kept aside, in a few milliseconds.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from rag_faq.errors import EngineError
from rag_faq.generation.generator import Finish, Sampling
from rag_faq.generation.hardware import available_memory
from rag_faq.generation.job import Job
from rag_faq.generation.llama import LlamaModel, State
from rag_faq.generation.streams import ABREAST, Streams
from rag_faq.generation.text_stream import TextStream

log = logging.getLogger(__name__)

_TURN = 4  # tokens of each text after which one that sat out takes the place of another
_STEP = 256  # a stream's length is a multiple of it
_SPARE = 128 * 2**20  # bytes of free memory that the streams leave


class Writer:
    """One text: what of it was chosen last, and where it goes on."""

    def __init__(self, job: Job, sampling: Sampling, model: LlamaModel) -> None:
        self.job = job
        self.sampler = model.sampler(sampling.temperature, sampling.seed)
        self.token = -1  # chosen and not yet read by the model
        self.position = len(job.prompt.tokens)  # of that token
        self.aside: State | None = None  # the model's state, while the text sits out
        self.most = sampling.max_tokens
        self._model = model
        self._text = TextStream(sampling.stop)

    @property
    def room(self) -> int:
        """The most tokens that prompt and text can come to."""
        return len(self.job.prompt.tokens) + self.most

    def take(self, token: int) -> Finish | None:
        """Give on the text of the next token. Tells when, and how, the whole text has come to its end."""
        if self.job.stopped:
            return "cancelled"
        if self._model.is_end(token):
            self.job.give(self._text.end())
            return "stop"
        written = self.job.stats.new_tokens + 1
        self.job.stats = replace(self.job.stats, new_tokens=written)
        self.job.give(self._text.feed(self._model.text_of(token)))
        if self._text.stopped:
            return "stop"
        if written >= self.most:
            self.job.give(self._text.end())
            return "length"
        self.token = token
        return None

    def end(self, outcome: Finish | EngineError) -> None:
        """The last word to the caller."""
        self.sampler.free()
        if isinstance(outcome, EngineError):
            self.job.fail(outcome)
        else:
            self.job.end(outcome)


class Desk:
    """Writes up to `most` texts. Belongs to one thread; only `len` is for any."""

    def __init__(self, model: LlamaModel, most: int) -> None:
        self._model = model
        self._most = most if model.keeps_states else 1  # only then can a text be moved
        self._alone: Writer | None = None  # in the model's own context
        self._streams: Streams | None = None
        self._seated: list[Writer] = []  # the first is in stream 0, and so on
        self._waiting: deque[Writer] = deque()  # for their turn
        self._tokens = 0  # written of each text since the last turn
        self._place = -1  # whose turn it was last to sit out

    def __len__(self) -> int:
        return (self._alone is not None) + len(self._seated) + len(self._waiting)

    def __iter__(self) -> Iterator[Writer]:
        return iter([*([self._alone] if self._alone else ()), *self._seated, *self._waiting])

    @property
    def can_read(self) -> bool:
        """True when a prompt can be read: the model's own context is, or can be made, free."""
        return self._alone is None or self._most > 1

    @property
    def can_write(self) -> bool:
        """True when there is a place for one more text."""
        return len(self) < self._most and self.can_read

    def make_way(self) -> bool:
        """Free the model's own context. False when it cannot be; then texts are written one after the other."""
        if self._alone is None:
            return True
        if self._most == 1 or not self._seat(self._alone):
            return False
        self._alone = None
        return True

    def sit_down(self, writer: Writer, first: int | None = None) -> None:
        """Begin a text whose prompt was just read in the model's own context; with its first token, if known."""
        if first is None and writer.most > 0:
            first = self._model.sample(writer.sampler)
        finish = "length" if first is None or writer.most <= 0 else writer.take(first)
        if finish is not None:
            writer.end(finish)
        elif not len(self) or not self._seat(writer):
            self._alone = writer

    def step(self) -> None:
        """Write every text one token further. Texts that nobody waits for are dropped first."""
        for writer in self:
            if writer.job.stopped:
                self._leave(writer, "cancelled")
        if self._alone is not None:
            self._step_alone(self._alone)
        if self._seated:
            self._step_seated()

    def end(self, error: EngineError | None = None) -> None:
        """End all texts: as cancelled, or with an error."""
        for writer in list(self):
            self._leave(writer, error or "cancelled")
        self.tidy()

    def tidy(self) -> None:
        """Free the context of the streams, if nobody uses it."""
        if self._streams is not None and not self._seated:
            self._streams.free()
            self._streams = None

    def _step_alone(self, writer: Writer) -> None:
        try:
            self._model.decode([writer.token], writer.position, logits=True)
        except EngineError as error:
            self._leave(writer, error)
            return
        writer.position += 1
        finish = writer.take(self._model.sample(writer.sampler))
        if finish is not None:
            self._leave(writer, finish)

    def _step_seated(self) -> None:
        assert self._streams is not None
        seated = list(self._seated)
        try:
            self._streams.decode([(writer.token, writer.position) for writer in seated])
        except EngineError as error:
            for writer in seated:
                self._leave(writer, error)
            return
        ends = []
        for stream, writer in enumerate(seated):
            writer.position += 1
            ends.append(writer.take(self._streams.sample(writer.sampler, stream)))
        for writer, finish in zip(seated, ends, strict=True):
            if finish is not None:
                self._leave(writer, finish)
        self._tokens += 1
        if self._waiting and self._tokens >= _TURN:
            self._turn()

    def _turn(self) -> None:
        """The text that waits for longest takes the place of one that was written; these sit out one after another."""
        assert self._streams is not None
        self._tokens = 0
        self._place = (self._place + 1) % len(self._seated)
        out, self._seated[self._place] = self._seated[self._place], self._waiting.popleft()
        out.aside = self._streams.take(self._place)
        self._put(self._place)
        self._waiting.append(out)

    def _seat(self, writer: Writer) -> bool:
        """Give a text that is in the model's own context a stream, or a place among those that wait for one."""
        try:
            state = self._model.whole()
            streams = self._streams_for(writer, state)
        except (EngineError, MemoryError) as error:
            self._most = 1
            log.warning("from now on, answers are written one after the other: %s", error)
            return False
        writer.aside = state
        if len(self._seated) < streams.count:
            self._seated.append(writer)
            self._put(len(self._seated) - 1)
        else:
            self._waiting.append(writer)
        return True

    def _streams_for(self, newcomer: Writer, state: State) -> Streams:
        """The streams, made or made longer where the longest text asks for it. EngineError when that cannot be."""
        longest = max(writer.room for writer in (*self, newcomer))
        tokens = min(self._model.context_tokens, -(-longest // _STEP) * _STEP)
        old = self._streams
        if old is not None and tokens <= old.tokens:
            return old
        abreast = self._most if self._model.on_gpu else min(ABREAST, self._most)
        count = max(2, min(abreast, 2 * self._model.context_tokens // tokens))
        needed = count * tokens * state.nbytes // newcomer.position + _SPARE
        free = available_memory()
        if free is not None and needed > free:
            raise EngineError(f"writing {count} at once takes {needed >> 20} MiB, and {free >> 20} MiB are left")
        new = Streams(self._model, count, tokens)
        if old is None and not (new.put(0, state) and np.array_equal(new.take(0), state)):
            new.free()
            raise EngineError("this build of llama.cpp does not give back the states of streams as they were")
        for stream, writer in enumerate(self._seated):
            assert old is not None
            writer.aside = old.take(stream)
        self._streams, displaced = new, self._seated[count:]
        del self._seated[count:]
        self._waiting.extendleft(reversed(displaced))
        for stream in range(len(self._seated)):
            self._put(stream)
        if old is not None:
            old.free()
        return new

    def _put(self, stream: int) -> None:
        """Bring the state of the writer who sits there into its stream."""
        writer = self._seated[stream]
        assert self._streams is not None
        assert writer.aside is not None
        if not self._streams.put(stream, writer.aside):
            raise EngineError(f"llama.cpp refuses the state of a text of {writer.position} tokens")
        writer.aside = None

    def _leave(self, writer: Writer, outcome: Finish | EngineError) -> None:
        """The end of a text: its caller is told, and its place is given to another one."""
        writer.end(outcome)
        if writer is self._alone:
            self._alone = None
        elif writer in self._waiting:
            self._waiting.remove(writer)
        else:
            self._vacate(self._seated.index(writer))

    def _vacate(self, stream: int) -> None:
        """Fill a stream that became empty, so that those in use stand side by side: only such make one batch."""
        assert self._streams is not None
        if self._waiting:
            self._seated[stream] = self._waiting.popleft()
            self._put(stream)
            return
        last = self._seated.pop()
        if stream < len(self._seated):
            last.aside = self._streams.take(len(self._seated))
            self._seated[stream] = last
            self._put(stream)
        self._streams.remove(len(self._seated))
