"""What goes over the wire between this package and an OpenAI-compatible server: addresses, requests, events, errors."""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag_faq.errors import EngineError, QuestionError, SettingsError
from rag_faq.generation.generator import GenerationStats, Sampling
from rag_faq.records import Prompt

PREFIX = "openai:"
MOST_BYTES = 2**20  # of one JSON answer, or of one event: a server that sends more talks nonsense
_SAID = 0.9  # the probability of what a model says, where its server tells no probabilities
# How many tokens' probabilities are asked for. An option may lie far down the list, where "Yes" and "No" are before
# "yes" and "no": llama.cpp's server tells as many as one likes, OpenAI's own interface and vLLM no more than 20.
TOPS = (200, 20)

_MEND_SERVER = "see that the server runs, then ask again; `rag-faq --set llm=none …` does without a model"
MEND_KEY = "set RAG_FAQ_LLM_API_KEY to the server's key"
_MEND_ADDRESS = "give the setting llm as openai:http://HOST:PORT/v1#MODEL"
_TOO_LONG = re.compile(r"context[ _](?:length|size|window)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

# The server renders the chat template and reads the whole with its marks, so a mark in a question or a document would
# act: a space takes it apart. <|…|> and its fullwidth form, the marks in angle brackets, [INST] and its like.
_MARK = re.compile(
    r"(?P<open><)(?=[|｜]|</?SYS>>|/?(?:s|bos|eos|pad|unk|think|tool_call|tool_response|(?:start|end)_of_turn|"
    r"(?:start|end)_of_\w+)>)|(?P<square>\[)(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])",
    re.IGNORECASE,
)
_PIECES = re.compile(r"[A-Za-z]+|\n+|[^\sA-Za-z]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and which of its models is meant; an empty model means its first."""

    base: str  # such as http://host:8000/v1, without a slash at its end
    model: str = ""

    @property
    def root(self) -> str:
        """The address without its /v1, where servers put what is not OpenAI's."""
        return self.base.removesuffix("/v1")


def parse_address(llm: str) -> Address:
    """`openai:http://host:8000/v1#model` → its address. SettingsError when it is no such thing."""
    from httpx import URL, InvalidURL

    place, _, model = llm.removeprefix(PREFIX).partition("#")
    try:
        url = URL(place.strip())
    except (InvalidURL, ValueError) as error:
        raise SettingsError(f"The address of the model's server is none ({error})", mend=_MEND_ADDRESS) from None
    if url.userinfo:  # it would stand in logs and on the page
        raise SettingsError("The address of the model's server holds a user name or a password", mend=MEND_KEY)
    if url.scheme not in ("http", "https") or not url.host or url.query:
        raise SettingsError(
            f"The setting llm names no server: {llm}", expected="openai:http://HOST:PORT/v1#MODEL", mend=_MEND_ADDRESS
        )
    return Address(str(url).rstrip("/"), model.strip())


def chat_request(prompt: Prompt, model: str) -> dict[str, Any]:
    """The messages for the server, with every template mark in them taken apart."""
    messages = [{"role": message.role, "content": without_marks(message.content)} for message in prompt.messages]
    return {"model": model, "messages": messages}


def writing_request(prompt: Prompt, model: str, sampling: Sampling) -> dict[str, Any]:
    """Asks for a streamed message."""
    asked: dict[str, Any] = {
        **chat_request(prompt, model),
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.stop:
        asked["stop"] = list(sampling.stop)
    return asked


def without_marks(text: str) -> str:
    """`text` in which no mark of a chat template is left whole: "<|im_end|>" becomes "< |im_end|>"."""
    whole = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair cannot be sent
    return _MARK.sub(lambda found: f"{found[0]} ", whole)


def estimated_tokens(text: str) -> int:
    """More tokens than `text` is likely to take: a token for four letters, for a sign, for a byte of other scripts."""
    return sum(
        math.ceil(len(piece) / 4)
        if piece[0].isascii() and piece[0].isalpha()
        else len(piece.encode("utf-8", "replace"))
        for piece in _PIECES.findall(text)
    )


class EventReader:
    """Takes a stream of server-sent events apart, in whatever pieces it comes."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        """The data of the events that end in this chunk. EngineError for one that has no end."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MOST_BYTES:
            raise nonsense("a line without an end")
        found: list[str] = []
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            if text.startswith("data:"):
                self._data.append(text[5:].removeprefix(" "))
            elif not text and self._data:
                found.append("\n".join(self._data))
                self._data = []
        return found


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event says: a piece of text, why the message ended, what it took."""

    text: str = ""
    finish: str = ""
    usage: Mapping[str, Any] | None = None


def read_piece(data: str) -> Piece:
    """One event of a streamed message. EngineError when the server reports an error there, or talks nonsense."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        raise nonsense(data) from None
    if not isinstance(event, dict):
        raise nonsense(data)
    if event.get("error"):
        raise EngineError(f"The model's server broke off: {_message(event)}", mend=_MEND_SERVER)
    choices, usage = event.get("choices"), event.get("usage")
    if not isinstance(choices, list):
        raise nonsense(data)
    first = choices[0] if choices else {}
    delta = first.get("delta", {}) if isinstance(first, dict) else None
    if not isinstance(delta, dict):
        raise nonsense(data)
    text = delta.get("content")
    finish = first.get("finish_reason")
    return Piece(
        text=text if isinstance(text, str) else "",
        finish=finish if isinstance(finish, str) else "",
        usage=usage if isinstance(usage, dict) else None,
    )


async def pieces(kind: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[Piece]:
    """The pieces of a streamed message, of content type `kind`, until its [DONE] or its end."""
    if not kind.startswith("text/event-stream"):
        raise nonsense(f"{kind or 'no type'} in the place of a stream of events")
    reader = EventReader()
    async for chunk in chunks:
        for data in reader.feed(chunk):
            if data.strip() == "[DONE]":
                return
            yield read_piece(data)


def told_context(model: Mapping[str, Any]) -> int:
    """The model's context in tokens, as vLLM and SGLang tell it, or llama.cpp; 0 where the server does not tell."""
    meta = model.get("meta")
    for found in (model.get("max_model_len"), meta.get("n_ctx") if isinstance(meta, dict) else None):
        if isinstance(found, int) and found > 0:
            return found
    return 0


def told_usage(usage: Mapping[str, Any]) -> GenerationStats:
    """What the server says that a message took."""
    details = usage.get("prompt_tokens_details")
    counts = [
        usage.get("prompt_tokens"),
        details.get("cached_tokens") if isinstance(details, dict) else 0,
        usage.get("completion_tokens"),
    ]
    prompt, cached, new = (count if isinstance(count, int) else 0 for count in counts)
    return GenerationStats(prompt_tokens=prompt, cached_tokens=cached, new_tokens=new)


def estimated_stats(prompt: Prompt, pieces: int) -> GenerationStats:
    """For a server that does not count."""
    tokens = sum(estimated_tokens(message.content) for message in prompt.messages)
    return GenerationStats(prompt_tokens=tokens, new_tokens=pieces)


def first_tokens(answer: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """Of a completion: its text, and the log-probabilities of the tokens that could have come first, if given."""
    try:
        choice = answer["choices"][0]
        text = choice["message"].get("content") or ""
        listed = ((choice.get("logprobs") or {}).get("content") or [{}])[0].get("top_logprobs") or []
        tokens: dict[str, float] = {}
        for item in listed:
            tokens.setdefault(str(item["token"]), float(item["logprob"]))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise nonsense(json.dumps(answer)[:300]) from None
    return str(text), {token: value for token, value in tokens.items() if not math.isnan(value)}


def weigh_options(tokens: Mapping[str, float], options: Sequence[str]) -> tuple[float, ...]:
    """The probability of each option out of those of the first tokens, normalised; even where no token begins one.

    A token counts for the option that it begins, as it is written; where no option is begun so, "Yes" and " yes" count
    for "yes" too. An option that is not among the tokens is at most as probable as the least probable of them.
    """
    top, least = max(tokens.values()), min(tokens.values())
    plain = [(token.strip().lower(), p) for token, p in tokens.items()]
    for forms in (list(tokens.items()), plain):
        found = [[p for token, p in forms if token and option.startswith(token)] for option in options]
        if any(found):
            weights = [sum(math.exp(p - top) for p in (ps or [least])) for ps in found]
            return tuple(weight / sum(weights) for weight in weights)
    return (1 / len(options),) * len(options)


def weigh_said(said: str, options: Sequence[str]) -> tuple[float, ...]:
    """The same, where only what the model writes is known: nine to one for the option that it begins with."""
    chosen = [said.startswith(option.lower()) for option in options]
    if sum(chosen) != 1:
        return (1 / len(options),) * len(options)
    return tuple(_SAID if it else (1 - _SAID) / (len(options) - 1) for it in chosen)


def refused(status: int, body: bytes, address: Address) -> EngineError | QuestionError:
    """The error for an answer that is not 200."""
    where, said = f"The model's server at {address.base}", _message(_object(body))
    if status in (400, 413, 422) and _TOO_LONG.search(said):
        return QuestionError(
            f"The prompt does not fit the context of the model's server: {said}",
            mend="ask a shorter question, or start the server with a larger context",
        )
    if status in (401, 403):
        return EngineError(f"{where} refuses the key ({status})", mend=MEND_KEY)
    if status == 404:
        return EngineError(
            f"{where} knows no model {address.model!r}, or no chat, there (404: {said})", mend=_MEND_ADDRESS
        )
    if status == 429:
        return EngineError(f"{where} has too much to do (429)", mend="ask again in a while")
    return EngineError(f"{where} answered with the error {status}: {said}", mend=_MEND_SERVER)


def not_reached(address: Address, reason: str) -> EngineError:
    """The error for a server that is not there, or is silent."""
    return EngineError(f"The model's server at {address.base} {reason}", mend=_MEND_SERVER)


def nonsense(data: str) -> EngineError:
    """The error for what is not OpenAI's format."""
    return EngineError(
        f"The model's server sent what is no answer: {_short(data)}",
        expected="an OpenAI-compatible server (vLLM, llama.cpp's server, SGLang)",
        mend=_MEND_ADDRESS,
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"message": body.decode("utf-8", "replace")}


def _message(answer: Mapping[str, Any]) -> str:
    """What the server says of its error, wherever it puts that."""
    inner = answer.get("error")
    found = inner.get("message") if isinstance(inner, dict) else inner
    return _short(str(found or answer.get("message") or answer.get("detail") or "no reason given"))


def _short(text: str) -> str:
    plain = _CONTROL.sub(" ", text).strip()
    return plain if len(plain) <= 200 else f"{plain[:200]}…"
