"""Whether weights, corpus and index are whole and belong together, and whether the page can be served."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from rag_faq.errors import CorpusError, EngineError, IndexFolderError, ModelError, ServeError, UnknownModelError
from rag_faq.generation.engine import check_memory
from rag_faq.generation.gguf import read_gguf
from rag_faq.interfaces.doctor.findings import Finding, Level, from_error, ok
from rag_faq.interfaces.serve import free_port
from rag_faq.models.cache import ModelCache, models_folder
from rag_faq.models.resolve import ResolvedModel, find, resolve
from rag_faq.settings import Settings

if TYPE_CHECKING:
    from rag_faq.corpus.reader import Corpus
    from rag_faq.retrieval.embedder import Embedder


def weights(settings: Settings, *, full: bool = False) -> tuple[list[Finding], int]:
    """Findings on the models of the settings, and how many bytes are still to be fetched.

    A file whose size and times are those at which it was last hashed is taken to be whole; `full` hashes every byte
    again.
    """
    findings: list[Finding] = []
    missing = 0
    for name, role in settings.weights:
        if role == "llm" and name == "none":
            findings.append(ok("weights", "no language model: the setting llm is `none`"))
            continue
        try:
            if full:
                _hash_again(name, settings)
            found = resolve(name, role, models_folder(settings.models))
        except ModelError as error:
            # With one embedder alone less is found, and all else works.
            level: Level = "warning" if role == "embedder" and name != settings.embedder else "problem"
            findings.append(from_error("weights", error, level))
            missing += _size(name)
        else:
            how = "every byte hashed" if full else "size and times as when it was hashed"
            findings.append(ok("weights", f"{found.name} ({role}) is whole: {how}"))
            findings += _memory(found, settings) if role == "llm" else []
    return findings, missing


def _hash_again(name: str, settings: Settings) -> None:
    """Forget that the files were found whole before: the next look hashes them. Files of the user's have no promise."""
    try:
        model = find(name)
    except UnknownModelError:
        return
    ModelCache(models_folder(settings.models)).check(model, full=True)


def _size(name: str) -> int:
    try:
        return find(name).bytes or 0
    except UnknownModelError:
        return 0


def _memory(found: ResolvedModel, settings: Settings) -> list[Finding]:
    """Whether the model fits into what is free, as the engine will ask too."""
    try:
        file = read_gguf(found.path)
        if not settings.gpu_layers:
            check_memory(file, settings.context_tokens)
    except EngineError as error:
        return [from_error("weights", error)]
    return []


def index(settings: Settings) -> list[Finding]:
    """The corpus is readable, and the index of each embedder is whole and of this corpus."""
    from rag_faq.assembly import load_embedder, load_second_embedder, second_index
    from rag_faq.corpus.reader import read_corpus

    try:
        corpus = read_corpus(settings.corpus)
    except CorpusError as error:
        return [from_error("corpus", error)]
    findings = [ok("corpus", f"{settings.corpus}: {len(corpus.entries)} entries in {len(corpus.files)} files")]
    try:
        embedder = load_embedder(settings)
    except ModelError:
        embedder = None  # said among the weights; the index can be checked in itself
    findings.append(_index(settings.index, embedder, corpus))
    if (second := load_second_embedder(settings)) is not None:
        findings.append(_index(second_index(settings), second, corpus))
    return findings


def _index(folder: Path, embedder: Embedder | None, corpus: Corpus) -> Finding:
    from rag_faq.retrieval.store import load_index, open_index

    try:
        if embedder is None:
            load_index(folder)
            return ok("index", f"{folder} is whole; whether it is of this embedder cannot be told")
        found = open_index(folder, embedder, corpus.files)
        return ok("index", f"{folder} is whole, of this corpus and of {embedder.name}: {len(found.chunks)} chunks")
    except IndexFolderError as error:
        return from_error("index", error)
    except ImportError as error:
        return Finding("index", "problem", f"the index cannot be read: {error}", "make env")


def port(settings: Settings) -> Finding:
    """Whether the page can have its address. A port where somebody listens is only a warning: it may be ours."""
    try:
        free_port(settings.host, settings.port)
    except ServeError as error:
        return from_error("port", error, "warning" if _listens(settings.host, settings.port) else "problem")
    where = "any free port" if settings.port == 0 else f"port {settings.port}"
    return ok("port", f"{where} of {settings.host} is free")


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def cache_folder(settings: Settings) -> Path:
    """Where weights and states are kept."""
    return models_folder(settings.models)
