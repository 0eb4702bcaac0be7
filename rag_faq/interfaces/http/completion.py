"""Between OpenAI's chat completions and an answer: what a request asks for, and what text comes back of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from rag_faq.interfaces.http.values import WHOLE, Text
from rag_faq.records import Answer, History

MODEL = "rag-faq"

# About what a model's tokens are: a short word, a piece of a long one, a mark.
_TOKEN = re.compile(r"\w{1,6}|[^\w\s]")
_SENTENCE_END = re.compile(r"[.!?:][\"')\]*]*\s|\n")
_LIST = "\n\nSources:\n"


_TAKEN = ConfigDict(extra="ignore", strict=True)  # clients send more than is told here, and new ones more than that


def _never(value: bool) -> bool:
    if value:
        raise ValueError("the answer has no probabilities")
    return value


class TextPart(BaseModel):
    """A part of a question. Pictures and sounds cannot be asked."""

    model_config = _TAKEN

    type: Literal["text"]
    text: Text


class AnyPart(BaseModel):
    """A part of what somebody else said."""

    model_config = _TAKEN

    type: Text
    text: Text | None = None


class UserMessage(BaseModel):
    """A question."""

    model_config = _TAKEN

    role: Literal["user"]
    content: Text | list[TextPart]

    @property
    def text(self) -> str:
        """The message's words."""
        return _joined(self.content)


class OtherMessage(BaseModel):
    """What the assistant said; or what is not heeded, since the FAQ alone decides what is said."""

    model_config = _TAKEN

    role: Literal["assistant", "system", "developer", "tool", "function"]
    content: Text | list[AnyPart] | None = None

    @property
    def text(self) -> str:
        """The message's words, without the list of sources under an answer."""
        return _joined(self.content).partition(_LIST)[0]


class StreamOptions(BaseModel):
    """What a stream says beside the text."""

    model_config = _TAKEN

    include_usage: bool | None = None


class ResponseFormat(BaseModel):
    """The format of the text."""

    model_config = _TAKEN

    type: Literal["text"]


Message: TypeAlias = Annotated[UserMessage | OtherMessage, Field(discriminator="role")]


class CompletionBody(BaseModel):
    """A chat completion request. Fields that are not named here (temperature, tools, user …) change nothing."""

    model_config = ConfigDict(
        title="ChatCompletionRequest",
        json_schema_extra={
            "examples": [{"model": MODEL, "messages": [{"role": "user", "content": "What is mode collapse?"}]}]
        },
        **_TAKEN,
    )

    model: Text = Field(max_length=200, description="One of GET /v1/models.", examples=[MODEL])
    messages: list[Message] = Field(
        max_length=400,
        description="The last one of a user is the question; those before it are the history.",
        json_schema_extra={"contains": {"properties": {"role": {"const": "user"}}, "required": ["role"]}},
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: Text | list[Text] | None = Field(default=None, description="The text ends before the first of these.")
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000), WHOLE] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=10_000_000), WHOLE] | None = None
    n: Annotated[int, Field(ge=1, le=1), WHOLE] | None = None
    logprobs: Annotated[bool, AfterValidator(_never), Field(json_schema_extra={"const": False})] | None = None
    response_format: ResponseFormat | None = None

    @model_validator(mode="after")
    def _asks(self) -> CompletionBody:
        if not any(isinstance(message, UserMessage) for message in self.messages):
            raise ValueError("there is no message with the role user")
        return self

    @property
    def limits(self) -> Limits:
        """Where the text has to end."""
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        given = [most for most in (self.max_completion_tokens, self.max_tokens) if most is not None]
        return Limits(tuple(word for word in stops if word), min(given, default=None))

    def conversation(self) -> tuple[str, History]:
        """The question, and what was said before it."""
        last = max(i for i, message in enumerate(self.messages) if message.role == "user")
        earlier = [(m.role, m.text) for m in self.messages[:last] if m.role in ("user", "assistant")]
        return self.messages[last].text, tuple((role, text) for role, text in earlier if text.strip())


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a text has to end: before the first of `stops`, and after `most` tokens."""

    stops: tuple[str, ...] = ()
    most: int | None = None

    def cut(self, text: str) -> tuple[str, Literal["stop", "length"]]:
        """The text up to its end, and why it ends there."""
        ends = [at for word in self.stops if (at := text.find(word)) >= 0]
        text = text[: min(ends)] if ends else text
        if self.most is not None:
            for count, token in enumerate(_TOKEN.finditer(text), start=1):
                if count > self.most:
                    return text[: token.start()].rstrip(), "length"
        return text, "stop"


class Enough:
    """Watches a text as it is written: enough of it is there when the sentence is over in which a limit was met.

    Sentences are checked whole, so that the one with the limit in it is still wanted.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._text = ""
        self._met: int | None = None  # where the first limit was met
        self._tokens = 0  # those that end before `_open`, where the last one begins
        self._open = 0

    def __call__(self, piece: str) -> bool:
        """Whether the writing may end after this piece."""
        before = len(self._text)
        self._text += piece
        if self._met is None:
            ends = [self._found(word, before) for word in self._limits.stops]
            ends.append(self._reached())
            self._met = min((end for end in ends if end is not None), default=None)
        return self._met is not None and _SENTENCE_END.search(self._text, self._met) is not None

    def _found(self, word: str, before: int) -> int | None:
        at = self._text.find(word, max(0, before - len(word)))
        return at if at >= 0 else None

    def _reached(self) -> int | None:
        """Where the last token ends that may be given, once it is there."""
        if self._limits.most is None:
            return None
        for token in _TOKEN.finditer(self._text, self._open):
            if token.start() > self._open or not self._tokens:
                self._tokens += 1
                self._open = token.start()
            if self._tokens == self._limits.most:
                return token.end() - 1
        return None


def count_tokens(text: str) -> int:
    """How many tokens this door counts in a text."""
    return sum(1 for _ in _TOKEN.finditer(text))


def full_text(answer: Answer, links: dict[str, str]) -> str:
    """The answer, and under it the sources that it cites; `links`: entry id → address."""
    cited = {citation.number for citation in answer.citations}
    lines = [
        f"[{source.number}] {source.entry.question} ({links[source.entry.id]})"
        for source in answer.sources
        if source.number in cited
    ]
    return answer.text + (_LIST + "\n".join(lines) if lines else "")


def url_citations(answer: Answer, links: dict[str, str], length: int) -> list[dict[str, Any]]:
    """The citations as OpenAI gives those of its search: spans of the text, as far as it goes (`length`)."""
    questions = {source.entry.id: source.entry.question for source in answer.sources}
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": citation.start,
                "end_index": citation.end,
                "title": questions[citation.entry_id],
                "url": links[citation.entry_id],
            },
        }
        for citation in answer.citations
        if citation.end <= length
    ]


def usage(answer: Answer, text: str) -> dict[str, Any]:
    """Tokens that the model read for this answer, and those of the text as this door counts them."""
    read, given = answer.timings.prompt_tokens, count_tokens(text)
    return {
        "prompt_tokens": read,
        "completion_tokens": given,
        "total_tokens": read + given,
        "prompt_tokens_details": {"cached_tokens": answer.timings.cached_tokens},
    }


def pieces(text: str) -> Sequence[str]:
    """The text in lines, as a stream gives it."""
    return text.splitlines(keepends=True)


def _joined(content: str | Sequence[TextPart | AnyPart] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text for part in content if part.text is not None)
