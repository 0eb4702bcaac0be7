"""The records that pass between the stages. Frozen, typed, and with no behaviour beyond small views of themselves.

Scores and similarities are "higher is better" everywhere. Spans are half-open: `text[start:end]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

ChunkKind: TypeAlias = Literal["question", "entry", "paragraph", "bullet", "wording", "written"]
Outcome: TypeAlias = Literal["grounded", "verbatim", "refused"]
Role: TypeAlias = Literal["system", "user", "assistant"]

# One conversation so far: (role, text) pairs, oldest first.
History: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FaqEntry:
    """One question of a document with its whole answer (a section, where the document is no FAQ)."""

    id: str  # unique in the corpus: "<file stem>#<number>"
    number: int  # the document's own number
    question: str
    answer: str  # repaired Markdown: paragraphs parted by blank lines, bullets as "- ..."
    source: str  # file name of the document
    lines: tuple[int, int]  # first and last line in the file, counted from 1, both included


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is searched. Several chunks lead to one entry."""

    id: str  # unique in the index: "<entry id>/<kind>/<i>"
    entry_id: str
    text: str
    kind: ChunkKind

    @property
    def is_other_question(self) -> bool:
        """Another question that the entry answers, whoever wrote it: no text of the document."""
        return self.kind in ("wording", "written")


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that was found, with the chunk of it that matched best.

    That may be a question, the entry's own or another one that leads to it; the `passage` is a part of its text.
    """

    entry: FaqEntry
    score: float  # fused score, 0 to about 1
    chunk: Chunk
    rank: int  # from 1
    cosine: float = 0.0  # best cosine of any of the entry's chunks with the question
    lexical: float = 0.0  # best lexical score of the entry, brought to 0..1 the same way for every question
    coverage: float = 0.0  # share of the question's content words that the entry has, weighted by their rarity
    passage: Chunk | None = None  # of the entry's text, what matched best; `None` where no part of it is in the index

    @property
    def matched(self) -> str:
        """The words of the document that matched best: no other wording of a question, which it does not have."""
        shown = self.passage if self.chunk.is_other_question else None
        return (shown or self.chunk).text


@dataclass(frozen=True, slots=True)
class Source:
    """What the model saw of one entry, under the number it had in the prompt."""

    number: int  # from 1
    entry: FaqEntry
    text: str  # the part of the entry's answer that was shown: the whole answer, or a window
    score: float


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message, in segments.

    The engine tokenises each segment by itself, so that the tokens of the leading segments do not depend on what
    follows: their state in the model can be kept and used again for the next question.
    """

    role: Role
    segments: tuple[str, ...]

    @property
    def content(self) -> str:
        """The whole text of the message."""
        return "".join(self.segments)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to the model, and exactly the sources that it saw, numbered 1..n."""

    messages: tuple[Message, ...]
    sources: tuple[Source, ...] = ()
    fresh: int = 1  # how many of the last segments belong to this question alone


@dataclass(frozen=True, slots=True)
class Citation:
    """A span of the answer and the words of one source that support it."""

    number: int  # of the source in `Answer.sources`
    entry_id: str
    quote: str  # a verbatim piece of the source's text
    start: int  # answer.text[start:end] is the supported sentence, without its [n]
    end: int
    support: float  # 0..1


@dataclass(frozen=True, slots=True)
class Related:
    """An entry offered where the FAQ has no answer."""

    entry: FaqEntry
    score: float


@dataclass(frozen=True, slots=True)
class UnsupportedSentence:
    """A sentence that the model wrote and that no source supports; it is not in the answer's text."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds and token counts of one answer. `first_token_s` counts from the call, `None` when no model ran."""

    rewrite_s: float = 0.0
    retrieve_s: float = 0.0
    gate_s: float = 0.0
    queue_s: float = 0.0
    first_token_s: float | None = None
    total_s: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    new_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which weights answered, and on what."""

    name: str  # catalog name or file name; "none" where no model is loaded
    sha256: str = ""
    device: str = "none"  # "cpu", "cuda: NVIDIA …", "metal: …", "none"
    detail: str = ""  # layers offloaded, threads; or why there is no model
    context_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What every door hands out."""

    text: str  # with [n] after each supported sentence
    outcome: Outcome
    question: str  # as asked
    searched: str  # the stand-alone question that was searched for; equal to `question` when nothing was rewritten
    citations: tuple[Citation, ...] = ()
    sources: tuple[Source, ...] = ()
    related: tuple[Related, ...] = ()
    unsupported: tuple[UnsupportedSentence, ...] = ()
    timings: Timings = field(default_factory=Timings)
    model: ModelInfo = field(default_factory=lambda: ModelInfo(name="none"))
    index: str = ""  # the index's fingerprint
    evidence: float = 0.0  # probability, before anything was written, that the FAQ answers the question
    note: str = ""  # why the outcome is what it is, where a person would ask
    ranked: tuple[Related, ...] = ()  # the entries nearest to the question, as search and gate rank them


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """What was found. It may come several times in a stream: the last one counts.

    Not `settled`: what the search found, at once, while it is still judged whether it answers the question; or what the
    first part of an answer is written from, while the other parts are judged. Settled: what the answer is written from;
    empty for a refusal. It comes before the first word, or, where a first part was written already, before the second.
    """

    sources: tuple[Source, ...]
    searched: str
    settled: bool = True


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer as it is written. The final `Answer` replaces the pieces."""

    text: str


Event: TypeAlias = SourcesFound | TextDelta | Answer
