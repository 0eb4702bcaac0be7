"""What the machine has, and what is said when something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_faq.models.cache import models_folder
from scripts.environment import checks
from scripts.environment.checks import GB, Need
from scripts.environment.machine import Machine, find_nvcc, find_nvidia
from scripts.environment.problems import Problem, SetupError


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_there_is_no_gpu_on_an_empty_machine(tmp_path: Path) -> None:
    assert find_nvidia(tmp_path, {}.get) is None


def test_a_gpu_shows_as_a_device(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidia0").touch()
    assert find_nvidia(tmp_path, {}.get) == "/dev/nvidia0"


def test_a_gpu_shows_in_the_driver_which_must_list_one(tmp_path: Path) -> None:
    gpus = tmp_path / "proc" / "driver" / "nvidia" / "gpus"
    gpus.mkdir(parents=True)
    assert find_nvidia(tmp_path, {}.get) is None
    (gpus / "0000:01:00.0").mkdir()
    assert find_nvidia(tmp_path, {}.get) == "/proc/driver/nvidia/gpus"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("echo 'GPU 0: NVIDIA GeForce RTX 4070 (UUID: GPU-1)'", "nvidia-smi"),
        ("echo 'No devices were found'", None),
        ("echo 'cannot communicate with the driver' >&2; exit 9", None),
    ],
)
def test_nvidia_smi_counts_only_when_it_lists_a_gpu(tmp_path: Path, body: str, found: str | None) -> None:
    smi = program(tmp_path / "nvidia-smi", body)
    assert find_nvidia(tmp_path, {"nvidia-smi": str(smi)}.get) == found


def test_nvcc_is_looked_for_where_the_user_says_then_on_the_path_then_where_nvidia_puts_it() -> None:
    everywhere = {name: name for name in ("/own/nvcc", "nvcc", "/cuda/bin/nvcc", "/usr/local/cuda/bin/nvcc")}
    assert find_nvcc({"CUDACXX": "/own/nvcc"}, everywhere.get) == "/own/nvcc"
    assert find_nvcc({"CUDA_HOME": "/cuda"}, everywhere.get) == "nvcc"
    del everywhere["nvcc"]
    assert find_nvcc({"CUDA_HOME": "/cuda"}, everywhere.get) == "/cuda/bin/nvcc"
    assert find_nvcc({}, everywhere.get) == "/usr/local/cuda/bin/nvcc"
    assert find_nvcc({}, {}.get) is None


@pytest.mark.parametrize(
    ("machine", "fine"),
    [
        (Machine("Linux", "x86_64"), True),
        (Machine("Linux", "aarch64"), True),
        (Machine("Darwin", "arm64"), True),
        (Machine("Darwin", "x86_64"), False),
        (Machine("Windows", "AMD64"), False),
    ],
)
def test_linux_and_apple_silicon_can_be_set_up(machine: Machine, fine: bool) -> None:
    assert (checks.system(machine) is None) is fine


def test_a_python_without_ensurepip_is_named_with_the_package_that_brings_it() -> None:
    problem = checks.venv_module(lambda name: None if name == "ensurepip" else name)
    assert problem is not None
    assert "ensurepip" in problem.found
    assert "-venv" in problem.remedies["Debian, Ubuntu"]
    assert checks.venv_module() is None


def test_a_compiler_that_works_is_no_problem() -> None:
    assert checks.compiler({}) is None


def test_a_compiler_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    broken = program(tmp_path / "cc", "echo 'fatal error: stdio.h: No such file' >&2; exit 1")
    problem = checks.compiler({"CXX": "/nowhere/c++", "CC": str(broken)})
    assert problem is not None
    assert problem.found == f"/nowhere/c++: not found; {broken}: fatal error: stdio.h: No such file"
    assert problem.remedies["Debian, Ubuntu"] == "sudo apt-get install build-essential"


def test_needs_in_one_file_system_are_added_up(tmp_path: Path) -> None:
    needs = [Need(tmp_path, 2 * GB, "environment"), Need(tmp_path / "not" / "there", 3 * GB, "weights")]
    assert checks.disk(needs, lambda folder: 5 * GB) is None
    problem = checks.disk(needs, lambda folder: 5 * GB - 1)
    assert problem is not None
    assert problem.found == "5.0 GB free"
    assert problem.needed.startswith("5.0 GB (environment 2.0 GB in ")


def test_weights_that_are_there_need_no_space(tmp_path: Path) -> None:
    environment = {"RAG_FAQ_MODELS": str(tmp_path)}
    assert [need.what for need in checks.disk_needs(tmp_path, "cpu", environment)][-1] == "weights"
    weights = tmp_path / "qwen2.5-coder-1.5b-instruct-q4_k_m" / "model.gguf"
    weights.parent.mkdir()
    weights.touch()
    assert "weights" not in [need.what for need in checks.disk_needs(tmp_path, "cpu", environment)]


def test_the_weights_are_looked_for_where_the_program_keeps_them(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checks.models_folder({"HOME": str(tmp_path)}) == models_folder(None)
    assert checks.models_folder({"RAG_FAQ_MODELS": str(tmp_path / "x")}) == models_folder(tmp_path / "x")


def test_all_problems_are_said_at_once_with_what_was_found_and_what_to_do() -> None:
    one = Problem("No compiler.", found="nothing", needed="one", remedies={"Debian, Ubuntu": "apt-get install it"})
    two = Problem("No disk.", found="1 GB", needed="6 GB")
    assert str(SetupError(one, two)) == (
        "rag-faq cannot be set up here yet:\n\n"
        "  * No compiler.\n"
        "    Found:           nothing\n"
        "    Needed:          one\n"
        "    Debian, Ubuntu:  apt-get install it\n\n"
        "  * No disk.\n"
        "    Found:   1 GB\n"
        "    Needed:  6 GB"
    )
