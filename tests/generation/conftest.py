"""The small model on which the engine's mechanics are tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_faq.generation.engine import LlamaEngine
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import ResolvedModel, resolve
from rag_faq.settings import Settings

SMALL = "smollm2-135m-instruct-q4_1"


@pytest.fixture(scope="session")
def small_model() -> ResolvedModel:
    return resolve(SMALL, "llm", models_folder(Settings.load().models))


@pytest.fixture(scope="session")
def small_gguf(small_model: ResolvedModel) -> Path:
    return small_model.path


@pytest.fixture(scope="module")
def engine(small_model: ResolvedModel) -> Iterator[LlamaEngine]:
    """Keeps states in memory, none on disk."""
    loaded = LlamaEngine.load(small_model.path, sha256=small_model.sha256, name=small_model.name, context_tokens=1024)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def narrow_engine(small_model: ResolvedModel) -> Iterator[LlamaEngine]:
    """Writes one text at a time: whoever comes second waits in line."""
    loaded = LlamaEngine.load(small_model.path, sha256=small_model.sha256, context_tokens=1024, parallel=1)
    yield loaded
    loaded.close()
