from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rag_faq.corpus.reader import Corpus, read_corpus

REAL = Path(__file__).parents[2] / "corpus" / "generative-ai-faq.md"


@pytest.fixture(scope="session")
def real_file() -> Path:
    return REAL


@pytest.fixture(scope="session")
def real_corpus() -> Corpus:
    return read_corpus(REAL)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Corpus]:
    """Write a text to a file and read it as a corpus."""

    def write_and_read(text: str, name: str = "faq.md") -> Corpus:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return read_corpus(path)

    return write_and_read
