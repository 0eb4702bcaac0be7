"""Questions that ask the same in different words, put together and named by what they share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_faq.feedback.asked import Asked
from rag_faq.retrieval.analysis import Analyser
from rag_faq.retrieval.embedder import Vectors

# Cosine that the questions of two groups must have on average for these to be one. With all-MiniLM-L6-v2, groups of
# questions made for the purpose come out the same anywhere from 0.5 to 0.6.
SAME_SUBJECT: Final = 0.55
MOST_CLUSTERED: Final = 2_000  # different questions; the most often asked ones go first
_MOST_WORDS: Final = 4
_END: Final = re.compile(r"[\s?!.…]+$")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and how often it was asked, whatever its case, its spaces and its last mark."""

    text: str  # as it was asked the last time
    times: int
    last: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Cluster:
    """Questions on one subject."""

    name: str  # the question that is nearest to all the others
    words: tuple[str, ...]  # content words that at least half of the questions share; none for a single question
    questions: tuple[Question, ...]  # the most often asked first
    times: int  # of all together
    last: float


def same(question: str) -> str:
    """What two questions have in common that are the same but for case, spaces and the mark at the end."""
    return _END.sub("", " ".join(question.split())).casefold()


def counted(asked: Sequence[Asked]) -> tuple[Question, ...]:
    """The different questions, as searched for, the most often asked first, then the latest."""
    groups: dict[str, list[Asked]] = {}
    for one in asked:
        groups.setdefault(same(one.searched or one.question), []).append(one)
    questions = []
    for group in groups.values():
        latest = max(group, key=lambda one: one.at)
        text = " ".join((latest.searched or latest.question).split())
        questions.append(Question(text, len(group), latest.at))
    return tuple(sorted(questions, key=lambda q: (-q.times, -q.last, q.text)))


def clusters(questions: Sequence[Question], vectors: Vectors, threshold: float = SAME_SUBJECT) -> tuple[Cluster, ...]:
    """The questions by subject, the subject asked about most first; `vectors` has one unit row a question.

    Agglomerative, average linkage over cosines (scikit-learn): no number of groups has to be known.
    """
    if not questions:
        return ()
    labels = np.zeros(len(questions), dtype=np.int64)
    if len(questions) > 1:
        from sklearn.cluster import AgglomerativeClustering

        grouping = AgglomerativeClustering(
            n_clusters=None, metric="cosine", linkage="average", distance_threshold=1.0 - threshold
        )
        labels = grouping.fit_predict(vectors)
    analyser = Analyser()
    found = [_cluster(questions, vectors, np.flatnonzero(labels == label), analyser) for label in np.unique(labels)]
    return tuple(sorted(found, key=lambda c: (-c.times, -c.last, c.name)))


def _cluster(questions: Sequence[Question], vectors: Vectors, rows: NDArray[np.intp], analyser: Analyser) -> Cluster:
    members = [questions[row] for row in rows]
    times = np.array([one.times for one in members], dtype=np.float32)
    # How near each is to all that were asked. Rounded, so that of equals the one asked most often comes first.
    nearness = np.round((vectors[rows] @ vectors[rows].T) @ times, 4)
    return Cluster(
        name=members[int(np.argmax(nearness))].text,
        words=_shared(members, analyser),
        questions=tuple(members),
        times=int(times.sum()),
        last=max(one.last for one in members),
    )


def _shared(members: Sequence[Question], analyser: Analyser) -> tuple[str, ...]:
    """Words in at least half of the questions: those in most of them first, then in the order they come in."""
    if len(members) < 2:
        return ()
    within: Counter[str] = Counter()
    written: dict[str, Counter[str]] = {}
    for one in members:
        words = {(word.joined or " ".join(word.parts)): word.raw for word in analyser.words(one.text)}
        within.update(words.keys())
        for term, raw in words.items():
            written.setdefault(term, Counter())[raw] += 1
    shared = [term for term, count in within.most_common() if count >= max(2, len(members) / 2)]
    return tuple(written[term].most_common(1)[0][0] for term in shared[:_MOST_WORDS])
