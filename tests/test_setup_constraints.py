"""constraints.txt pins everything that is installed, and this environment is what it says."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.environment.install import BUILD_TOOLS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def pins() -> dict[str, Requirement]:
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, LINES)}


def test_every_line_is_one_exact_version_of_one_package() -> None:
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+( ; python_version [<>=]+ \"[\d.]+\")?", line) for line in LINES)
    assert len(pins()) == len(LINES)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_what_the_project_asks_for_is_pinned_within_its_own_bounds(python: str) -> None:
    asked = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    for requirement in map(Requirement, asked):
        pin = pins()[canonicalize_name(requirement.name)]
        version = next(iter(pin.specifier)).version
        assert requirement.specifier.contains(version), f"{requirement} and {pin}"
        assert pin.marker is None or pin.marker.evaluate({"python_version": python})


def test_the_build_tools_are_pinned() -> None:
    assert {"pip", *BUILD_TOOLS} <= set(pins())


def test_everything_that_is_installed_for_the_project_has_the_pinned_version() -> None:
    """Walks the requirements from the project on: a package that comes by way of another one needs its pin too."""
    pinned, seen, wrong = pins(), set(), []
    waiting = [Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            wrong.append(f"{name} is not installed")
            continue
        if name not in pinned:
            wrong.append(f"{name} has no pin")
        elif not pinned[name].specifier.contains(Version(found.version).public):
            wrong.append(f"{name} {found.version} is installed, and {pinned[name]} is pinned")
        for text in found.requires or ():
            needed = Requirement(text)
            extras = ({"extra": extra} for extra in ("", *requirement.extras))
            if needed.marker is None or any(needed.marker.evaluate(extra) for extra in extras):
                waiting.append(needed)
    assert wrong == []
    assert len(seen) > 80
