"""One question that was asked, as it is kept: bounded in size, and independent of the index that answered it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal, TypeAlias

from rag_faq.records import Answer, Outcome

Verdict: TypeAlias = Literal["up", "down"]

# Characters that are kept. Nothing of use is longer, and nobody shall fill the disk by asking.
LONGEST_QUESTION: Final = 2_000
LONGEST_ANSWER: Final = 10_000
LONGEST_REASON: Final = 1_000
LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class UsedEntry:
    """An entry that an answer was written from. Its question tells it from another that has got its number since."""

    id: str
    question: str
    cited: bool  # whether any sentence of the answer rests on it


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with what became of it."""

    id: str
    at: float  # seconds since 1970, UTC
    session: str
    door: str
    question: str
    searched: str  # the stand-alone question
    outcome: Outcome
    text: str
    sources: tuple[UsedEntry, ...] = ()
    nearest: tuple[str, ...] = ()  # ids of the entries that a refusal named
    evidence: float = 0.0
    index: str = ""  # fingerprint
    model: str = ""
    model_sha256: str = ""
    version: str = ""  # of this package
    verdict: Verdict | None = None
    reason: str = ""

    @property
    def unanswered(self) -> bool:
        """True for a question that the FAQ does not answer; false for what is no question (empty, far too long)."""
        return self.outcome == "refused" and bool(self.nearest)


def asked_of(answer: Answer, answer_id: str, *, session: str, door: str) -> Asked:
    """What is kept of an answer given now."""
    cited = {citation.entry_id for citation in answer.citations}
    return Asked(
        id=answer_id,
        at=time.time(),
        session=_cut(session, LONGEST_NAME),
        door=_cut(door, LONGEST_NAME),
        question=_cut(answer.question, LONGEST_QUESTION),
        searched=_cut(answer.searched, LONGEST_QUESTION),
        outcome=answer.outcome,
        text=_cut(answer.text, LONGEST_ANSWER),
        sources=tuple(
            UsedEntry(s.entry.id, _cut(s.entry.question, LONGEST_QUESTION), s.entry.id in cited) for s in answer.sources
        ),
        nearest=tuple(related.entry.id for related in answer.related),
        evidence=answer.evidence,
        index=answer.index,
        model=_cut(answer.model.name, LONGEST_NAME),
        model_sha256=answer.model.sha256,
        version=package_version(),
    )


def cut_reason(reason: str) -> str:
    """A reason as it is kept."""
    return _cut(reason.strip(), LONGEST_REASON)


def to_row(asked: Asked) -> dict[str, Any]:
    """The columns of the table `answers`."""
    sources = [{"id": used.id, "question": used.question, "cited": used.cited} for used in asked.sources]
    return {
        "id": asked.id,
        "asked_at": asked.at,
        "session": asked.session,
        "door": asked.door,
        "question": asked.question,
        "searched": asked.searched,
        "outcome": asked.outcome,
        "text": asked.text,
        "sources": json.dumps(sources, ensure_ascii=False),
        "nearest": json.dumps(asked.nearest, ensure_ascii=False),
        "evidence": asked.evidence,
        "index_fingerprint": asked.index,
        "model": asked.model,
        "model_sha256": asked.model_sha256,
        "version": asked.version,
    }


def from_row(row: Any) -> Asked:
    """A row of `answers` with the columns `verdict` and `reason` joined to it."""
    return Asked(
        id=row["id"],
        at=row["asked_at"],
        session=row["session"],
        door=row["door"],
        question=row["question"],
        searched=row["searched"],
        outcome=row["outcome"],
        text=row["text"],
        sources=tuple(UsedEntry(**used) for used in json.loads(row["sources"])),
        nearest=tuple(json.loads(row["nearest"])),
        evidence=row["evidence"],
        index=row["index_fingerprint"],
        model=row["model"],
        model_sha256=row["model_sha256"],
        version=row["version"],
        verdict=row["verdict"],
        reason=row["reason"] or "",
    )


def package_version() -> str:
    """The version of this package; empty in a checkout that is not installed."""
    try:
        return version("rag-faq")
    except PackageNotFoundError:
        return ""


def _cut(text: str, longest: int) -> str:
    """`text`, or its start and an ellipsis, without what UTF-8 cannot carry (half of a surrogate pair)."""
    kept = text.encode("utf-8", "replace").decode("utf-8")
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"
