"""A small FAQ with a chatbot over it, whose every answer can be worked out by hand."""

from pathlib import Path

from rag_faq.chatbot import FaqChatbot, Options
from rag_faq.corpus.chunking import chunk_entries
from rag_faq.corpus.reader import read_corpus
from rag_faq.generation.generator import Generator
from rag_faq.grounding.verify import Verifier
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import build_index, open_index
from rag_faq.testing import FakeEmbedder

FAQ = """# Pets

## 1. What do cats eat?

Cats eat fish and chicken. Most cats drink water.

## 2. How long do dogs sleep?

- Puppies sleep eighteen hours a day.
- Grown dogs sleep twelve hours a day.

## 3. Which cage do you use for parrots?

I use a steel cage with three perches.
"""
VOCABULARY = (
    "cats", "cat", "eat", "fish", "chicken", "drink", "water", "dogs", "dog", "sleep", "puppies", "hours", "twelve",
    "eighteen", "cage", "parrots", "steel", "perches",
)  # fmt: skip


def pet_retriever(folder: Path) -> Retriever:
    """The index of FAQ, built below `folder` and opened."""
    document = folder / "pets.md"
    document.write_text(FAQ, encoding="utf-8")
    corpus = read_corpus(document)
    embedder = FakeEmbedder(VOCABULARY)
    chunks = chunk_entries(corpus.entries, embedder.count_tokens, embedder.max_tokens)
    files = {d.name: d.sha256 for d in corpus.documents}
    build_index(folder / "index", corpus.entries, chunks, embedder, corpus_files=files, repairs=corpus.repairs)
    return Retriever(open_index(folder / "index", embedder, files), embedder)


def pet_chatbot(folder: Path, generator: Generator | None, options: Options | None = None) -> FaqChatbot:
    """A chatbot over FAQ that writes what `generator` says."""
    retriever = pet_retriever(folder)
    return FaqChatbot(retriever, Verifier(retriever.embedder), generator, options, model_note="None was wanted.")
