"""What came out for one question: plain values that go to a file and come back the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from rag_faq.evaluation.questions import Question
from rag_faq.records import Answer, Hit, Outcome, Related

# What is run: the search alone; the search and the decision to answer; everything. Each includes the one before.
Stage: TypeAlias = Literal["retrieval", "gate", "answers"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation, its source named by the document's own entry number."""

    entry: int
    quote: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Given:
    """The answer that was given."""

    outcome: Outcome
    text: str
    searched: str
    evidence: float
    cited: tuple[Cited, ...]
    sources: tuple[int, ...]  # entry numbers of what the model saw, in order
    unsupported: tuple[str, ...]  # sentences that were left out
    note: str
    retrieve_s: float
    first_token_s: float | None
    total_s: float

    @property
    def refused(self) -> bool:
        """Whether the question was turned down."""
        return self.outcome == "refused"

    @property
    def cited_entries(self) -> tuple[int, ...]:
        """The entries that are cited, each once, in the order of the text."""
        return tuple(dict.fromkeys(citation.entry for citation in self.cited))

    @property
    def cited_sentences(self) -> int:
        """Sentences with at least one citation: the distinct spans."""
        return len({(citation.start, citation.end) for citation in self.cited})


@dataclass(frozen=True, slots=True)
class Result:
    """One question's result. `given` is `None` where only the search was run."""

    id: str
    found: tuple[int, ...]  # entry numbers, best first, each once, as the last stage that was run ranked them
    search_s: float
    given: Given | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Row:
    """A question and its result."""

    question: Question
    result: Result


def ranking(found: Sequence[Hit | Related]) -> tuple[int, ...]:
    """The entry numbers of what was found, best first, each once."""
    return tuple(dict.fromkeys(item.entry.number for item in found))


def given(answer: Answer) -> Given:
    """The parts of an answer that are measured or shown in a report."""
    numbers = {source.entry.id: source.entry.number for source in answer.sources}
    return Given(
        outcome=answer.outcome,
        text=answer.text,
        searched=answer.searched,
        evidence=answer.evidence,
        cited=tuple(Cited(numbers[c.entry_id], c.quote, c.start, c.end) for c in answer.citations),
        sources=tuple(source.entry.number for source in answer.sources),
        unsupported=tuple(sentence.text for sentence in answer.unsupported),
        note=answer.note,
        retrieve_s=answer.timings.retrieve_s,
        first_token_s=answer.timings.first_token_s,
        total_s=answer.timings.total_s,
    )


def result_from_json(record: dict[str, Any]) -> Result:
    """The reverse of `Result.to_json`. Raises KeyError, TypeError or ValueError for anything else."""
    raw = record["given"]
    answer = None
    if raw is not None:
        if raw["outcome"] not in get_args(Outcome):
            raise ValueError(f"unknown outcome {raw['outcome']!r}")
        lists = {
            "cited": tuple(Cited(**citation) for citation in raw["cited"]),
            "sources": tuple(raw["sources"]),
            "unsupported": tuple(raw["unsupported"]),
        }
        answer = Given(**(raw | lists))
    return Result(id=str(record["id"]), found=tuple(record["found"]), search_s=float(record["search_s"]), given=answer)
