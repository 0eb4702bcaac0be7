"""On ZeroGPU: what is marked, when a GPU is asked for, and what happens when none is given.

The package `spaces` is there only on the platform. A stand-in with its three names takes its place.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import gradio
import numpy as np
import pytest

from rag_faq.interfaces import zero_gpu
from rag_faq.interfaces.zero_gpu import WORTHWHILE, Ahead, ZeroGpu, embed, on_zero_gpu
from rag_faq.testing import FakeEmbedder

TEXTS = [f"cat {number}" for number in range(WORTHWHILE)]


class Platform:
    """What the platform was told, and the vectors that its GPU gives."""

    def __init__(self) -> None:
        self.marked: list[tuple[Any, int]] = []
        self.calls: list[tuple[str, str, int]] = []
        self.started = 0
        self.failure: Exception | None = None

    def gpu(self, task: Any, *, duration: int) -> Any:
        self.marked.append((task, duration))

        def run(folder: str, name: str, texts: list[str]) -> Any:
            self.calls.append((folder, name, len(texts)))
            if self.failure:
                raise self.failure
            return FakeEmbedder(("cat",)).encode(texts)

        return run

    def startup(self) -> None:
        self.started += 1


@pytest.fixture
def platform(monkeypatch) -> Platform:
    state = Platform()
    spaces, zero = types.ModuleType("spaces"), types.ModuleType("spaces.zero")
    spaces.GPU, zero.startup = state.gpu, state.startup  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setitem(sys.modules, "spaces.zero", zero)
    return state


@pytest.mark.parametrize(("value", "on"), [("true", True), ("1", True), ("T", True), ("false", False), ("", False)])
def test_the_platform_says_so_in_a_variable(value, on):
    assert on_zero_gpu({"SPACES_ZERO_GPU": value}) is on
    assert not on_zero_gpu({})


def test_one_function_is_marked_and_the_platform_is_told(platform):
    gpu = ZeroGpu()
    assert platform.marked == [(embed, zero_gpu.SECONDS)]
    assert platform.started == 0
    gpu.report_started()
    assert platform.started == 1


def test_a_small_corpus_is_left_to_the_cpu(platform):
    embedder = FakeEmbedder(("cat",))
    assert ZeroGpu().embed_ahead(embedder, Path("weights"), TEXTS[1:]) is embedder
    assert platform.calls == []


def test_a_large_corpus_is_embedded_in_one_call(platform):
    embedder = FakeEmbedder(("cat",))
    ahead = ZeroGpu().embed_ahead(embedder, Path("weights"), [*TEXTS, *TEXTS])
    assert platform.calls == [("weights", "fake", WORTHWHILE)]
    assert ahead.encode(TEXTS[:3]).tolist() == [[1, 0], [1, 0], [1, 0]]
    assert embedder.encoded == []


@pytest.mark.parametrize("failure", [gradio.Error("GPU limit"), RuntimeError("no stream"), ConnectionError("gone")])
def test_without_a_gpu_the_cpu_does_it(platform, failure, caplog):
    platform.failure = failure
    embedder = FakeEmbedder(("cat",))
    assert ZeroGpu().embed_ahead(embedder, Path("weights"), TEXTS) is embedder
    assert "embedding on the CPU" in caplog.text


def test_what_is_not_known_is_asked_of_the_embedder_behind():
    behind = FakeEmbedder(("cat", "dog"))
    ahead = Ahead(behind, {"dog": np.array([9, 9, 9], np.float32)})
    assert ahead.encode(["cat", "dog", "cat"]).tolist() == [[1, 0, 0], [9, 9, 9], [1, 0, 0]]
    assert ahead.encode([]).shape == (0, 3)
    same = ("name", "fingerprint", "dim", "max_tokens")
    assert [getattr(ahead, name) for name in same] == [getattr(behind, name) for name in same]
    assert ahead.count_tokens("one two") == behind.count_tokens("one two")


@pytest.mark.weights
def test_the_marked_function_gives_the_embedders_own_vectors():
    from rag_faq.assembly import load_embedder
    from rag_faq.models.cache import models_folder
    from rag_faq.models.resolve import resolve
    from rag_faq.settings import Settings

    settings = Settings.load(embedder_device="cpu")
    found = resolve(settings.embedder, "embedder", models_folder(settings.models))
    texts = ["What do cats eat?", "How long do dogs sleep?"]
    given = embed(str(found.path), found.name, texts)
    assert np.allclose(given, load_embedder(settings).encode(texts), atol=1e-5)
