"""Settings → FaqChatbot: the only place that names concrete backends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rag_faq.chatbot import FaqChatbot, Options
from rag_faq.corpus.chunking import chunk_entries, window
from rag_faq.corpus.reader import Corpus, read_corpus
from rag_faq.errors import IndexFolderError, ModelError
from rag_faq.generation import openai_wire, written
from rag_faq.generation.generator import Generator
from rag_faq.generation.hardware import give_way
from rag_faq.grounding.asking import ModelsWord, statement_probe
from rag_faq.grounding.verify import Verifier
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import resolve
from rag_faq.records import Chunk, Hit
from rag_faq.retrieval.embedder import Embedder, SentenceTransformerEmbedder
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.second import Searcher, SecondLook
from rag_faq.retrieval.store import build_index, load_index, open_index
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
    return _embedder(settings, settings.embedder)


def load_second_embedder(settings: Settings) -> Embedder | None:
    """The larger embedder of the settings; None where they name none, or its weights are not here."""
    _, *second = settings.embedders
    if not second:
        return None
    try:
        return _embedder(settings, second[0])
    except ModelError as error:
        log.warning("searching with one embedder alone: %s", error)
        return None


def _embedder(settings: Settings, name: str) -> Embedder:
    found = resolve(name, "embedder", models_folder(settings.models))
    return SentenceTransformerEmbedder(
        found.path,
        name=found.name,
        fingerprint=found.sha256,
        threads=settings.threads,
        device=settings.embedder_device,
    )


def load_generator(settings: Settings) -> Generator | NoModel:
    """The language model of the settings, or why there is none: the chatbot works without, in the FAQ's own words."""
    if settings.llm == "none":
        return NoModel("The setting llm is `none`.")
    served = settings.llm.startswith(openai_wire.PREFIX)
    try:
        return _connect(settings) if served else _load(settings)
    except ModelError as error:
        log.warning("answering without a language model: %s", error)
        return NoModel(str(error))


def _load(settings: Settings) -> Generator:
    """The model in this process."""
    from rag_faq.generation.engine import LlamaEngine

    found = resolve(settings.llm, "llm", models_folder(settings.models))
    return LlamaEngine.load(
        found.path,
        sha256=found.sha256,
        name=found.name,
        context_tokens=settings.context_tokens,
        threads=settings.threads,
        gpu_layers=settings.gpu_layers,
        repack=settings.repack,
        parallel=settings.parallel,
        state_budget_bytes=None if settings.state_cache_mb is None else settings.state_cache_mb * 2**20,
        state_folder=state_folder(settings) if settings.state_cache_disk else None,
    )


def _connect(settings: Settings) -> Generator:
    """The model behind a server."""
    from rag_faq.generation.openai_server import OpenAIServer

    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else ""
    address = openai_wire.parse_address(settings.llm)
    return OpenAIServer.connect(address, api_key=key, context_tokens=settings.context_tokens)


def build(
    settings: Settings,
    progress: Progress | None = None,
    extra: Sequence[Chunk] | None = None,
    ahead: Callable[[Embedder], Embedder] = lambda embedder: embedder,
) -> Manifest:
    """Read the corpus and build its index, embedding only what changed since the last time; then the second one.

    `extra` are the questions written for the entries; by default those of the index that is there, as far as their
    entries are unchanged. `ahead` may give an embedder that has its vectors from elsewhere. Gives the first's manifest.
    """
    corpus = read_corpus(settings.corpus)
    for warning in corpus.warnings:
        log.warning("%s", warning)
    extra = _written_before(settings, corpus) if extra is None else extra
    manifest = _build(settings, corpus, ahead(load_embedder(settings)), settings.index, extra, progress)
    if (second := load_second_embedder(settings)) is not None:
        _build(settings, corpus, ahead(second), second_index(settings), extra, progress)
    return manifest


def write_questions(settings: Settings, generator: Generator, progress: Progress | None = None) -> tuple[Chunk, ...]:
    """Questions for every entry by the model: those that find their own entry first. Takes minutes."""
    corpus = read_corpus(settings.corpus)
    embedder = load_embedder(settings)
    drafts = written.draft_questions(corpus.entries, generator, progress=progress)
    with TemporaryDirectory(prefix="rag-faq-") as folder:  # an index without them, to try them on
        _build(settings, corpus, embedder, Path(folder) / "index", ())
        retriever = Retriever(open_index(Path(folder) / "index", embedder), embedder)

        def finds(question: str) -> str | None:
            hits = retriever.search(question, 1)
            return hits[0].entry.id if hits else None

        return written.written_chunks(corpus.entries, written.kept_questions(drafts, finds))


