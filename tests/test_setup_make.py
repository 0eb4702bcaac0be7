"""What `make` and continuous integration would do, read without doing it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.environment import backend as backends
from scripts.environment import stamp, torch_source
from scripts.environment.__main__ import key_of
from scripts.environment.install import Project
from scripts.environment.machine import look

ROOT = Path(__file__).resolve().parents[1]


def make(*arguments: str, cwd: Path = ROOT) -> str:
    return subprocess.run(
        ["make", *arguments], cwd=cwd, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    ).stdout


def steps(target: str) -> list[str]:
    """The commands of a target in order, shortened to what they are about."""
    known = {
        "--dev": "environment for tests",
        "scripts.environment": "environment",
        "models fetch smollm2": "test weights",
        "models fetch": "weights",
        "index build": "index",
        "serve": "serve",
        "ruff check": "style",
        "ruff format": "form",
        "mypy --package scripts": "types of scripts",
        "mypy": "types",
        "pytest": "pytest",
    }
    return [next(name for key, name in known.items() if key in line) for line in make("-n", target).splitlines()]


def test_run_makes_what_is_missing_before_it_serves() -> None:
    assert steps("run") == ["environment", "weights", "index", "serve"]


def test_test_ends_with_pytest() -> None:
    made = steps("test")
    assert made[0] == "environment for tests"
    assert made[-1] == "pytest"
    assert set(made) == {
        *("environment for tests", "weights", "test weights", "style", "form", "types", "types of scripts"),
        *("index", "pytest"),
    }


def test_make_alone_says_what_there_is() -> None:
    said = make()
    assert all(f"make {target} " in said for target in ("run", "test", "index", "weights", "lint", "clean", "help"))


def test_the_order_holds_with_many_jobs_at_once() -> None:
    assert make("-n", "-j8", "run") == make("-n", "run")


@pytest.mark.parametrize("script", [["sh", "-n", "scripts/find-python.sh"], ["bash", "-n", ".ci/run"]])
def test_the_shell_scripts_parse(script: list[str]) -> None:
    subprocess.run(script, cwd=ROOT, check=True)


def test_nothing_is_done_when_nothing_changed(tmp_path: Path) -> None:
    """The environment's own check, over a stamp that fits: no pip, no network, nothing said."""
    for name in ("scripts", "constraints.txt", "pyproject.toml"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    project, machine = Project(tmp_path), look()
    backend = backends.choose(machine, {})
    key = key_of(project, backend, "cuda" if torch_source.wants_cuda(machine, "") else "cpu")
    stamp.Stamp(key, dev=True).write(project.stamp)
    command = [sys.executable, "-m", "scripts.environment"]
    of_a_build = {"RAG_FAQ_LLAMA_BACKEND", "CMAKE_ARGS", "CFLAGS", "CXXFLAGS"}
    for arguments in ([], ["--dev"]):
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env={k: v for k, v in os.environ.items() if k not in of_a_build},
        )
        assert (done.stdout, done.stderr) == ("", "")
    assert not project.log.exists()
