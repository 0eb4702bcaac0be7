"""What must be there before anything long starts: each check gives a Problem, or None."""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.environment.machine import PYTHON_VERSION, Machine, free_bytes, nearest
from scripts.environment.problems import Problem

GB = 1_000_000_000

# Measured on Linux x86_64: the environment (CPU build 2.1 GB), pip's downloads and the build of llama.cpp while they
# run, and the default weights (1.7 GB, the largest twice while its parts are joined).
ENVIRONMENT_BYTES = {"cpu": int(2.2 * GB), "cuda": 9 * GB}
SCRATCH_BYTES = {"cpu": int(1.3 * GB), "cuda": 5 * GB}
WEIGHTS_BYTES = int(2.9 * GB)

_PROGRAM = "#include <vector>\nint main() { return static_cast<int>(std::vector<int>{}.size()); }\n"


@dataclass(frozen=True)
class Need:
    """So many bytes in the file system of `folder`, and for what."""

    folder: Path
    bytes: int
    what: str


def system(machine: Machine) -> Problem | None:
    """Linux, or a Mac with Apple silicon: torch is built for no other Mac any more."""
    if machine.system == "Linux" or (machine.is_mac and machine.arch == "arm64"):
        return None
    return Problem(
        "This system is not one that can be set up.",
        found=f"{machine.system} on {machine.arch}",
        needed="Linux, a Mac with Apple silicon, or Linux inside Windows (WSL)",
    )


def venv_module(present: Callable[[str], object] = importlib.util.find_spec) -> Problem | None:
    """Debian takes `venv` and `ensurepip` out of Python and puts them into a package of their own."""
    missing = [name for name in ("venv", "ensurepip") if present(name) is None]
    if not missing:
        return None
    version = PYTHON_VERSION
    return Problem(
        f"Python {version} cannot make environments.",
        found=f"{sys.executable} has no module {' and no module '.join(missing)}",
        needed="the modules venv and ensurepip",
        remedies={
            "Debian, Ubuntu": f"sudo apt-get install python{version}-venv",
            "Fedora": f"sudo dnf install python{version}",
            "macOS": f"brew install python@{version}",
        },
    )


def compiler(environment: Mapping[str, str] = os.environ) -> Problem | None:
    """Compile three lines of C++ and three of C, as the build of llama.cpp will."""
    failures = []
    for variable, usual, suffix in (("CXX", "c++", ".cpp"), ("CC", "cc", ".c")):
        command = shlex.split(environment.get(variable, "")) or [usual]
        if error := _compile(command, suffix, _PROGRAM if suffix == ".cpp" else "int main(void) { return 0; }\n"):
            failures.append(f"{' '.join(command)}: {error}")
    if not failures:
        return None
    return Problem(
        "No C++ compiler that works.",
        found="; ".join(failures),
        needed="a C and a C++ compiler (llama.cpp is compiled for this machine's own processor)",
        remedies={
            "Debian, Ubuntu": "sudo apt-get install build-essential",
            "Fedora": "sudo dnf install gcc-c++",
            "macOS": "xcode-select --install",
        },
    )


def disk(needs: Iterable[Need], free: Callable[[Path], int] = free_bytes) -> Problem | None:
    """Add up what is needed in each file system and compare it with what is free there."""
    by_device: dict[int, list[Need]] = {}
    for need in needs:
        by_device.setdefault(nearest(need.folder).stat().st_dev, []).append(need)
    short = []
    for group in by_device.values():
        needed, available = sum(need.bytes for need in group), free(group[0].folder)
        if available < needed:
            parts = ", ".join(f"{need.what} {need.bytes / GB:.1f} GB in {need.folder}" for need in group)
            short.append((available, needed, parts))
    if not short:
        return None
    return Problem(
        "Too little disk space.",
        found="; ".join(f"{available / GB:.1f} GB free" for available, _, _ in short),
        needed="; ".join(f"{needed / GB:.1f} GB ({parts})" for _, needed, parts in short),
        remedies={
            "Weights elsewhere": "export RAG_FAQ_MODELS=/large/disk/rag-faq",
            "pip elsewhere": "export PIP_CACHE_DIR=/large/disk/pip TMPDIR=/large/disk/tmp",
        },
    )


def disk_needs(root: Path, flavour: str, environment: Mapping[str, str] = os.environ) -> list[Need]:
    """What a first installation takes, and where. Weights that are there already take nothing."""
    needs = [
        Need(root, ENVIRONMENT_BYTES[flavour], "environment"),
        Need(Path(tempfile.gettempdir()), SCRATCH_BYTES[flavour], "build and downloads"),
    ]
    weights = models_folder(environment)
    if not any(weights.glob("qwen*/*.gguf")):
        needs.append(Need(weights, WEIGHTS_BYTES, "weights"))
    return needs


def models_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the program will keep weights; worked out here because `platformdirs` is not installed yet."""
    if named := environment.get("RAG_FAQ_MODELS"):
        return Path(named).expanduser()
    home = Path(environment.get("HOME") or Path.home())
    if platform.system() == "Darwin":
        return home / "Library" / "Caches" / "rag-faq" / "models"
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "rag-faq" / "models"


def _compile(command: list[str], suffix: str, program: str) -> str | None:
    """What went wrong, None when nothing did."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe" + suffix)
        source.write_text(program, encoding="utf-8")
        try:
            done = subprocess.run(
                [*command, str(source), "-o", str(source.with_suffix(".out"))],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except FileNotFoundError:
            return "not found"
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    return None if done.returncode == 0 else (done.stderr.strip() or "failed").splitlines()[0]
