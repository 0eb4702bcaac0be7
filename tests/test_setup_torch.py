"""Where torch is taken from: never CUDA libraries where there is no NVIDIA GPU."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.environment import torch_source
from scripts.environment.machine import Machine
from scripts.environment.pip import Pip
from scripts.environment.problems import SetupError
from scripts.environment.torch_source import PYTORCH_CPU_INDEX

LINUX = Machine("Linux", "x86_64")
GPU = Machine("Linux", "x86_64", nvidia="/dev/nvidia0")
MAC = Machine("Darwin", "arm64")
CUDA = ["filelock", "nvidia-cublas", "cuda_bindings", "triton"]


class Offers:
    """Offers what it is told to, by requirement and index, and remembers what it was asked."""

    def __init__(self, *, configured: list[str] | None = None, pytorch: list[str] | None = None, plain=None) -> None:
        self.answers = {
            ("torch==9.9+cpu", ()): configured,
            ("torch==9.9+cpu", ("--index-url", PYTORCH_CPU_INDEX)): pytorch,
            ("torch==9.9", ()): plain,
        }
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def requirements_of(self, requirement: str, arguments: Sequence[str] = ()) -> list[str] | None:
        self.asked.append((requirement, tuple(arguments)))
        return self.answers[requirement, tuple(arguments)]


def test_a_cpu_build_that_pip_is_configured_with_is_taken_first() -> None:
    offers = Offers(configured=["filelock"], pytorch=["filelock"], plain=CUDA)
    chosen = torch_source.choose(LINUX, "9.9", False, offers)
    assert (chosen.requirement, chosen.arguments) == ("torch==9.9+cpu", ())
    assert len(offers.asked) == 1


def test_else_the_cpu_build_of_pytorch_itself() -> None:
    chosen = torch_source.choose(LINUX, "9.9", False, Offers(pytorch=["filelock"], plain=CUDA))
    assert chosen.arguments == ("--index-url", PYTORCH_CPU_INDEX)


def test_a_plain_build_is_taken_only_when_it_brings_no_cuda() -> None:
    chosen = torch_source.choose(LINUX, "9.9", False, Offers(plain=["filelock"]))
    assert (chosen.requirement, chosen.arguments) == ("torch==9.9", ())


def test_with_cuda_alone_on_offer_and_no_gpu_nothing_is_installed() -> None:
    with pytest.raises(SetupError) as error:
        torch_source.choose(LINUX, "9.9", False, Offers(plain=CUDA))
    assert "brings nvidia-cublas and 2 more CUDA packages" in str(error.value)
    assert PYTORCH_CPU_INDEX in str(error.value)


def test_a_build_called_cpu_that_brings_cuda_is_not_believed() -> None:
    with pytest.raises(SetupError):
        torch_source.choose(LINUX, "9.9", False, Offers(configured=CUDA))


@pytest.mark.parametrize(("machine", "cuda"), [(GPU, True), (MAC, False)])
def test_a_gpu_and_a_mac_take_the_plain_build(machine: Machine, cuda: bool) -> None:
    offers = Offers(plain=CUDA if cuda else ["filelock"])
    assert torch_source.choose(machine, "9.9", cuda, offers).requirement == "torch==9.9"
    assert offers.asked == [("torch==9.9", ())]


@pytest.mark.parametrize(
    ("machine", "wish", "cuda"),
    [(LINUX, "", False), (LINUX, "cuda", False), (GPU, "", True), (GPU, "vulkan", True), (GPU, "cpu", False)],
)
def test_cuda_is_wanted_with_a_gpu_unless_the_user_says_cpu(machine: Machine, wish: str, cuda: bool) -> None:
    assert torch_source.wants_cuda(machine, wish) is cuda


# With the real pip, and wheels of a few hundred bytes.


def wheel(folder: Path, version: str, requires: Sequence[str]) -> Path:
    info = f"torch-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", "Name: torch", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    files = {
        "torch/__init__.py": "",
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"torch-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "no-index").as_uri())
    (tmp_path / "wheels").mkdir()
    return Pip(Path(sys.executable), tmp_path / "constraints.txt", tmp_path / "log")


def test_pip_offers_a_cpu_build_from_a_folder_of_wheels(pip: Pip, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "9.9+cpu", ["filelock"])
    wheel(tmp_path / "wheels", "9.9", CUDA)
    assert pip.requirements_of("torch==9.9+cpu") == ["filelock"]


def test_pip_never_takes_a_plain_build_for_a_cpu_build(pip: Pip, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "9.9", CUDA)
    assert pip.requirements_of("torch==9.9+cpu") is None


def test_pip_tells_what_a_build_would_bring_on_this_system_and_downloads_none_of_it(pip: Pip, tmp_path: Path) -> None:
    wheel(
        tmp_path / "wheels",
        "9.9",
        [
            'nvidia-cublas[extra]==1.2; platform_system != "Plan9"',
            'cuda-bindings>=13; platform_system == "Plan9"',
            'optree>=1; extra == "optree"',
            "sympy",
        ],
    )
    # Neither nvidia-cublas nor sympy is to be had here: planning does not ask for them.
    assert pip.requirements_of("torch==9.9") == ["nvidia-cublas", "sympy"]


def test_pip_looks_into_another_index_when_told_to(pip: Pip, tmp_path: Path) -> None:
    built = wheel(tmp_path / "index" / "torch", "9.9+cpu", ["filelock"])
    digest = hashlib.sha256(built.read_bytes()).hexdigest()
    page = f'<a href="{built.name.replace("+", "%2B")}#sha256={digest}">{built.name}</a>'
    (built.parent / "index.html").write_text(f"<!DOCTYPE html><html><body>{page}</body></html>", encoding="utf-8")
    index = (tmp_path / "index").as_uri()
    assert pip.requirements_of("torch==9.9+cpu") is None
    assert pip.requirements_of("torch==9.9+cpu", ("--index-url", index)) == ["filelock"]
