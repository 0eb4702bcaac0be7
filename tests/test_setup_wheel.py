"""The built wheel carries the corpus, the index and all data files, and works where it is installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # `make` installs the pinned hatchling; an environment without it lets pip fetch one for this build.
    options = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    pip("wheel", "--no-deps", *options, "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


def pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def data_files() -> set[str]:
    """What belongs into the wheel, by its name there: the package's own files, the corpus, and each built index."""
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "rag_faq").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found |= {f"rag_faq/data/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "corpus").iterdir()}
    for manifest in (ROOT / "indexes").glob("*/manifest.json"):
        files = (path for path in manifest.parent.rglob("*") if path.is_file())
        found |= {f"rag_faq/data/{path.relative_to(ROOT).as_posix()}" for path in files}
    return found


def test_everything_that_the_program_reads_is_inside(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert "rag_faq/models/catalog.toml" in inside
    assert "rag_faq/data/corpus/generative-ai-faq.md" in inside
    assert data_files() - inside == set()


def test_nothing_else_is_inside(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel).namelist()
    assert all(name.startswith(("rag_faq/", "rag_faq-")) for name in inside)
    assert [name for name in inside if name.endswith((".lock", ".gitkeep", ".part", ".gguf", ".pyc"))] == []


def test_the_licence_and_the_command_are_declared(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    assert "rag-faq = rag_faq.interfaces.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert b"Apache License" in archive.read(f"{info}/licenses/LICENSE")
    assert "License-Expression: Apache-2.0" in archive.read(f"{info}/METADATA").decode()


def test_installed_elsewhere_it_finds_the_corpus_and_the_index_that_came_with_it(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip("install", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    program = "from rag_faq import Settings; s = Settings.load(); print(s.corpus); print(s.index)"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAG_FAQ_")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(target)},
    )
    corpus, index = map(Path, done.stdout.splitlines())
    assert corpus == target / "rag_faq" / "data" / "corpus"
    original = (ROOT / "corpus" / "generative-ai-faq.md").read_bytes()
    assert (corpus / "generative-ai-faq.md").read_bytes() == original
    assert index.parent == target / "rag_faq" / "data" / "indexes"
