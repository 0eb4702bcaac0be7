"""`python -m scripts.environment [--dev]`: make `.venv` what constraints.txt says; quick when it is that already."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.environment import backend as backends
from scripts.environment import checks, stamp, torch_source
from scripts.environment.install import Installer, Project, exclusive
from scripts.environment.machine import Machine, look
from scripts.environment.pip import Pip
from scripts.environment.problems import SetupError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when the environment stands, 1 when something is missing (said on standard error)."""
    parser = argparse.ArgumentParser(prog="python -m scripts.environment", description=__doc__)
    parser.add_argument("--dev", action="store_true", help="with the tools that test the program")
    dev: bool = parser.parse_args(arguments).dev
    project = Project(Path(__file__).resolve().parents[2])
    try:
        _bring_up(project, look(), os.environ, dev=dev)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def key_of(project: Project, backend: backends.Backend, flavour: str) -> str:
    """A hash of all that the environment is made from, its place included: an environment cannot be moved."""
    inputs = (project.constraints, project.root / "pyproject.toml")
    built = (backend.name, backend.cmake_args, str(sorted(backend.environment.items())))
    return stamp.key_of(inputs, *built, flavour, str(project.root))


def _bring_up(project: Project, machine: Machine, environment: Mapping[str, str], *, dev: bool) -> None:
    backend = backends.choose(machine, environment)
    cuda = torch_source.wants_cuda(machine, environment.get(backends.VARIABLE, "").strip().lower())
    flavour = "cuda" if cuda else "cpu"
    key = key_of(project, backend, flavour)
    path = project.stamp

    def stands(last: stamp.Stamp | None) -> bool:
        return last is not None and last.key == key and (last.dev or not dev) and project.python.exists()

    if stands(stamp.read(path)):
        return
    with exclusive(project.state):
        last = stamp.read(path)
        if stands(last):  # the one that was waited for has made it
            return
        _check(project, machine, flavour, environment)
        path.unlink(missing_ok=True)
        # What was tested stays testable: `make run` after `make test` does not leave the tools behind.
        dev = dev or (last is not None and last.dev)
        pip = Pip(project.python, project.constraints, project.log)
        installer = Installer(project, machine, backend, cuda=cuda, pip=pip)
        installer.run(dev=dev)
        stamp.Stamp(key, dev).write(path)
        print("The environment stands.", flush=True)


def _check(project: Project, machine: Machine, flavour: str, environment: Mapping[str, str]) -> None:
    """All that is missing, said at once and before anything long starts."""
    found = [checks.system(machine)]
    first = not project.python.exists()
    if first:
        found += [checks.venv_module(), checks.disk(checks.disk_needs(project.root, flavour, environment))]
    if project.installed("llama-cpp-python") != project.pinned("llama-cpp-python"):
        found.append(checks.compiler(environment))
    if problems := [problem for problem in found if problem is not None]:
        raise SetupError(*problems)
    if first:
        gigabytes = (checks.ENVIRONMENT_BYTES[flavour] + checks.SCRATCH_BYTES[flavour]) / checks.GB
        print(
            f"Setting up rag-faq in {project.venv} with Python {sys.version.split()[0]} ({flavour}; about "
            f"{gigabytes:.1f} GB while it works).\nThis happens once. The log is {project.log}.",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
