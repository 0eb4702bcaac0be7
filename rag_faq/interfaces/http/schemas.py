"""What our own HTTP doors take and give, as the OpenAPI document describes it. `wire.py` makes what is given."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rag_faq.chatbot import Options
from rag_faq.interfaces.http.values import WHOLE, Text
from rag_faq.records import History, Outcome
from rag_faq.settings import Settings

_TAKEN = ConfigDict(extra="forbid", strict=True)


class Turn(BaseModel):
    """One message of the conversation so far."""

    model_config = _TAKEN

    role: Literal["user", "assistant"]
    content: Text


class AnswerOptions(BaseModel):
    """How this one question is answered; what is left out is as the server's settings have it."""

    model_config = _TAKEN

    answer_style: Literal["auto", "composed", "verbatim"] | None = Field(
        default=None,
        description="`composed`: the model writes; `verbatim`: the FAQ's own text; `auto`: that for its own questions.",
    )
    max_sources: Annotated[int, Field(ge=1, le=8), WHOLE] | None = Field(
        default=None, description="The most sources; more than the server's own setting counts as that."
    )
    strictness: float | None = Field(
        default=None, ge=0, le=1, description="How much evidence an answer needs: 0 answers nearly all, 1 refuses most."
    )

    def over(self, options: Options, settings: Settings) -> Options:
        """`options` with what is given here in their place."""
        given = self.model_dump(exclude_none=True)
        if self.max_sources is not None:
            given["max_sources"] = min(self.max_sources, settings.max_sources)
        fields = {name: getattr(options, name) for name in Options.__dataclass_fields__}
        return Options(**{**fields, **given})


class QueryBody(BaseModel):
    """A question."""

    model_config = ConfigDict(
        title="Query",
        json_schema_extra={
            "examples": [
                {"question": "What is mode collapse?"},
                {
                    "question": "And how is it avoided?",
                    "history": [
                        {"role": "user", "content": "What is mode collapse?"},
                        {"role": "assistant", "content": "The generator makes few kinds of output. [1]"},
                    ],
                    "options": {"answer_style": "composed", "max_sources": 2, "strictness": 0.5},
                },
            ]
        },
        **_TAKEN,
    )

    question: Text = Field(description="A question that is empty or too long is answered with what is wrong with it.")
    history: list[Turn] = Field(
        default_factory=list, max_length=200, description="The conversation so far, oldest first."
    )
    options: AnswerOptions = AnswerOptions()

    @property
    def turns(self) -> History:
        """The history as the chatbot takes it."""
        return tuple((turn.role, turn.content) for turn in self.history)


class FeedbackBody(BaseModel):
    """What somebody thinks of an answer."""

    model_config = ConfigDict(
        title="Feedback",
        json_schema_extra={
            "examples": [{"id": "0b5c6a6ce4a34f0e8d1f6b7a9c2d3e4f", "verdict": "down", "reason": "It is out of date."}]
        },
        **_TAKEN,
    )

    id: Text = Field(description="The `id` of the answer.", min_length=1, max_length=64)
    verdict: Literal["up", "down"]
    reason: Text = Field("", max_length=2000)


class FeedbackKept(BaseModel):
    """What became of it."""

    kept: bool = Field(description="False when the server's disk does not let it be kept now.")


class SourceShown(BaseModel):
    """What the answer rests on."""

    number: int = Field(description="The n of [n].")
    entry: int = Field(description="The FAQ's own number.")
    question: str
    score: float


class CitationShown(BaseModel):
    """A span of the answer, and the words of the source that bear it out."""

    number: int
    entry: int
    quote: str
    start: int
    end: int
    support: float


class RelatedShown(BaseModel):
    """A question of the FAQ that comes near."""

    entry: int
    question: str
    score: float


class UnsupportedShown(BaseModel):
    """What the model wrote and no source bears out; it is not in the answer."""

    text: str
    reason: str


class ModelShown(BaseModel):
    """Which weights answered, on what."""

    name: str
    device: str
    detail: str


class TimingsShown(BaseModel):
    """Seconds and tokens."""

    rewrite_s: float
    retrieve_s: float
    gate_s: float
    queue_s: float
    first_token_s: float | None
    total_s: float
    prompt_tokens: int
    cached_tokens: int
    new_tokens: int


class AnswerShown(BaseModel):
    """An answer with its citations. `answer[start:end]` of a citation is the sentence that its quote bears out."""

    model_config = ConfigDict(title="Answer")

    id: str | None = Field(description="For POST /v1/feedback; null where the server keeps no feedback.")
    question: str
    answer: str = Field(description="With [n] after each sentence that source n bears out.")
    outcome: Outcome
    citations: list[CitationShown]
    sources: list[SourceShown]
    related: list[RelatedShown] = Field(description="Of a refusal: the questions that come nearest.")
    unsupported: list[UnsupportedShown]
    searched: str = Field(description="The stand-alone question that was searched for.")
    evidence: float = Field(description="The probability that the FAQ answers the question.")
    note: str
    model: ModelShown
    index: str = Field(description="The index's fingerprint.")
    timings: TimingsShown


class HitShown(BaseModel):
    """An entry that was found."""

    rank: int
    entry: int
    id: str
    question: str
    score: float
    matched: str = Field(description="The text of the entry that matched best.")


class Found(BaseModel):
    """What a search gave."""

    searched: str
    hits: list[HitShown]


class EntryHead(BaseModel):
    """An entry without its answer."""

    entry: int = Field(description="The FAQ's own number.")
    id: str
    question: str
    source: str = Field(description="File name of the document.")
    lines: list[int] = Field(description="First and last line in the file.", min_length=2, max_length=2)


class EntryShown(EntryHead):
    """An entry."""

    answer: str = Field(description="Markdown.")


class Entries(BaseModel):
    """A page of the list of entries."""

    total: int
    entries: list[EntryHead]


class Alive(BaseModel):
    """The process answers."""

    alive: Literal[True]


class Ready(BaseModel):
    """Index and model are loaded."""

    ready: Literal[True]
    entries: int
    model: ModelShown
    index: str


ANSWER_EXAMPLE: dict[str, Any] = {
    "id": "0b5c6a6ce4a34f0e8d1f6b7a9c2d3e4f",
    "question": "What do cats eat?",
    "answer": "Cats eat fish and chicken. [1]",
    "outcome": "grounded",
    "citations": [
        {"number": 1, "entry": 1, "quote": "Cats eat fish and chicken.", "start": 0, "end": 26, "support": 1.0}
    ],
    "sources": [{"number": 1, "entry": 1, "question": "What do cats eat?", "score": 0.93}],
    "related": [],
    "unsupported": [],
    "searched": "What do cats eat?",
    "evidence": 0.97,
    "note": "",
    "model": {"name": "qwen2.5-coder-1.5b-instruct-q4_k_m", "device": "cpu", "detail": "2 threads"},
    "index": "9f2c",
    "timings": {
        "rewrite_s": 0.0,
        "retrieve_s": 0.01,
        "gate_s": 0.1,
        "queue_s": 0.0,
        "first_token_s": 0.4,
        "total_s": 1.2,
        "prompt_tokens": 310,
        "cached_tokens": 270,
        "new_tokens": 9,
    },
}
