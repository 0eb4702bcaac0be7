"""Every command of docs/http.md is run."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
from pathlib import Path

import pytest
from http_doors import ANSWER, QUESTION, served

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", DOCS, re.DOTALL)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served")) as address:
        yield address


def test_there_are_commands() -> None:
    assert [kind for kind, _ in BLOCKS].count("sh") >= 5
    assert [kind for kind, _ in BLOCKS].count("python") == 2


@pytest.mark.parametrize(("kind", "block"), BLOCKS)
def test_each_command_works(kind: str, block: str, address: str, tmp_path) -> None:
    block = block.replace("http://127.0.0.1:7860", address).replace("What is mode collapse?", QUESTION)
    if kind == "python":
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            exec(compile(block, "docs/http.md", "exec"), {})
        assert shown.getvalue().startswith(ANSWER)
        return
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "RAG_FAQ_API_KEYS": "key"},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
    assert '"status":' not in done.stdout or "no such answer" in done.stdout  # the id is made up
