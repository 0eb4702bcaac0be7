"""The installation itself, step by step. Each step looks at what is there and does only what is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from scripts.environment import backend as backends
from scripts.environment import torch_source
from scripts.environment.backend import Backend
from scripts.environment.machine import PYTHON_VERSION, Machine
from scripts.environment.pip import Pip, PipError
from scripts.environment.problems import Problem, SetupError

# Installed first and not in pip's isolated build folders, so that their versions are pinned as well.
BUILD_TOOLS = ("hatchling", "editables", "scikit-build-core", "cmake", "ninja", "setuptools")


_SLOW = 3  # no code by which Python or a signal ends a process
_ASK = f"""
import sys
from rag_faq.generation.loading import library, uses_amx, uses_openmp
api = library().api
sys.exit(1 if uses_amx(api) else {_SLOW} if uses_openmp(api) else 0)
"""


@dataclass(frozen=True)
class Project:
    """The folders and files of a checkout."""

    root: Path

    @property
    def venv(self) -> Path:
        """The environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The Python of the environment."""
        return self.venv / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where the environment keeps its packages."""
        return self.venv / "lib" / f"python{PYTHON_VERSION}" / "site-packages"

    @property
    def constraints(self) -> Path:
        """The pins."""
        return self.root / "constraints.txt"

    @property
    def state(self) -> Path:
        """The folder for stamps and logs of `make`."""
        return self.root / ".make"

    @property
    def log(self) -> Path:
        """All that pip said."""
        return self.state / "setup.log"

    @property
    def stamp(self) -> Path:
        """What the environment was made from."""
        return self.state / "environment.json"

    @property
    def llama_note(self) -> Path:
        """The CMake options that llama.cpp was last built with."""
        return self.state / "llama-options"

    def pinned(self, name: str) -> str:
        """The version of `name` in constraints.txt."""
        match = re.search(rf"^{re.escape(name)}==([^\s;]+)", self.constraints.read_text(encoding="utf-8"), re.MULTILINE)
        if match is None:
            raise SetupError(Problem("A pin is missing.", found=f"no {name}== in {self.constraints}", needed="one"))
        return match[1]

    def installed(self, name: str) -> str | None:
        """The version of `name` in the environment; None when it is not there."""
        found = next(iter(distributions(name=name, path=[str(self.site_packages)])), None)
        return found.version if found else None


