"""The corpus as a picture: a place in the plane for every entry, and groups of entries that lie together, named.

The places come from the entries' vectors: principal components for a handful, t-SNE (van der Maaten and Hinton, 2008)
for more, begun from the principal components and fixed by a seed. Groups are found by Ward's method on the places,
so that they are what the eye sees too; their names are words with a high class-based TF-IDF (as in BERTopic,
Grootendorst, 2022).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_faq.records import Chunk, FaqEntry, Hit
from rag_faq.retrieval.analysis import Analyser
from rag_faq.retrieval.embedder import Vectors

_FEW = 8  # up to here t-SNE has no neighbourhoods to keep
_MANY = 5000  # above, t-SNE takes minutes
_SEED = 8
_NAME_WORDS = 3
_IN_QUESTION = 3  # a word of the question counts as three of the answer's
_MOST_GROUPS = 12
# Words that frame questions and answers and name no subject, as they are before stemming.
_FRAMING = (
    "assist", "call", "challenging", "concept", "concern", "define", "describe", "difference", "ensure", "example",
    "explain", "find", "give", "help", "important", "including", "key", "make", "mean", "method", "need", "play",
    "provide", "relate", "role", "several", "support", "technique", "thing", "type", "use", "various", "way", "work",
)  # fmt: skip
_ROUNDS = 60  # of pushing points apart
_STRETCH = 1.7  # of one direction against the other, at most
_NEIGHBOURS = 8  # hits that place a question
_DIGITS = 4
_SAME = 6  # decimals by which two vectors differ at least

Places = NDArray[np.float64]  # (n, 2), each coordinate 0 to 1


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that lie together, with the words that they share and others do not."""

    words: tuple[str, ...]
    members: tuple[int, ...]  # rows of entries, rising


@dataclass(frozen=True, slots=True)
class EntryMap:
    """The picture of a corpus."""

    places: tuple[tuple[float, float], ...]  # of entry i, each coordinate 0 to 1; y runs downwards
    groups: tuple[Group, ...]  # each entry is in exactly one; from left to right

    def to_text(self) -> str:
        """As JSON, for the index folder."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"

    @classmethod
    def from_text(cls, text: str, entries: int) -> EntryMap:
        """Read what `to_text` wrote. Raises ValueError when it is not the map of so many entries."""
        raw: Any = json.loads(text)
        try:
            places = tuple((float(x), float(y)) for x, y in raw["places"])
            groups = tuple(Group(tuple(map(str, g["words"])), tuple(map(int, g["members"]))) for g in raw["groups"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"it is no map: {error!r}") from error
        members = sorted(row for group in groups for row in group.members)
        if len(places) != entries or members != list(range(entries)):
            raise ValueError(f"the map is not of {entries} entries")
        return cls(places, groups)


def draw(entries: Sequence[FaqEntry], chunks: Sequence[Chunk], vectors: Vectors) -> EntryMap:
    """The map of these entries; row i of `vectors`, shape (len(chunks), d), belongs to chunk i."""
    places = spread(project(entry_vectors(entries, chunks, vectors)))
    labels = _grouped(places)
    groups = []
    for label in sorted(set(labels), key=lambda one: places[labels == one, 0].mean()):
        groups.append(tuple(np.flatnonzero(labels == label).tolist()))
    named = zip(_names([[entries[row] for row in rows] for rows in groups]), groups, strict=True)
    rounded = tuple((round(float(x), _DIGITS), round(float(y), _DIGITS)) for x, y in places)
    return EntryMap(rounded, tuple(Group(name, rows) for name, rows in named))


def place_of(hits: Sequence[Hit], places: dict[str, tuple[float, float]]) -> tuple[float, float] | None:
    """Where a question lies: among the entries nearest to it, drawn to each by its score; None without any.

    `places` are those of the entries by id.
    """
    near = [(places[hit.entry.id], max(hit.score, 0.0)) for hit in hits[:_NEIGHBOURS] if hit.entry.id in places]
    # The fourth power: an entry with half the score of another draws a sixteenth as much.
    weights = [score**4 for _, score in near]
    total = sum(weights)
    if not total:
        return None
    x = sum(weight * place[0] for (place, _), weight in zip(near, weights, strict=True)) / total
    y = sum(weight * place[1] for (place, _), weight in zip(near, weights, strict=True)) / total
    return x, y


def entry_vectors(entries: Sequence[FaqEntry], chunks: Sequence[Chunk], vectors: Vectors) -> Vectors:
    """A unit vector for each entry, the mean of its chunks': shape (len(entries), d)."""
    rows = {entry.id: row for row, entry in enumerate(entries)}
    sums = np.zeros((len(entries), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, [rows[chunk.entry_id] for chunk in chunks], vectors)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: Vectors = (sums / np.where(lengths > 0, lengths, np.float32(1))).astype(np.float32)
    return unit


def project(vectors: Vectors) -> Places:
    """Places in the unit square for vectors of shape (n, d); alike vectors come to lie near each other."""
    # Entries with the very same text would leave t-SNE without a scale: each different vector is placed once.
    different, which = np.unique(vectors.round(_SAME), axis=0, return_inverse=True)
    count = len(different)
    flat: Places = _principal(different).astype(np.float64)
    if _FEW < count <= _MANY:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits

        perplexity = min(30.0, max(3.0, count / 5))
        with threadpool_limits(1):  # sums over several threads differ from run to run
            tsne = TSNE(2, perplexity=perplexity, metric="cosine", init=flat.astype(np.float32), random_state=_SEED)
            flat = tsne.fit_transform(different).astype(np.float64)
    placed: Places = _into_square(flat)[which.reshape(-1)]
    return placed


def spread(places: Places) -> Places:
    """The same picture with points that nearly cover each other pushed apart, as far as there is room."""
    count = len(places)
    if count < 2:
        return places
    from scipy.spatial import cKDTree

    least = 0.6 / math.sqrt(count)
    # Points in the very same place are told apart by their row: turned by the golden angle, none meet.
    turns = np.arange(count) * 2.399963
    nudges = 1e-6 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    moved = places
    for _ in range(_ROUNDS):
        pairs = cKDTree(moved).query_pairs(least, output_type="ndarray")
        if not len(pairs):
            break
        here, there = pairs[:, 0], pairs[:, 1]
        apart = moved[here] - moved[there] + nudges[here] - nudges[there]
        distance = np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-9)
        push = 0.4 * (least - distance) / distance * apart
        shift = np.zeros_like(moved)
        np.add.at(shift, here, push)
        np.subtract.at(shift, there, push)
        moved = np.clip(moved + shift, 0.0, 1.0)
    return moved


