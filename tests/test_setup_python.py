"""The search for a Python to make the environment with, in folders of stand-ins for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with no environment, and a folder `bin` that is the whole PATH."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "scripts" / "find-python.sh", tmp_path / "scripts")
    for program in ("dirname", "cat"):
        (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))
    return tmp_path


def python(path: Path, version: str | None) -> Path:
    """A program that prints `version` whatever it is asked, or fails, as a shim with no Python behind it does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + (f"echo {version}\n" if version else "exit 127\n"), encoding="utf-8")
    path.chmod(0o755)
    return path


def find(checkout: Path, wish: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(checkout / "scripts" / "find-python.sh")],
        env={"PATH": str(checkout / "bin"), "PYTHON": wish},
        capture_output=True,
        text=True,
        check=False,
    )


def test_python3_is_taken_when_it_fits(checkout: Path) -> None:
    python(checkout / "bin" / "python3.13", "3.13")
    expected = python(checkout / "bin" / "python3", "3.11")
    assert find(checkout).stdout == f"{expected}\n"


def test_the_newest_that_fits_is_taken_when_python3_is_too_old_or_too_new(checkout: Path) -> None:
    python(checkout / "bin" / "python3", "3.14")
    python(checkout / "bin" / "python3.13", None)
    expected = python(checkout / "bin" / "python3.12", "3.12")
    python(checkout / "bin" / "python3.11", "3.11")
    assert find(checkout).stdout == f"{expected}\n"


def test_the_python_of_the_environment_is_kept_when_another_appears(checkout: Path) -> None:
    python(checkout / "bin" / "python3", "3.13")
    expected = python(checkout / ".venv" / "bin" / "python", "3.11")
    assert find(checkout).stdout == f"{expected}\n"


def test_the_given_python_comes_before_all_others(checkout: Path) -> None:
    python(checkout / ".venv" / "bin" / "python", "3.11")
    given = python(checkout / "elsewhere" / "python3.12", "3.12")
    assert find(checkout, str(given)).stdout == f"{given}\n"


@pytest.mark.parametrize(
    ("there", "wish", "said"),
    [
        ({}, "", "none on the PATH"),
        ({"python3": "3.9"}, "", "python3 (Python 3.9)"),
        ({"python3": "3.11", "python3.8": "3.8"}, "python3.8", "python3.8 (Python 3.8)"),
        ({"python3": "3.11"}, "/nowhere/python", "PYTHON=/nowhere/python, which does not run"),
    ],
)
def test_without_one_that_fits_it_says_what_is_there_and_what_to_do(
    checkout: Path, there: dict[str, str], wish: str, said: str
) -> None:
    for name, version in there.items():
        python(checkout / "bin" / name, version)
    result = find(checkout, wish)
    assert result.returncode == 1
    assert result.stdout == ""
    assert said in result.stderr
    for words in ("Python 3.11, 3.12 or 3.13", "apt-get install", "dnf install", "brew install"):
        assert words in result.stderr