class Installer:
    """Brings the environment of `project` to what constraints.txt says."""

    def __init__(self, project: Project, machine: Machine, backend: Backend, *, cuda: bool, pip: Pip) -> None:
        self._project = project
        self._machine = machine
        self._backend = backend
        self._cuda = cuda
        self._pip = pip

    def run(self, *, dev: bool) -> None:
        """All steps in order.

        Raises:
            SetupError: a step failed; what is installed by then stays, and the next run goes on from there.
        """
        try:
            self.make_venv()
            self.install_tools()
            self.install_torch()
            self.install_llama()
            self.install_project(dev=dev)
            self.check_llama()
        except PipError as error:
            raise SetupError(error.problem(self._project.log)) from error

    def make_venv(self) -> None:
        """A new environment, unless the one that is there runs, has this version of Python, and was not moved."""
        folder = self._project.venv
        if folder.exists() and (reason := unusable(folder, self._project.python)):
            _say(f"The environment is made anew: {reason}")
            shutil.rmtree(folder)
        if not folder.exists():
            _say("Making .venv")
            try:
                venv.create(folder, with_pip=True, symlinks=True)
            except subprocess.CalledProcessError as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise SetupError(
                    Problem("The environment cannot be made.", found=str(error), needed="a Python with ensurepip")
                ) from error

    def install_tools(self) -> None:
        """A known pip, and the tools that build. Small and first, it also shows whether the index is reachable."""
        wanted = {name: self._project.pinned(name) for name in ("pip", *BUILD_TOOLS)}
        if all(self._project.installed(name) == version for name, version in wanted.items()):
            return
        _say("pip and the build tools")
        pins = [f"{name}=={version}" for name, version in wanted.items()]
        self._pip.install("--timeout", "15", "--retries", "1", *pins, show_progress=False)

    def install_torch(self) -> None:
        """The package torch alone: what it depends on follows with the rest, once it is sure to be free of CUDA."""
        version = self._project.pinned("torch")
        installed = self._project.installed("torch")
        if installed is not None and installed.split("+")[0] == version:
            return
        _say(f"torch {version}")
        source = torch_source.choose(self._machine, version, self._cuda, self._pip)
        _say(f"  {source.words}")
        self._pip.install("--no-deps", *source.arguments, source.requirement)

    def install_llama(self) -> bool:
        """llama-cpp-python for the wanted backend; whether anything was installed."""
        version = self._project.pinned("llama-cpp-python")
        built = backends.installed(self._project.site_packages)
        same = self._project.installed("llama-cpp-python") == version and backends.fits(self._backend, built)
        # The libraries tell the backend but no further options: those are written down after each build.
        if same and self._options_before() == self._backend.cmake_args:
            return False
        _say(f"llama-cpp-python {version} for {self._backend.name} ({self._backend.reason})")
        _say("  it is compiled here, about five minutes on two cores, unless pip has kept such a build")
        if not self._backend.is_plain:
            self._compile_llama(version)
            return True
        self._install_llama(version)
        if not backends.fits(self._backend, backends.installed(self._project.site_packages)):
            _say("  the build that pip had kept is for another backend: compiling")
            self._compile_llama(version)
        return True

    def _options_before(self) -> str:
        """The options of the build that is installed; none when it was not built from here."""
        note = self._project.llama_note
        return note.read_text(encoding="utf-8") if note.is_file() else ""

    def install_project(self, *, dev: bool) -> None:
        """The program itself, editable, with all that it needs."""
        _say("rag-faq and what it needs" + (", and the tools that test it" if dev else ""))
        target = str(self._project.root) + ("[dev]" if dev else "")
        self._pip.install("--no-build-isolation", "--editable", target)

    def check_llama(self) -> None:
        """Load llama.cpp once: a build that was kept on another processor may not run on this one.

        One with OpenMP runs, if slower: it is replaced where pip had kept it, and left where the user's index has it.
        """
        code, version = _loads(self._project.python), self._project.pinned("llama-cpp-python")
        if code == _SLOW and self._backend.is_plain and self._pip.forget("llama-cpp-python"):
            _say("The build of llama.cpp that pip had kept is a slower one, with OpenMP: compiling it here")
            self._install_llama(version, "--force-reinstall")
        if code in (0, _SLOW):
            return
        _say("The build of llama.cpp is none for this processor: compiling it here")
        self._compile_llama(version)
        if _loads(self._project.python) not in (0, _SLOW):
            raise SetupError(
                Problem(
                    "llama.cpp was built and does not load.",
                    found=f"`{self._project.python} -c 'import llama_cpp'` fails, or the build uses AMX",
                    needed=f"a build that loads, without AMX; the end of {self._project.log} may say more",
                    remedies={"Without a GPU": "make run RAG_FAQ_LLAMA_BACKEND=cpu"},
                )
            )

    def _compile_llama(self, version: str) -> None:
        """Compile it, whatever is there. A plain build takes the place of the one that pip had kept.

        Another one keeps away from pip's cache both ways: a wheel with other options is neither taken nor left there.
        """
        apart = () if self._backend.is_plain else ("--no-cache-dir",)
        if not apart:
            self._pip.forget("llama-cpp-python")
        self._install_llama(version, "--force-reinstall", "--no-binary", "llama-cpp-python", *apart)

    def _install_llama(self, version: str, *options: str) -> None:
        self._pip.install(
            "--verbose", "--no-deps", "--no-build-isolation", *options, f"llama-cpp-python=={version}",
            environment=self._backend.variables,
        )  # fmt: skip
        self._project.state.mkdir(exist_ok=True)
        self._project.llama_note.write_text(self._backend.cmake_args, encoding="utf-8")


def unusable(folder: Path, python: Path) -> str | None:
    """Why the environment in `folder` cannot be kept; None when it can."""
    try:
        lines = (folder / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "it is not whole"
    settings = dict(line.split(" = ", 1) for line in lines if " = " in line)
    there = ".".join(settings.get("version", "").split(".")[:2])
    if there != PYTHON_VERSION:
        return f"it has Python {there or '?'}, and this is {PYTHON_VERSION}"
    made_at = settings.get("command", "").rpartition(" ")[2]
    if made_at and Path(made_at).resolve() != folder.resolve():
        return f"it was moved here from {made_at}"
    try:
        subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return "its Python or its pip does not run"
    return None


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Let one installation at a time work on the environment; another one waits, and says so."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another `make` is setting up the environment: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _loads(python: Path) -> int:
    """0 where llama.cpp loads, _SLOW where it does so with OpenMP; else something else.

    A build with the kernels for AMX counts as one that does not: they break down once a model runs.
    """
    return subprocess.run([str(python), "-c", _ASK], capture_output=True, check=False).returncode


def _say(text: str) -> None:
    print(text, flush=True)