def _build(
    settings: Settings,
    corpus: Corpus,
    embedder: Embedder,
    folder: Path,
    extra: Sequence[Chunk],
    progress: Progress | None = None,
) -> Manifest:
    return build_index(
        folder,
        corpus.entries,
        (*corpus_chunks(corpus, embedder), *extra),
        embedder,
        corpus_files=corpus.files,
        repairs=corpus.repairs,
        progress=progress,
    )


def corpus_chunks(corpus: Corpus, embedder: Embedder) -> tuple[Chunk, ...]:
    """All that the corpus itself gives to search, cut to what the embedder takes."""
    return chunk_entries(corpus.entries, embedder.count_tokens, embedder.max_tokens, corpus.wordings)


def _written_before(settings: Settings, corpus: Corpus) -> tuple[Chunk, ...]:
    try:
        old = load_index(settings.index)
    except IndexFolderError:
        return ()
    before = {(entry.id, entry.question, entry.answer) for entry in old.entries}
    same = {entry.id for entry in corpus.entries if (entry.id, entry.question, entry.answer) in before}
    return tuple(chunk for chunk in old.chunks if chunk.kind == "written" and chunk.entry_id in same)


def load_retriever(settings: Settings) -> Retriever:
    """Search over the index of the settings, which must be of the corpus and the embedder of the settings."""
    embedder = load_embedder(settings)
    files = read_corpus(settings.corpus).files
    return Retriever(open_index(settings.index, embedder, files), embedder)


def load_closer(settings: Settings, retriever: Retriever) -> Searcher:
    """The search that also asks the second embedder; `retriever` itself where there is none.

    Raises IndexFolderError when the second index is not there, not whole, or of something else.
    """
    second = load_second_embedder(settings)
    if second is None:
        return retriever
    index = open_index(second_index(settings), second, retriever.index.manifest.corpus)
    # It takes all cores for a moment, while the page shows what the first look found: that goes first.
    threads = ThreadPoolExecutor(1, "rag-faq second look", initializer=give_way)
    return SecondLook(retriever, Retriever(index, second), threads=threads)


def load_chatbot(
    settings: Settings | None = None, behind: Callable[[Generator], Generator] = lambda generator: generator
) -> FaqChatbot:
    """Everything joined: index, embedder, language model, checks. Takes a few seconds; keep it.

    `behind` may give a generator that has some of the language model's outputs from elsewhere.
    """
    settings = settings or Settings.load()
    retriever = load_retriever(settings)
    loaded = load_generator(settings)
    generator = loaded if isinstance(loaded, NoModel) else behind(loaded)
    options = Options(**{name: getattr(settings, name) for name in Options.__dataclass_fields__})
    closer = load_closer(settings, retriever)
    if isinstance(generator, NoModel):
        verifier = Verifier(retriever.embedder)
        return FaqChatbot(retriever, verifier, None, options, closer=closer, model_note=generator.reason)
    verifier = Verifier(retriever.embedder, ModelsWord(generator, statement_probe(generator.info)))
    return FaqChatbot(retriever, verifier, generator, options, closer=closer, cut=source_cut(settings, generator))


def source_cut(settings: Settings, generator: Generator) -> Callable[[Hit], str]:
    """Gives the part of an entry's answer that fits the prompt beside the other sources."""
    room = generator.info.context_tokens - settings.max_new_tokens - _QUESTION_TOKENS
    most = max(64, room // settings.max_sources)

    def cut(hit: Hit) -> str:
        # A text with fewer characters than the limit has tokens cannot have more tokens: the usual case is free.
        if len(hit.entry.answer) <= most:
            return hit.entry.answer
        return window(hit.entry, (hit.passage or hit.chunk).text, generator.count_tokens, most)

    return cut


def second_index(settings: Settings) -> Path:
    """The folder of the index by the second embedder: beside the first."""
    return settings.index.with_name(f"{settings.index.name}-second")


def state_folder(settings: Settings) -> Path:
    """Where the model's states are kept between starts."""
    return models_folder(settings.models) / "states"
