"""Writes requirements.txt, from which a Hugging Face Space installs: `python -m scripts.space.requirements`.

It holds the version of constraints.txt of everything that the program needs, directly or by way of another package.
What needs what is read from the packages of this environment. With `--check` nothing is written, and the exit status
is 1 when the file is not up to date.

A Space of the kind `sdk: gradio` installs in one single command

    pip install -r requirements.txt gradio[oauth,mcp]==<sdk_version> "uvicorn>=0.14.0" "websockets>=10.4" spaces

and, on ZeroGPU, a bound on torch besides. So nothing here may contradict what these ask for (see `SPACE_PINS`).
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "requirements.txt"

# Where a Space differs from constraints.txt. Gradio's extra `mcp`, which every Gradio Space gets, holds pydantic back.
SPACE_PINS: dict[str, str] = {"pydantic": "2.12.5", "pydantic-core": "2.41.5"}

# Not for a Space: the same extra wants mcp 1, and our door for MCP wants mcp 2.
LEFT_OUT = frozenset({"mcp"})

LLAMA_WHEELS = "https://abetlen.github.io/llama-cpp-python/whl/cpu"

HEAD = f"""\
# What a Hugging Face Space installs. Written by `python -m scripts.space.requirements` from constraints.txt.
#
# llama-cpp-python is on the Python package index as source only. Its own index has wheels for any x86-64 with AVX2;
# where it lacks one, pip compiles, for any such processor too: a Space is not built on the machine that it runs on.
#
# torch is the plain build of the Python package index. A CPU build would be smaller, but the package `spaces` does not
# import with one on ZeroGPU, and ZeroGPU turns a version such as +cpu down.
--extra-index-url {LLAMA_WHEELS}
"""

# For any processor, and with llama.cpp's own threads: OpenMP's sleep too often beside torch's.
_LLAMA_OPTIONS = "".join(f' --config-settings="cmake.define.GGML_{name}=OFF"' for name in ("NATIVE", "OPENMP"))

# A Space runs on Linux on x86-64; the Python is one of those that the project supports.
_PLATFORM = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
}
_PYTHONS = ("3.11", "3.12", "3.13")


def pins(root: Path = ROOT) -> dict[str, Requirement]:
    """constraints.txt by canonical name."""
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def direct(root: Path = ROOT) -> list[str]:
    """What pyproject.toml says that the program needs."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


def needed(requirements: Iterable[str], pinned: Mapping[str, Requirement]) -> set[str]:
    """Canonical names of everything that these requirements bring, on any Python that is supported.

    A package that is not installed here (one that only another Python needs) is taken to bring nothing.
    """
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen or name in LEFT_OUT:
            continue
        seen.add(key)
        if name in pinned and (marker := pinned[name].marker) and not marker.evaluate():
            continue
        waiting += _brings(name, requirement.extras)
    return {name for name, _ in seen}


def _brings(name: str, extras: Collection[str]) -> Iterator[Requirement]:
    for text in distribution(name).requires or ():
        brought = Requirement(text)
        marker = brought.marker
        if marker is None or any(
            marker.evaluate(
                {**_PLATFORM, "python_version": python, "python_full_version": f"{python}.5", "extra": extra}
            )
            for python in _PYTHONS
            for extra in ("", *extras)
        ):
            yield brought


def text(root: Path = ROOT) -> str:
    """The whole file."""
    pinned = pins(root)
    asked = [Requirement(line) for line in direct(root)]
    extras: dict[str, str] = {canonicalize_name(r.name): f"[{','.join(sorted(r.extras))}]" for r in asked if r.extras}
    lines = []
    for name in sorted(needed(direct(root), pinned)):
        if name not in pinned:
            raise SystemExit(f"{name} has no pin in constraints.txt")
        pin = pinned[name]
        version = SPACE_PINS.get(name, next(iter(pin.specifier)).version)
        line = f"{name}{extras.get(name, '')}=={version}" + (f" ; {pin.marker}" if pin.marker else "")
        lines.append(line + (_LLAMA_OPTIONS if name == "llama-cpp-python" else ""))
    return HEAD + "\n".join(lines) + "\n"


def version_of(name: str, requirements: str) -> str:
    """The version that a requirements file pins `name` to."""
    match = re.search(rf"^{re.escape(name)}(?:\[[^]]*\])?==([^\s;]+)", requirements, re.MULTILINE)
    if match is None:
        raise KeyError(name)
    return match[1]


def main() -> int:
    """Write or check."""
    new = text()
    if "--check" in sys.argv[1:]:
        return int(not TARGET.exists() or TARGET.read_text(encoding="utf-8") != new)
    TARGET.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
