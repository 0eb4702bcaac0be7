"""The language model of the settings, loaded for a benchmark by itself, without the engine around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag_faq.generation.hardware import usable_cores
from rag_faq.generation.llama import LlamaModel
from rag_faq.generation.loading import Layout
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import resolve
from rag_faq.settings import Settings


def weights(settings: Settings) -> tuple[Path, Layout]:
    """The file, and how the settings want it loaded: with all cores and on the CPU, unless they say otherwise."""
    layout = Layout(
        settings.context_tokens, settings.threads or usable_cores(), settings.gpu_layers or 0, settings.repack
    )
    return resolve(settings.llm, "llm", models_folder(settings.models)).path, layout


@contextmanager
def loaded(settings: Settings) -> Iterator[LlamaModel]:
    """The model, freed at the end."""
    model = LlamaModel(*weights(settings))
    try:
        yield model
    finally:
        model.free()
