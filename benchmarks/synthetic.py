"""A FAQ of any size out of the real one: its entries repeated and perturbed, with vectors. Always the same."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rag_faq.records import Chunk, FaqEntry
from rag_faq.retrieval.embedder import Embedder, Vectors

SEED = 35
_WORD = re.compile(r"[A-Za-z]{4,}")
_SWAPPED = 0.15  # of the longer words
_RARE = 0.03  # of the longer words become one that few entries have, as in any real collection
_SYLLABLES = ("ba", "co", "di", "fe", "gu", "ka", "lo", "mi", "ne", "pu", "ra", "so", "ti", "ve", "zu", "xen")
_NOISE = 0.35  # length of what is added to a unit vector of a perturbed text


def entries(real: Sequence[FaqEntry], count: int, seed: int = SEED) -> tuple[FaqEntry, ...]:
    """`count` entries: the real ones first, then copies with one to three of their paragraphs and words changed."""
    rng = random.Random(seed)
    vocabulary = sorted({word for entry in real for word in _WORD.findall(f"{entry.question} {entry.answer}")})
    made = list(real[:count])
    while len(made) < count:
        base = real[len(made) % len(real)]
        paragraphs = [part for part in base.answer.split("\n\n") if part.strip()]
        begin = rng.randrange(len(paragraphs))
        answer = "\n\n".join(paragraphs[begin : begin + rng.randint(1, 3)])
        number = len(made) + 1
        made.append(
            replace(
                base,
                id=f"synthetic#{number}",
                number=number,
                question=_perturbed(base.question, vocabulary, rng),
                answer=_perturbed(answer, vocabulary, rng),
            )
        )
    return tuple(made)


def _perturbed(text: str, vocabulary: Sequence[str], rng: random.Random) -> str:
    def other(match: re.Match[str]) -> str:
        chance = rng.random()
        if chance < _RARE:
            return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 5)))
        return rng.choice(vocabulary) if chance < _RARE + _SWAPPED else match[0]

    return _WORD.sub(other, text)


def chunks(made: Sequence[FaqEntry]) -> tuple[Chunk, ...]:
    """As the corpus is cut, but with no tokeniser to ask: the question, the entry, its paragraphs and its bullets."""
    found: list[Chunk] = []
    for entry in made:
        found.append(Chunk(f"{entry.id}/question/0", entry.id, entry.question, "question"))
        found.append(Chunk(f"{entry.id}/entry/0", entry.id, f"{entry.question}\n{entry.answer}"[:1200], "entry"))
        parts = [part for part in entry.answer.split("\n\n") if part.strip()]
        if len(parts) > 1:
            found += [
                Chunk(f"{entry.id}/paragraph/{i}", entry.id, f"{entry.question}\n{part}"[:1200], "paragraph")
                for i, part in enumerate(parts)
            ]
    return tuple(found)


class PerturbingEmbedder:
    """Makes vectors for texts in no time: that of a real text, with noise that the text's own hash decides.

    The real embedder would take hours for 100,000 entries. It embeds the questions: this one has the same name and
    fingerprint, so that an index made by this one opens with it.
    """

    def __init__(self, real: Embedder, anchors: Sequence[str]) -> None:
        self.name = real.name
        self.fingerprint = real.fingerprint
        self.dim = real.dim
        self.max_tokens = real.max_tokens
        self._anchors = real.encode(list(anchors))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), dim)."""
        seeds = [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") for text in texts]
        vectors = self._anchors[[seed % len(self._anchors) for seed in seeds]].copy()
        for row, seed in enumerate(seeds):
            noise = np.random.default_rng(seed).standard_normal(self.dim, dtype=np.float32)
            vectors[row] += noise * np.float32(_NOISE / np.sqrt(self.dim))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        """About that of a word-piece tokeniser."""
        return len(text) // 4 + 2
