"""The language model on another machine, or in another process: any OpenAI-compatible server behind `Generator`.

An event loop of its own thread holds the connections, so that a caller who leaves, or was cancelled, closes his one at
once, even while the server still reads his prompt: that is how these servers learn that nobody waits any more.
"""

from __future__ import annotations

import json
import logging
import queue
import weakref
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import Any, TypeAlias, TypeVar

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from rag_faq.errors import EngineError, QuestionError, SettingsError
from rag_faq.generation import openai_wire as wire
from rag_faq.generation.generator import GenerationStats, Sampling
from rag_faq.generation.openai_link import Link, NotTakenError
from rag_faq.records import ModelInfo, Prompt

log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_LOOK_S = 0.05  # how often a caller who waits looks whether it was cancelled
_CHOICE_TOKENS = 8
_TOKENISERS = ("/tokenize", "/extras/tokenize/count")  # vLLM, llama.cpp and SGLang; llama-cpp-python

T = TypeVar("T")
Item: TypeAlias = str | GenerationStats | EngineError | QuestionError


@dataclass(slots=True)
class _Known:
    """What the server told of itself."""

    model: str
    context_tokens: int
    tokeniser: str = ""  # path under the address' root; empty: none
    tops: tuple[int, ...] = wire.TOPS  # how many probabilities it may be asked for; empty: it tells none


@dataclass(slots=True)
class _Tasks:
    """What is under way. Nothing begins any more once it is closed."""

    lock: Lock = field(default_factory=Lock)
    running: set[Future[Any]] = field(default_factory=set)
    closed: bool = False


@dataclass(slots=True)
class _Run:
    """One message on its way: what the loop's task and the caller share."""

    prompt: Prompt
    sampling: Sampling
    output: queue.SimpleQueue[Item] = field(default_factory=queue.SimpleQueue)


