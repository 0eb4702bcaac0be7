"""The steps of the installation, with a pip that writes down what it is asked and leaves the traces of a real one."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from scripts.environment import stamp
from scripts.environment.backend import Backend
from scripts.environment.install import BUILD_TOOLS, Installer, Project, unusable
from scripts.environment.machine import Machine
from scripts.environment.pip import Pip, PipError
from scripts.environment.problems import SetupError
from scripts.environment.progress import Progress

CPU = Backend("cpu", "no NVIDIA GPU")
CUDA = Backend("cuda", "a GPU", "-DGGML_CUDA=on", {"CUDACXX": "/cuda/nvcc"})


class WrittenPip:
    """Instead of installing `name==version` it lays down the files by which the installer knows it.

    `cached` is the backend of a llama.cpp that pip has kept; without one, it builds what CMAKE_ARGS says. `codes` are
    those with which the builds load, one after the other; the last one stays.
    """

    def __init__(self, project: Project, cached: str | None = None, codes: Sequence[int] = (0,)) -> None:
        self.project = project
        self.cached = cached
        self.codes = list(codes)
        self.calls: list[tuple[str, ...]] = []
        self.environments: list[Mapping[str, str]] = []

    def install(
        self, *arguments: str, environment: Mapping[str, str] | None = None, show_progress: bool = True
    ) -> None:
        self.calls.append(arguments)
        self.environments.append(environment or {})
        for pin in (a for a in arguments if "==" in a):
            name, version = pin.split("==")
            for old in self.project.site_packages.glob(f"{name.replace('-', '_')}-*.dist-info"):
                shutil.rmtree(old)
            info = self.project.site_packages / f"{name.replace('-', '_')}-{version}.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
            if name == "llama-cpp-python":
                self._build("--no-binary" in arguments, environment or {})

    def forget(self, name: str) -> bool:
        known, self.cached = self.cached, None
        self.calls.append(("forget", name))
        return known is not None

    def requirements_of(self, requirement: str, arguments: Sequence[str] = ()) -> list[str]:
        return ["filelock"]

    def _build(self, anew: bool, environment: Mapping[str, str]) -> None:
        lib = self.project.site_packages / "llama_cpp" / "lib"
        shutil.rmtree(lib, ignore_errors=True)
        lib.mkdir(parents=True)
        (lib / "libggml-cpu.so").touch()
        backend = "cuda" if "CUDA" in environment.get("CMAKE_ARGS", "") else "cpu"
        if not anew and self.cached:
            backend = self.cached
        (lib / f"libggml-{backend}.so").touch()
        python(self.project, self.codes[0])
        self.codes = self.codes[1:] or self.codes


def python(project: Project, code: int) -> None:
    project.python.parent.mkdir(parents=True, exist_ok=True)
    project.python.write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
    project.python.chmod(0o755)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    pins = ["pip==26.3", *(f"{name}==1.0" for name in BUILD_TOOLS), "torch==2.13.0", "llama-cpp-python==0.3.36"]
    (tmp_path / "constraints.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")
    return Project(tmp_path)


def installer(project: Project, pip: WrittenPip, backend: Backend = CPU) -> Installer:
    return Installer(project, Machine("Linux", "x86_64"), backend, cuda=False, pip=pip)  # type: ignore[arg-type]


def test_each_step_is_done_once(project: Project) -> None:
    pip = WrittenPip(project)
    for _ in range(2):
        steps = installer(project, pip)
        steps.install_tools()
        steps.install_torch()
        steps.install_llama()
    named = [[a for a in call if "==" in a] for call in pip.calls]
    assert named == [
        ["pip==26.3", *(f"{name}==1.0" for name in BUILD_TOOLS)],
        ["torch==2.13.0+cpu"],
        ["llama-cpp-python==0.3.36"],
    ]


def test_torch_comes_without_what_it_depends_on(project: Project) -> None:
    pip = WrittenPip(project)
    installer(project, pip).install_torch()
    assert "--no-deps" in pip.calls[0]


def test_a_plain_build_of_llama_may_come_from_pips_cache_and_another_must_not(project: Project) -> None:
    pip = WrittenPip(project)
    assert installer(project, pip).install_llama()
    assert "--no-cache-dir" not in pip.calls[0]
    assert installer(project, pip, CUDA).install_llama()
    assert {"--no-cache-dir", "--force-reinstall"} <= set(pip.calls[1])
    assert pip.environments[1] == {"CMAKE_ARGS": "-DGGML_OPENMP=off -DGGML_CUDA=on", "CUDACXX": "/cuda/nvcc"}
    assert not installer(project, pip, CUDA).install_llama()


def test_a_kept_build_for_another_backend_is_found_out_and_compiled_anew(project: Project) -> None:
    pip = WrittenPip(project, cached="cuda")
    installer(project, pip).install_llama()
    assert llama_calls(pip) == [(), FORGOTTEN, ANEW]


def test_changed_options_build_anew_though_the_backend_is_the_same(project: Project) -> None:
    pip = WrittenPip(project)
    installer(project, pip).install_llama()
    assert installer(project, pip, Backend("cpu", "", "-DGGML_NATIVE=off")).install_llama()
    assert not installer(project, pip, Backend("cpu", "", "-DGGML_NATIVE=off")).install_llama()
    assert installer(project, pip).install_llama()


SLOW, BROKEN = 3, 132
FORGOTTEN = ("forget", "llama-cpp-python")
ANEW = ("--force-reinstall", "--no-binary", "llama-cpp-python")


def llama_calls(pip: WrittenPip) -> list[tuple[str, ...]]:
    """What was asked of pip for llama.cpp, without what is always the same."""
    always = {"--verbose", "--no-deps", "--no-build-isolation", "llama-cpp-python==0.3.36"}
    return [tuple(a for a in call if a not in always) for call in pip.calls]


@pytest.mark.parametrize(
    ("cached", "codes", "calls"),
    [
        ("cpu", [0], [()]),
        ("cpu", [BROKEN, 0], [(), FORGOTTEN, ANEW]),
        (None, [BROKEN, 0], [(), FORGOTTEN, ANEW]),
        ("cpu", [SLOW, 0], [(), FORGOTTEN, ("--force-reinstall",)]),
        (None, [SLOW], [(), FORGOTTEN]),  # from an index of the user's: it runs
    ],
)
def test_a_build_that_pip_kept_is_replaced_where_it_does_not_run_here_or_is_slower_than_needed(
    project: Project, cached: str | None, codes: list[int], calls: list[tuple[str, ...]]
) -> None:
    pip = WrittenPip(project, cached, codes)
    steps = installer(project, pip)
    steps.install_llama()
    steps.check_llama()
    assert llama_calls(pip) == calls


@pytest.mark.parametrize(("code", "times"), [(0, 1), (SLOW, 1), (BROKEN, 2)])
def test_a_build_with_the_users_options_leaves_pips_cache_alone(project: Project, code: int, times: int) -> None:
    pip = WrittenPip(project, "cpu", [code, 0])
    steps = installer(project, pip, Backend("cpu", "", "-DGGML_OPENMP=on"))
    steps.install_llama()
    steps.check_llama()
    assert llama_calls(pip) == [(*ANEW, "--no-cache-dir")] * times


def test_a_build_that_never_runs_is_told(project: Project) -> None:
    steps = installer(project, WrittenPip(project, codes=[BROKEN]))
    steps.install_llama()
    with pytest.raises(SetupError, match="was built and does not load"):
        steps.check_llama()


def test_the_project_is_installed_with_the_build_tools_that_are_pinned(project: Project) -> None:
    pip = WrittenPip(project)
    installer(project, pip).install_project(dev=True)
    assert pip.calls == [("--no-build-isolation", "--editable", f"{project.root}[dev]")]


def test_an_environment_is_made_and_kept_and_made_anew_after_a_move(project: Project) -> None:
    steps = installer(project, WrittenPip(project))
    steps.make_venv()
    mark = project.venv / "mark"
    mark.touch()
    steps.make_venv()
    assert mark.exists()
    assert unusable(project.venv, project.python) is None
    moved = project.venv.rename(project.root / "moved")
    assert unusable(moved, moved / "bin" / "python") == f"it was moved here from {project.venv}"
    moved.rename(project.venv)
    project.python.unlink()
    assert unusable(project.venv, project.python) == "its Python or its pip does not run"
    (project.venv / "pyvenv.cfg").write_text("version = 3.9.2\n", encoding="utf-8")
    assert str(unusable(project.venv, project.python)).startswith("it has Python 3.9, and this is 3.")
    steps.make_venv()
    assert not mark.exists()


def test_a_stamp_is_read_back_and_a_cut_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / ".make" / "environment.json"
    assert stamp.read(path) is None
    stamp.Stamp("abc", dev=True).write(path)
    assert stamp.read(path) == stamp.Stamp("abc", dev=True)
    path.write_text(path.read_text("utf-8")[:-3], encoding="utf-8")
    assert stamp.read(path) is None
    path.write_text('{"of": "another form"}', encoding="utf-8")
    assert stamp.read(path) is None


def test_the_key_changes_with_any_file_and_any_fact(tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text("a==1", encoding="utf-8")
    keys = {stamp.key_of([file], "cpu", ""), stamp.key_of([file], "cuda", ""), stamp.key_of([file], "cp", "u")}
    file.write_text("a==2", encoding="utf-8")
    keys.add(stamp.key_of([file], "cpu", ""))
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("output", "title", "found"),
    [
        (
            "Collecting pip\nWARNING: Retrying after connection broken by 'NewConnectionError(…)'\nERROR: None\n",
            "The package index cannot be reached.",
            "WARNING: Retrying after connection broken by 'NewConnectionError(…)'",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "The disk is full.",
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        ),
        ("ERROR: Failed building wheel\nhint: see above\n", "pip failed.", "ERROR: Failed building wheel"),
    ],
)
def test_what_pip_says_is_put_into_words(output: str, title: str, found: str) -> None:
    problem = PipError(output).problem(Path("log"))
    assert (problem.title, problem.found) == (title, found)


def test_an_index_that_cannot_be_reached_is_found_out_in_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nobody listens
    (tmp_path / "constraints.txt").touch()
    pip = Pip(Path(sys.executable), tmp_path / "constraints.txt", tmp_path / "log")
    with pytest.raises(PipError) as error:
        pip.install("--timeout", "5", "--retries", "1", "--target", str(tmp_path), "six==1.16.0", show_progress=False)
    assert error.value.problem(pip.log).title == "The package index cannot be reached."
    assert "six==1.16.0" in pip.log.read_text(encoding="utf-8")


def test_what_pip_built_of_a_package_is_forgotten_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PIP_NO_CACHE_DIR", raising=False)
    folder = tmp_path / "cache" / "wheels" / "ab" / "cd"
    folder.mkdir(parents=True)
    for name in ("llama_cpp_python-0.3.36-py3-none-any.whl", "other-1.0-py3-none-any.whl"):
        (folder / name).touch()
    pip = Pip(Path(sys.executable), tmp_path / "constraints.txt", tmp_path / "log")
    assert [pip.forget("llama-cpp-python") for _ in range(2)] == [True, False]
    assert [path.name for path in folder.iterdir()] == ["other-1.0-py3-none-any.whl"]
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    assert not pip.forget("other")


def test_progress_tells_of_large_downloads_builds_and_installations_in_tenths() -> None:
    now, out = [0.0], io.StringIO()
    progress = Progress(out, lambda: now[0])
    for seconds, line in [
        (0, "Collecting torch"),
        (0, "  Downloading small-1.0-py3-none-any.whl (30 kB)"),
        (9, "Progress 10 of 20"),
        (9, "  Downloading https://host/torch-2-cp311.whl (190.1 MB)"),
        (10, "Progress 1 of 100"),
        (14, "Progress 50 of 100"),
        (14, "Progress 52 of 100"),
        (20, "  Building wheel for llama-cpp-python (pyproject.toml): started"),
        (50, "  [10/200] /usr/bin/c++ -O3 ggml.cpp"),
        (145, "  [100/200] /usr/bin/c++ -O3 llama.cpp"),
        (150, "  Building wheel for llama-cpp-python (pyproject.toml): still running..."),
        (320, "Installing collected packages: a, b, c"),
    ]:
        now[0] = seconds
        progress.feed(line)
    progress.close()
    assert out.getvalue().splitlines() == [
        "    downloading torch-2-cp311.whl (190.1 MB)",
        "       50 %, 5 s",
        "    building llama-cpp-python",
        "        5 %, file 10 of 200, 30 s",
        "       50 %, file 100 of 200, 2 min 05 s",
        "    installing 3 packages",
    ]
