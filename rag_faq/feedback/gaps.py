"""What the FAQ lacks in view of what was asked: answers, entries that are needed and liked, entries said once."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rag_faq.corpus.wordings import same_words
from rag_faq.feedback.asked import Asked, UsedEntry
from rag_faq.feedback.clusters import MOST_CLUSTERED, Cluster, Question, clusters, counted, same
from rag_faq.feedback.store import FeedbackStore
from rag_faq.generation.verbatim import own_question
from rag_faq.records import FaqEntry, Hit
from rag_faq.retrieval.embedder import Vectors
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import FaqIndex

DAY: Final = 86_400.0
# Cosine of two whole entries from which they are told as near-duplicates. In the FAQ that comes with this package two
# pairs lie above it, and both of them do say much the same.
NEAR_DUPLICATE: Final = 0.8
MOST_DUPLICATES: Final = 200
MOST_RECENT: Final = 50
_ROWS: Final = 1024  # entries that are compared with all others at a time
_Z: Final = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Gap:
    """A subject that the FAQ does not answer, and the entry that comes nearest to it today."""

    cluster: Cluster
    nearest: FaqEntry | None
    cosine: float


@dataclass(frozen=True, slots=True)
class EntryUse:
    """What became of one entry."""

    entry: FaqEntry
    shown: int  # answers that had it among their sources
    cited: int  # answers of which a sentence rests on it
    up: int  # verdicts on the answers that cite it
    down: int

    @property
    def share_down(self) -> float | None:
        """The share of thumbs that point down; None without any."""
        votes = self.up + self.down
        return self.down / votes if votes else None

    @property
    def surely_down(self) -> float:
        """The least share of thumbs down that so many votes bear out (Wilson's lower bound, 95 %).

        One of one is 0.21, eight of ten 0.49: a single angry person does not make an entry the worst one.
        """
        votes = self.up + self.down
        if not votes:
            return 0.0
        share = self.down / votes
        spread = _Z * math.sqrt(share * (1 - share) / votes + _Z**2 / (4 * votes**2))
        return max(0.0, (share + _Z**2 / (2 * votes) - spread) / (1 + _Z**2 / votes))


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two entries that say nearly the same."""

    first: FaqEntry
    second: FaqEntry
    cosine: float


@dataclass(frozen=True, slots=True)
class Totals:
    """How many answers of each kind, and how many thumbs."""

    asked: int
    grounded: int
    verbatim: int
    refused: int
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class Gaps:
    """All that can be told an owner. Lists begin with what matters most."""

    since: float  # seconds since 1970; 0 for all that is kept
    totals: Totals
    recent: tuple[Asked, ...]  # newest first
    asked: tuple[Question, ...]  # every different question
    refused: tuple[Question, ...]  # those that the FAQ did not answer
    gaps: tuple[Gap, ...]  # the same by subject, without those that the FAQ has an entry for by now
    complaints: tuple[Asked, ...]  # answers with a thumb down, newest first
    entries: tuple[EntryUse, ...]  # all, in the document's order
    duplicates: tuple[Duplicate, ...]
    trouble: str = ""  # why nothing can be kept at present

    @property
    def never_used(self) -> tuple[EntryUse, ...]:
        """Entries that no answer cites."""
        return tuple(use for use in self.entries if not use.cited)

    @property
    def badly_used(self) -> tuple[EntryUse, ...]:
        """Entries with thumbs down, the surely worst first."""
        bad = [use for use in self.entries if use.down]
        return tuple(sorted(bad, key=lambda use: (-use.surely_down, -use.down, use.entry.number)))


def find_gaps(store: FeedbackStore, retriever: Retriever, days: int | None = None) -> Gaps:
    """What the last `days` (by default all that is kept) say about the FAQ behind `retriever`.

    Takes a second or so for a thousand different unanswered questions. Raises FeedbackError when the file cannot be
    read.
    """
    since = time.time() - days * DAY if days else 0.0
    asked = store.asked(since)
    refused = counted([one for one in asked if one.unanswered])
    return Gaps(
        since=since,
        totals=_totals(asked),
        recent=asked[:MOST_RECENT],
        asked=counted(asked),
        refused=refused,
        gaps=_gaps(refused[:MOST_CLUSTERED], retriever),
        complaints=tuple(one for one in asked if one.verdict == "down")[:MOST_RECENT],
        entries=_uses(retriever.index.entries, asked),
        duplicates=near_duplicates(retriever.index),
        trouble=store.trouble,
    )


def near_duplicates(index: FaqIndex, threshold: float = NEAR_DUPLICATE) -> tuple[Duplicate, ...]:
    """Pairs of entries whose vectors are at least so near, the nearest first, `MOST_DUPLICATES` at the most."""
    entries, vectors = _entry_vectors(index)
    pairs: list[Duplicate] = []
    for start in range(0, len(entries), _ROWS):
        cosines = vectors[start : start + _ROWS] @ vectors.T
        for row, column in np.argwhere(cosines >= threshold).tolist():
            if start + row < column:
                pairs.append(Duplicate(entries[start + row], entries[column], float(cosines[row, column])))
        pairs = sorted(pairs, key=lambda pair: -pair.cosine)[:MOST_DUPLICATES]
    return tuple(pairs)


def _entry_vectors(index: FaqIndex) -> tuple[list[FaqEntry], Vectors]:
    """The entries, and the vector of each: of the whole, else (an entry too long for one) of its first chunk."""
    rows: dict[str, int] = {}
    for row, chunk in enumerate(index.chunks):
        if chunk.entry_id not in rows or (chunk.kind == "entry" and index.chunks[rows[chunk.entry_id]].kind != "entry"):
            rows[chunk.entry_id] = row
    entries = [entry for entry in index.entries if entry.id in rows]
    return entries, index.vectors.take(np.array([rows[entry.id] for entry in entries], dtype=np.int64))


def _totals(asked: Sequence[Asked]) -> Totals:
    outcomes = Counter(one.outcome for one in asked)
    verdicts = Counter(one.verdict for one in asked)
    return Totals(
        asked=len(asked),
        grounded=outcomes["grounded"],
        verbatim=outcomes["verbatim"],
        refused=outcomes["refused"],
        up=verdicts["up"],
        down=verdicts["down"],
    )


def _gaps(refused: Sequence[Question], retriever: Retriever) -> tuple[Gap, ...]:
    """The subjects of what was refused, but for those of which an entry, or a wording of one, was written since."""
    if not refused:
        return ()
    vectors = retriever.embedder.encode([question.text for question in refused])
    found = []
    for cluster in clusters(refused, vectors):
        hits = retriever.search(cluster.name)
        if own_question(cluster.name, hits) is None and not _is_wording(cluster.name, hits):
            nearest = max(hits, key=lambda hit: hit.cosine, default=None)
            found.append(Gap(cluster, nearest.entry if nearest else None, nearest.cosine if nearest else 0.0))
    return tuple(found)


def _is_wording(question: str, hits: Sequence[Hit]) -> bool:
    return any(hit.chunk.kind == "wording" and same_words(hit.chunk.text, question) for hit in hits)


def _uses(entries: Sequence[FaqEntry], asked: Sequence[Asked]) -> tuple[EntryUse, ...]:
    """How often each entry was shown, cited and judged."""
    now = _EntriesNow(entries)
    counts: Counter[tuple[str, str]] = Counter()
    for one in asked:
        for used in one.sources:
            entry_id = now.id_of(used)
            if entry_id is not None:
                counts[entry_id, "shown"] += 1
                counts[entry_id, "cited"] += used.cited
                counts[entry_id, str(one.verdict)] += used.cited
    return tuple(
        EntryUse(entry, *(counts[entry.id, what] for what in ("shown", "cited", "up", "down"))) for entry in entries
    )


class _EntriesNow:
    """Finds the id that an entry has today: a document that was added to may number its entries anew."""

    def __init__(self, entries: Sequence[FaqEntry]) -> None:
        self._questions = {entry.id: same(entry.question) for entry in entries}
        self._ids = {question: entry_id for entry_id, question in reversed(self._questions.items())}

    def id_of(self, used: UsedEntry) -> str | None:
        """The id of the entry with that question; None when there is none any more."""
        question = same(used.question)
        return used.id if self._questions.get(used.id) == question else self._ids.get(question)