class ServerGeneration:
    """One message as it comes. Dropping or closing it closes the connection, which ends the server's work on it."""

    def __init__(self, run: _Run, task: Future[None] | None, cancel: Event | None) -> None:
        self._run = run
        self._task = task  # None: it was cancelled before it began
        self._cancel = cancel
        self._pieces = 0
        self.stats = GenerationStats(finish="stop" if task else "cancelled")
        if task is not None:  # also where it is hung up before it wrote anything: nobody may wait for ever
            task.add_done_callback(lambda _: run.output.put(_hung_up()))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while self._task is not None:
            if self._cancel is not None and self._cancel.is_set():
                self.close()
                break
            try:
                item = self._run.output.get(timeout=_LOOK_S if self._cancel is not None else None)
            except queue.Empty:
                continue
            if isinstance(item, str):
                self._pieces += 1
                return item
            self._task = None
            if not isinstance(item, GenerationStats):
                raise item
            self.stats = item
        raise StopIteration

    def close(self) -> None:
        """Hang up. Closing twice is harmless."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self.stats = replace(wire.estimated_stats(self._run.prompt, self._pieces), finish="cancelled")

    def __del__(self) -> None:
        self.close()


class OpenAIServer:
    """A model behind an OpenAI-compatible server. Safe for many threads; the server decides who waits."""

    def __init__(
        self,
        address: wire.Address,
        known: _Known,
        link: Link,
        portal: BlockingPortal,
        ends: ExitStack,
    ) -> None:
        """Join the parts, which `ends` closes; `OpenAIServer.connect` makes them."""
        self._address = address
        self._portal = portal
        self._link = link
        self._known = known
        self._tasks = _Tasks()
        # Also at the interpreter's end, which must not find the loop in the middle of a request.
        self._close = weakref.finalize(self, _hang_up, ends, self._tasks)

    @classmethod
    def connect(
        cls, address: wire.Address, *, api_key: str = "", context_tokens: int = 4096, patience_s: float = 120.0
    ) -> OpenAIServer:
        """A client of the server at `address`.

        What the server tells of itself (the model's context, whether it counts tokens) is asked now. A server that
        does not answer now may do so later: it is given `context_tokens`. `patience_s` is the longest silence that is
        borne. EngineError when the server is not there and `address` names no model; SettingsError for an `api_key`
        that cannot be sent.
        """
        if not (api_key.isascii() and api_key.isprintable()):
            raise SettingsError("The key for the model's server holds characters that no key has", mend=wire.MEND_KEY)
        ends = ExitStack()
        portal = ends.enter_context(start_blocking_portal(name="rag-faq model server"))
        client = httpx.AsyncClient(
            headers={"authorization": f"Bearer {api_key}"} if api_key else None,
            timeout=httpx.Timeout(patience_s, connect=min(_CONNECT_S, patience_s)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=8),
        )
        ends.callback(portal.call, client.aclose)
        server = cls(address, _Known(address.model, context_tokens), Link(address, client), portal, ends)
        try:
            server._call(server._learn)
        except EngineError as error:
            if not address.model:
                server.close()
                raise
            log.warning("the model's server cannot be asked yet: %s", error)
        return server

    @property
    def info(self) -> ModelInfo:
        """Which model, on which server."""
        return ModelInfo(
            name=self._known.model,
            device="server",  # which one is for the owner to know: this is shown to everybody
            context_tokens=self._known.context_tokens,
        )

    def generate(self, prompt: Prompt, sampling: Sampling, cancel: Event | None = None) -> ServerGeneration:
        """Start to write the assistant's next message.

        What goes wrong is raised where the text is taken: EngineError for a server that is down, silent, cut off or
        talks nonsense; QuestionError when the prompt does not fit the server's context.
        """
        run = _Run(prompt, sampling)
        if cancel is not None and cancel.is_set():
            return ServerGeneration(run, None, cancel)
        return ServerGeneration(run, self._start(self._write, run), cancel)

    def choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        """The probability of each option as the assistant's first token, normalised over the options.

        Where the server tells no probabilities, the option that the model writes counts as probable at nine to one.
        ValueError when two options begin alike.
        """
        if len({option[:1] for option in options}) < len(options) or "" in options:
            raise ValueError(f"the options {list(options)} do not differ in how they begin")
        return self._call(self._choose, prompt, options)

    def scores(self, prompt: Prompt) -> None:
        """Not told: the interface of these servers gives the probabilities of a few tokens only."""

    def read(self, prompts: Sequence[Prompt], *, likelihood: bool = True) -> None:
        """Not told: the interface of these servers gives probabilities of what is written only."""

    def count_tokens(self, text: str) -> int:
        """How many tokens this text takes in this model; more than it takes, where the server cannot count."""
        if self._known.tokeniser and text:
            try:
                return self._call(self._count, text)
            except EngineError as error:
                log.info("tokens are estimated: %s", error)
        return wire.estimated_tokens(text)

    def warm(self, prompts: Sequence[Prompt]) -> None:
        """Nothing: these servers keep the states of prefixes themselves, as they come."""

    def close(self) -> None:
        """Hang up whatever is under way. Closing twice is harmless."""
        self._close()

    # -- in the loop's thread -------------------------------------------------------------------------------------

    def _start(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> Future[T]:
        with self._tasks.lock:
            if self._tasks.closed:
                raise _hung_up()
            task = self._portal.start_task_soon(work, *arguments)
            self._tasks.running.add(task)
        task.add_done_callback(self._tasks.running.discard)
        return task

    def _call(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        task = self._start(work, *arguments)
        try:
            return task.result()
        except CancelledError:
            raise _hung_up() from None
        finally:
            task.cancel()  # an interrupted caller hangs up

    async def _write(self, run: _Run) -> None:
        """Put the pieces of a message into `run.output`, and at the end the statistics or the error."""
        try:
            run.output.put(await self._stream(run))
        except (EngineError, QuestionError) as error:
            run.output.put(error)

    async def _stream(self, run: _Run) -> GenerationStats:
        asked = wire.writing_request(run.prompt, self._known.model, run.sampling)
        stats, finish, pieces = GenerationStats(), "", 0
        async with self._link.request("POST", self._chat, asked) as response:
            async for piece in wire.pieces(response.headers.get("content-type", ""), response.aiter_bytes()):
                if piece.text and pieces == run.sampling.max_tokens:  # a server that does not know when to stop
                    finish = "length"
                    break
                if piece.text:
                    pieces += 1
                    run.output.put(piece.text)
                finish = piece.finish or finish
                stats = stats if piece.usage is None else wire.told_usage(piece.usage)
        if not finish:
            raise wire.not_reached(self._address, f"broke off after {pieces} pieces of the answer")
        stats = stats if stats.new_tokens else wire.estimated_stats(run.prompt, pieces)
        return replace(stats, finish="length" if finish == "length" else "stop")

    async def _choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        asked = {**wire.chat_request(prompt, self._known.model), "temperature": 0.0, "seed": 0}
        for top in self._known.tops:
            try:
                more = {**asked, "max_tokens": 1, "logprobs": True, "top_logprobs": top}
                _, tokens = wire.first_tokens(await self._link.json("POST", self._chat, more))
            except NotTakenError:
                continue
            if tokens:
                self._known.tops = (top,)
                return wire.weigh_options(tokens, options)
            break
        said = (await self._said(asked, options)).strip().strip("\"'*.").lower()
        self._known.tops = ()  # it answers, but not with probabilities
        return wire.weigh_said(said, options)

    async def _said(self, asked: dict[str, Any], options: Sequence[str]) -> str:
        """The option that the model writes: the server is asked to let it write nothing else, if it knows how to."""
        schema = {"name": "choice", "strict": True, "schema": {"type": "string", "enum": list(options)}}
        free = {**asked, "max_tokens": _CHOICE_TOKENS}
        bound = {**free, "response_format": {"type": "json_schema", "json_schema": schema}}
        try:
            return wire.first_tokens(await self._link.json("POST", self._chat, bound))[0]
        except NotTakenError:
            return wire.first_tokens(await self._link.json("POST", self._chat, free))[0]

    async def _count(self, text: str) -> int:
        # One request for all servers: each takes its own field and passes over the others.
        fields = dict.fromkeys(("content", "prompt", "input"), wire.without_marks(text))
        asked = {"model": self._known.model, "add_special_tokens": False, **fields}
        found = await self._link.json("POST", self._address.root + self._known.tokeniser, asked)
        count = found.get("count")
        tokens = found.get("tokens")
        if isinstance(count, int):
            return count
        if isinstance(tokens, list):
            return len(tokens)
        raise wire.nonsense(json.dumps(found))

    async def _learn(self) -> None:
        """Ask the server for its models, and which way it counts tokens."""
        found = (await self._link.json("GET", f"{self._address.base}/models")).get("data")
        models = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
        if not models:
            raise wire.nonsense("a list of no models")
        named = [model for model in models if model.get("id") == self._address.model]
        # llama.cpp's server has one model, and takes it by any name.
        about = named[0] if named else models[0] if len(models) == 1 or not self._address.model else {}
        self._known.model = self._address.model or str(about.get("id"))
        self._known.context_tokens = wire.told_context(about) or self._known.context_tokens
        for path in _TOKENISERS:
            self._known.tokeniser = path
            try:
                if await self._count("one") > 0:
                    return
            except EngineError:
                pass
        self._known.tokeniser = ""

    @property
    def _chat(self) -> str:
        return f"{self._address.base}/chat/completions"


def _hang_up(ends: ExitStack, tasks: _Tasks) -> None:
    with tasks.lock:
        tasks.closed = True
    for task in tuple(tasks.running):
        task.cancel()
    ends.close()


def _hung_up() -> EngineError:
    return EngineError("The connection to the model's server was closed", mend="load the chatbot again")
