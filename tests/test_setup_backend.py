"""How llama.cpp is built, by machine and by wish."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.environment import backend as backends
from scripts.environment.backend import Backend
from scripts.environment.machine import Machine
from scripts.environment.problems import SetupError

LINUX = Machine("Linux", "x86_64")
GPU = Machine("Linux", "x86_64", nvidia="/dev/nvidia0", nvcc="/usr/local/cuda/bin/nvcc")
MAC = Machine("Darwin", "arm64", glslc="/opt/homebrew/bin/glslc")


@pytest.mark.parametrize(
    ("machine", "name", "cmake_args"),
    [
        (LINUX, "cpu", ""),
        (Machine("Linux", "x86_64", nvcc="/usr/bin/nvcc"), "cpu", ""),
        (Machine("Linux", "x86_64", nvidia="/dev/nvidia0"), "cpu", ""),
        (GPU, "cuda", "-DGGML_CUDA=on"),
        (MAC, "metal", ""),
    ],
)
def test_the_automatic_choice(machine: Machine, name: str, cmake_args: str) -> None:
    chosen = backends.choose(machine, {})
    assert (chosen.name, chosen.cmake_args) == (name, cmake_args)


@pytest.mark.parametrize(
    ("machine", "wish", "cmake_args"),
    [
        (GPU, "cpu", ""),
        (MAC, "cpu", "-DGGML_METAL=off"),
        (MAC, "vulkan", "-DGGML_VULKAN=on"),
        (GPU, " CUDA ", "-DGGML_CUDA=on"),
    ],
)
def test_a_wish_comes_first(machine: Machine, wish: str, cmake_args: str) -> None:
    chosen = backends.choose(machine, {"RAG_FAQ_LLAMA_BACKEND": wish})
    assert (chosen.name, chosen.cmake_args) == (wish.strip().lower(), cmake_args)


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ("opencl", "RAG_FAQ_LLAMA_BACKEND=opencl"),
        ("metal", "RAG_FAQ_LLAMA_BACKEND=metal on Linux"),
        ("cuda", "no nvcc"),
        ("vulkan", "no glslc"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_before_anything_is_built(wish: str, found: str) -> None:
    with pytest.raises(SetupError, match=found):
        backends.choose(LINUX, {"RAG_FAQ_LLAMA_BACKEND": wish})


def test_a_gpu_without_its_compiler_is_pointed_out() -> None:
    assert "install the CUDA toolkit" in backends.choose(Machine("Linux", "x86_64", nvidia="nvidia-smi"), {}).reason


def test_options_of_the_user_are_kept_and_come_last() -> None:
    chosen = backends.choose(GPU, {"CMAKE_ARGS": "-DCMAKE_CUDA_ARCHITECTURES=86"})
    assert chosen.cmake_args == "-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=86"
    assert chosen.environment == {
        "CUDACXX": "/usr/local/cuda/bin/nvcc",
        "CFLAGS": "-U__AMX_INT8__",
        "CXXFLAGS": "-U__AMX_INT8__",
    }


def test_every_build_is_without_amx_and_keeps_the_users_flags() -> None:
    plain, own = backends.choose(LINUX, {}), backends.choose(LINUX, {"CXXFLAGS": "-O2"})
    assert plain.environment == {"CFLAGS": "-U__AMX_INT8__", "CXXFLAGS": "-U__AMX_INT8__"}
    assert own.environment == {"CFLAGS": "-U__AMX_INT8__", "CXXFLAGS": "-O2 -U__AMX_INT8__"}
    assert plain.is_plain


def test_every_build_has_threads_of_its_own_unless_the_user_wants_openmp() -> None:
    assert backends.choose(LINUX, {}).variables == {
        "CFLAGS": "-U__AMX_INT8__",
        "CXXFLAGS": "-U__AMX_INT8__",
        "CMAKE_ARGS": "-DGGML_OPENMP=off",
    }
    wished = backends.choose(GPU, {"CMAKE_ARGS": "-DGGML_OPENMP=on"})  # CMake takes the last one
    assert wished.variables["CMAKE_ARGS"] == "-DGGML_OPENMP=off -DGGML_CUDA=on -DGGML_OPENMP=on"


def test_only_a_build_without_options_may_come_from_pips_cache() -> None:
    assert backends.choose(LINUX, {}).is_plain
    assert not backends.choose(LINUX, {"CMAKE_ARGS": "-DGGML_NATIVE=off"}).is_plain
    assert not backends.choose(GPU, {}).is_plain


@pytest.mark.parametrize(
    ("files", "built"),
    [
        (["libggml-base.so", "libggml-cpu.so.0.25.3", "libllama.so"], frozenset()),
        (["libggml-cpu.so", "libggml-cuda.so"], frozenset({"cuda"})),
        (["libggml-cpu.dylib", "libggml-metal.dylib", "libggml-blas.dylib"], frozenset({"metal"})),
        (["libggml-cpu.so", "libggml-vulkan.so.0"], frozenset({"vulkan"})),
    ],
)
def test_what_is_installed_is_read_from_the_libraries(tmp_path: Path, files: list[str], built: frozenset[str]) -> None:
    folder = tmp_path / "llama_cpp" / "lib"
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).touch()
    assert backends.installed(tmp_path) == built


def test_nothing_installed_fits_no_wish(tmp_path: Path) -> None:
    assert backends.installed(tmp_path) is None
    assert not backends.fits(Backend("cpu", ""), None)
    assert backends.fits(Backend("cpu", ""), frozenset())
    assert not backends.fits(Backend("cpu", ""), frozenset({"cuda"}))
    assert backends.fits(Backend("cuda", ""), frozenset({"cuda"}))
    assert not backends.fits(Backend("cuda", ""), frozenset())
