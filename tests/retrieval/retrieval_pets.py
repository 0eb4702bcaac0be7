"""A corpus of three entries whose scores can be worked out by hand."""

from __future__ import annotations

from rag_faq.records import Chunk, FaqEntry
from rag_faq.testing import FakeEmbedder

VOCABULARY = ("cat", "dog", "fish", "bird", "stone")


def entry(number: int, question: str, answer: str) -> FaqEntry:
    return FaqEntry(f"pets#{number}", number, question, answer, "pets.md", (number, number))


def chunks_of(one: FaqEntry, *extra: tuple[str, str]) -> list[Chunk]:
    """The question, the whole entry, each paragraph; then `extra` as (kind, text)."""
    texts = [("question", one.question), ("entry", f"{one.question}\n{one.answer}")]
    texts += [("paragraph", f"{one.question}\n{part}") for part in one.answer.split("\n\n")]
    return [Chunk(f"{one.id}/{kind}/{i}", one.id, text, kind) for i, (kind, text) in enumerate([*texts, *extra])]


ENTRIES = (
    entry(1, "What does a cat eat?", "Fish.\n\nA cat may also eat a bird."),
    entry(2, "What does a dog eat?", "Whatever the cat leaves."),
    entry(3, "Who eats a stone?", "Nobody."),
)
CHUNKS = tuple(chunk for one in ENTRIES for chunk in chunks_of(one))
CORPUS = {"pets.md": "0" * 64}


def embedder() -> FakeEmbedder:
    return FakeEmbedder(VOCABULARY)
