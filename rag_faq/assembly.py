"""Settings → FaqChatbot: the only place that names concrete backends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag_faq.chatbot import FaqChatbot, Options
from rag_faq.corpus.chunking import chunk_entries, window
from rag_faq.corpus.reader import Corpus, read_corpus
from rag_faq.errors import ModelError
from rag_faq.generation.generator import Generator
from rag_faq.grounding.verify import Verifier
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import resolve
from rag_faq.records import Hit
from rag_faq.retrieval.embedder import Embedder, SentenceTransformerEmbedder
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import build_index, open_index
from rag_faq.settings import Settings

if TYPE_CHECKING:
    from rag_faq.retrieval.manifest import Manifest

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]  # (done, total)

# What of the context is left for the question and the chat template's own tokens.
_QUESTION_TOKENS = 700


@dataclass(frozen=True, slots=True)
class NoModel:
    """Why there is no generator."""

    reason: str


def load_embedder(settings: Settings) -> Embedder:
    """The embedder of the settings. Its weights are read at its first use."""
    found = resolve(settings.embedder, "embedder", models_folder(settings.models))
    return SentenceTransformerEmbedder(found.path, name=found.name, fingerprint=found.sha256, threads=settings.threads)


def load_generator(settings: Settings) -> Generator | NoModel:
    """The language model of the settings, or why there is none: the chatbot works without, in the FAQ's own words."""
    if settings.llm == "none":
        return NoModel("The setting llm is `none`.")
    from rag_faq.generation.engine import LlamaEngine

    try:
        found = resolve(settings.llm, "llm", models_folder(settings.models))
        return LlamaEngine.load(
            found.path,
            sha256=found.sha256,
            name=found.name,
            context_tokens=settings.context_tokens,
            threads=settings.threads,
            gpu_layers=settings.gpu_layers,
            state_budget_bytes=None if settings.state_cache_mb is None else settings.state_cache_mb * 2**20,
            state_folder=state_folder(settings) if settings.state_cache_disk else None,
        )
    except ModelError as error:
        log.warning("answering without a language model: %s", error)
        return NoModel(str(error))


def corpus_hashes(corpus: Corpus) -> dict[str, str]:
    """The documents' names and hashes, as an index keeps them."""
    return {document.name: document.sha256 for document in corpus.documents}


def build(settings: Settings, progress: Progress | None = None) -> Manifest:
    """Read the corpus and build its index, embedding only what changed since the last time."""
    corpus = read_corpus(settings.corpus)
    embedder = load_embedder(settings)
    chunks = chunk_entries(corpus.entries, embedder.count_tokens, embedder.max_tokens)
    return build_index(
        settings.index,
        corpus.entries,
        chunks,
        embedder,
        corpus_files=corpus_hashes(corpus),
        repairs=corpus.repairs,
        progress=progress,
    )


def load_retriever(settings: Settings) -> Retriever:
    """Search over the index of the settings, which must be of the corpus and the embedder of the settings."""
    embedder = load_embedder(settings)
    files = corpus_hashes(read_corpus(settings.corpus)) if settings.corpus.exists() else None
    return Retriever(open_index(settings.index, embedder, files), embedder)


def load_chatbot(settings: Settings | None = None) -> FaqChatbot:
    """Everything joined: index, embedder, language model, checks. Takes a few seconds; keep it."""
    settings = settings or Settings.load()
    retriever = load_retriever(settings)
    generator = load_generator(settings)
    options = Options(**{name: getattr(settings, name) for name in Options.__dataclass_fields__})
    verifier = Verifier(retriever.embedder)
    if isinstance(generator, NoModel):
        return FaqChatbot(retriever, verifier, None, options, model_note=generator.reason)
    return FaqChatbot(retriever, verifier, generator, options, cut=source_cut(settings, generator))


def source_cut(settings: Settings, generator: Generator) -> Callable[[Hit], str]:
    """Gives the part of an entry's answer that fits the prompt beside the other sources."""
    room = generator.info.context_tokens - settings.max_new_tokens - _QUESTION_TOKENS
    most = max(64, room // settings.max_sources)

    def cut(hit: Hit) -> str:
        # A text with fewer characters than the limit has tokens cannot have more tokens: the usual case is free.
        if len(hit.entry.answer) <= most:
            return hit.entry.answer
        return window(hit.entry, hit.chunk.text, generator.count_tokens, most)

    return cut


def state_folder(settings: Settings) -> Path:
    """Where the model's states are kept between starts."""
    return models_folder(settings.models) / "states"
