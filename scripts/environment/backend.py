"""Which backend llama.cpp is built with, and how to tell what an installed build can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.environment.machine import Machine
from scripts.environment.problems import Problem, SetupError

VARIABLE = "RAG_FAQ_LLAMA_BACKEND"
NAMES = ("cpu", "cuda", "metal", "vulkan")
# Without llama.cpp's kernels for AMX, which end the process with their first batch where GCC has compiled them: it
# takes the configuration of the tiles for unused, and leaves it out. Those for AVX-512 are there too.
_FLAGS = "-U__AMX_INT8__"
# And with llama.cpp's own threads instead of OpenMP's. Those go to sleep at each of some thousand meeting points of a
# batch as soon as the process has more of them than cores, and torch has its own: a question took 1.2 times as long to
# read (docs/speed.md).
_OPTIONS = "-DGGML_OPENMP=off"


@dataclass(frozen=True)
class Backend:
    """A way to build llama.cpp. `environment` is what its build has beside the user's environment.

    `cmake_args` are the options beside those of every build; only a build without any may come from pip's cache, which
    does not remember with which options a wheel was made.
    """

    name: str
    reason: str
    cmake_args: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether pip's cached wheel will do."""
        return not self.cmake_args

    @property
    def variables(self) -> dict[str, str]:
        """The environment's variables for the build, its options among them."""
        return {**self.environment, "CMAKE_ARGS": f"{_OPTIONS} {self.cmake_args}".strip()}


def choose(machine: Machine, environment: Mapping[str, str]) -> Backend:
    """The backend that `RAG_FAQ_LLAMA_BACKEND` names, else the best one that can be built here.

    Options in `CMAKE_ARGS` are kept and come last, so that they win.

    Raises:
        SetupError: the named backend is unknown, or cannot be built on this machine.
    """
    wish = environment.get(VARIABLE, "").strip().lower()
    extra = environment.get("CMAKE_ARGS", "").strip()
    if not wish:
        name, reason = _automatic(machine)
    else:
        _check(wish, machine)
        name, reason = wish, f"{VARIABLE}={wish}"
    args = " ".join(part for part in (_option(name, machine), extra) if part)
    variables = {flags: f"{environment.get(flags, '')} {_FLAGS}".strip() for flags in ("CFLAGS", "CXXFLAGS")}
    if name == "cuda" and machine.nvcc:
        variables["CUDACXX"] = machine.nvcc
    return Backend(name, reason, args, variables)


def installed(site_packages: Path) -> frozenset[str] | None:
    """The backends beside the CPU that the installed llama-cpp-python was built with; None when there is none.

    Read from the names of its libraries (`libggml-cuda.so`), so that nothing has to be loaded.
    """
    folder = site_packages / "llama_cpp" / "lib"
    if not folder.is_dir():
        return None
    stems = {path.name.removeprefix("lib").split(".")[0] for path in folder.iterdir()}
    return frozenset(name for name in NAMES if name != "cpu" and f"ggml-{name}" in stems)


def fits(backend: Backend, built: frozenset[str] | None) -> bool:
    """Whether an installed build is the one that is wanted."""
    if built is None:
        return False
    return built == (frozenset() if backend.name == "cpu" else frozenset({backend.name}))


def _automatic(machine: Machine) -> tuple[str, str]:
    if machine.is_mac:
        return ("metal", "a Mac with Apple silicon") if machine.arch == "arm64" else ("cpu", "a Mac without Metal")
    if machine.nvidia and machine.nvcc:
        return "cuda", f"an NVIDIA GPU ({machine.nvidia}) and {machine.nvcc}"
    if machine.nvidia:
        return "cpu", f"an NVIDIA GPU ({machine.nvidia}), but no nvcc: install the CUDA toolkit to use it"
    return "cpu", "no NVIDIA GPU"


def _option(name: str, machine: Machine) -> str:
    """What to tell CMake. llama.cpp takes Metal by itself on a Mac, and the CPU elsewhere."""
    if name == "cpu":
        return "-DGGML_METAL=off" if machine.is_mac else ""
    return "" if name == "metal" else f"-DGGML_{name.upper()}=on"


def _check(wish: str, machine: Machine) -> None:
    if wish not in NAMES:
        raise SetupError(
            Problem(
                "An unknown backend for llama.cpp.",
                found=f"{VARIABLE}={wish}",
                needed=" or ".join(NAMES) + ", or unset for an automatic choice",
            )
        )
    if wish == "metal" and not machine.is_mac:
        raise SetupError(Problem("Metal is not here.", found=f"{VARIABLE}=metal on {machine.system}", needed="a Mac"))
    if wish == "cuda" and not machine.nvcc:
        raise SetupError(
            Problem(
                "No CUDA compiler.",
                found=f"{VARIABLE}=cuda, and no nvcc on the PATH, in $CUDA_HOME or in /usr/local/cuda",
                needed="the CUDA toolkit",
                remedies={
                    "Debian, Ubuntu": "sudo apt-get install nvidia-cuda-toolkit",
                    "Fedora": "sudo dnf install cuda-toolkit   (from NVIDIA's repository)",
                    "Without": "make run RAG_FAQ_LLAMA_BACKEND=cpu",
                },
            )
        )
    if wish == "vulkan" and not machine.glslc:
        raise SetupError(
            Problem(
                "No compiler for Vulkan shaders.",
                found=f"{VARIABLE}=vulkan, and no glslc on the PATH",
                needed="glslc, and the headers and loader of Vulkan",
                remedies={
                    "Debian, Ubuntu": "sudo apt-get install glslc libvulkan-dev",
                    "Fedora": "sudo dnf install glslc vulkan-headers vulkan-loader-devel",
                    "macOS": "brew install shaderc vulkan-headers vulkan-loader molten-vk",
                },
            )
        )
