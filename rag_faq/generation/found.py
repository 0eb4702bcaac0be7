"""What is known of a question on the way to its answer: what the search came to, and who answers what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rag_faq.generation.probing import Glance
from rag_faq.records import Hit, Source, Timings


@dataclass(frozen=True, slots=True)
class Searched:
    """What the search came to, before it is judged what answers."""

    text: str  # the stand-alone question that was searched for
    hits: tuple[Hit, ...]
    parts: tuple[str, ...]  # of a question in several parts
    own: Hit | None  # the entry whose own question this is
    timings: Timings
    glance: Glance | None = None  # at all of it, where one was needed to tell what is meant


@dataclass(frozen=True, slots=True)
class Share:
    """A question, or one part of it, and what it is to be answered from."""

    question: str
    sources: tuple[Source, ...]
    probability: float  # that these sources answer it


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a question before all of it is judged."""

    share: Share | None = None  # what the answer surely begins with
    glance: Glance | None = None  # at the first part of the question, or at all of it where it has no parts
    seconds: float = 0.0  # that it took

    @property
    def entry_id(self) -> str | None:
        """The entry that the answer begins from."""
        return self.share.sources[0].entry.id if self.share else None


@dataclass(frozen=True, slots=True)
class Found:
    """What the answer is to be written from, and how probable it is that the FAQ answers at all."""

    searched: str
    hits: tuple[Hit, ...]  # those that were judged first, the most probable one at the head
    shares: tuple[Share, ...]  # one for each part that the FAQ answers; none for a refusal
    evidence: float
    open_parts: tuple[str, ...]  # parts of the question that the FAQ does not answer
    timings: Timings
    own: bool = False  # the question is an entry's own

    @classmethod
    def by_one(cls, searched: Searched, share: Share, *, own: bool = False) -> Found:
        """Where nothing was judged but what this one share is answered from, if at all."""
        return cls(searched.text, searched.hits, (share,), share.probability, (), searched.timings, own)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Those of all shares, each once, in the order of their numbers."""
        numbered = {source.number: source for share in self.shares for source in share.sources}
        return tuple(numbered[number] for number in sorted(numbered))

    def with_sources(self, numbers: Iterable[int]) -> Found:
        """The same with no other sources than those of these numbers."""
        kept = frozenset(numbers)
        shares = (replace(s, sources=tuple(one for one in s.sources if one.number in kept)) for s in self.shares)
        return replace(self, shares=tuple(shares))