def _principal(vectors: Vectors) -> NDArray[np.float32]:
    """The two principal components, shape (n, 2), scaled as t-SNE begins best (first deviation 1e-4)."""
    centred = vectors - vectors.mean(axis=0)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    flat = np.zeros((len(vectors), 2), dtype=np.float32)
    wide = min(2, left.shape[1])
    flat[:, :wide] = left[:, :wide] * strengths[:wide]
    # The decomposition leaves the signs open: the point farthest out lies on the positive side.
    flat *= np.where(flat[np.abs(flat).argmax(axis=0), [0, 1]] < 0, -1, 1)
    return np.asarray(flat / max(float(flat[:, 0].std()), 1e-12) * 1e-4, dtype=np.float32)


def _into_square(flat: Places) -> Places:
    """To the square's edges where that stretches one direction but little, so that near stays near; in the middle."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    size = high - low
    if size.max() <= 1e-9:
        return np.full_like(flat, 0.5)
    scaled: Places = 0.5 + (flat - (low + high) / 2) / np.maximum(size, size.max() / _STRETCH)
    return scaled


def _grouped(places: Places) -> NDArray[np.int64]:
    """A group's number for each place: about as many groups as each has members."""
    count = len(places)
    groups = min(_MOST_GROUPS, round(math.sqrt(count)))
    if groups < 2:
        return np.zeros(count, dtype=np.int64)
    from scipy.cluster.hierarchy import fcluster, linkage

    labels: NDArray[np.int64] = fcluster(linkage(places, "ward"), groups, "maxclust").astype(np.int64)
    return labels


def _names(groups: Sequence[Sequence[FaqEntry]]) -> list[tuple[str, ...]]:
    """For each group, the words that most of it and little else uses."""
    analyser = Analyser()
    framing = {analyser.stem(word) for word in _FRAMING}
    forms: dict[str, Counter[str]] = {}
    weights: list[Counter[str]] = []  # of each group: of each term, in how many entries it is, those in questions more
    spread_of: list[Counter[str]] = []  # of each group: in how many entries each term is
    for group in groups:
        weight: Counter[str] = Counter()
        entries_with: Counter[str] = Counter()
        for entry in group:
            asked = _terms(analyser, entry.question, forms)
            told = _terms(analyser, entry.answer, forms)
            # A word counts once an entry: one that is repeated in a single entry does not speak for the group.
            weight.update({term: _IN_QUESTION if term in asked else 1 for term in asked | told})
            entries_with.update(asked | told)
        weights.append(weight)
        spread_of.append(entries_with)
    total = sum(spread_of, Counter[str]())
    count = sum(len(group) for group in groups)
    names = []
    for weight, entries_with in zip(weights, spread_of, strict=True):
        value = {term: w * math.log(1 + count / total[term] ** 1.5) for term, w in weight.items()}
        value = {term: v for term, v in value.items() if term not in framing} or value
        shared = [term for term in value if entries_with[term] > 1 and 2 * total[term] <= count]
        best = sorted(shared or value, key=lambda term: (-value[term], term))[:_NAME_WORDS]
        names.append(tuple(forms[term].most_common(1)[0][0] for term in best))
    return names


def _terms(analyser: Analyser, text: str, forms: dict[str, Counter[str]]) -> set[str]:
    """The terms of a text; `forms` notes how each is written."""
    found = set()
    for word in analyser.words(text):
        term = word.joined or word.parts[0]
        if len(term) > 2 and not term.isdigit():
            forms.setdefault(term, Counter())[word.raw] += 1
            found.add(term)
    return found
