"""Where torch comes from, so that a machine with no NVIDIA GPU never downloads gigabytes of CUDA libraries.

On Linux, the plain torch of the Python package index is a CUDA build: it depends on the packages `nvidia-*`, `cuda-*`
and `triton`. A build for the CPU has the local version `+cpu`, which plain builds never match; PyTorch's own index
offers it (https://pytorch.org/get-started/locally/), and so may whatever the user's pip is configured with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scripts.environment.machine import Machine
from scripts.environment.problems import Problem, SetupError

PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_CUDA = ("nvidia-", "cuda-", "triton", "pytorch-triton")


class Planner(Protocol):
    """Tells what an installation would bring; `Pip` is the real one."""

    def requirements_of(self, requirement: str, arguments: Sequence[str] = ()) -> list[str] | None:
        """Names of what `requirement` would bring, None when it is not offered."""


@dataclass(frozen=True)
class TorchSource:
    """One way to ask for torch, and the words for it."""

    requirement: str
    words: str
    arguments: tuple[str, ...] = ()


def wants_cuda(machine: Machine, backend_wish: str) -> bool:
    """Whether torch may bring CUDA: there is an NVIDIA GPU, and the user has not said `cpu`."""
    return machine.nvidia is not None and backend_wish != "cpu"


def sources(machine: Machine, version: str, cuda: bool) -> list[TorchSource]:
    """The ways to try, in order."""
    plain = TorchSource(f"torch=={version}", "the build that pip takes by itself")
    if machine.is_mac or cuda:
        return [plain]
    cpu = f"torch=={version}+cpu"
    return [
        TorchSource(cpu, "a CPU build that this machine's pip is configured with"),
        TorchSource(cpu, f"the CPU build of {PYTORCH_CPU_INDEX}", ("--index-url", PYTORCH_CPU_INDEX)),
        plain,  # a mirror may offer a CPU build under the plain version; `choose` looks before it is taken
    ]


def choose(machine: Machine, version: str, cuda: bool, planner: Planner) -> TorchSource:
    """The first way that is offered here, and that brings CUDA libraries only where they are wanted.

    Raises:
        SetupError: none is.
    """
    tried = []
    for source in sources(machine, version, cuda):
        brings = planner.requirements_of(source.requirement, source.arguments)
        if brings is None:
            tried.append(f"{source.words}: not offered")
        elif not cuda and (libraries := cuda_packages(brings)):
            tried.append(f"{source.words}: brings {libraries[0]} and {len(libraries) - 1} more CUDA packages")
        else:
            return source
    raise SetupError(
        Problem(
            f"No build of torch {version} that fits this machine.",
            found="; ".join(tried),
            needed="torch for CUDA" if cuda else "torch for the CPU, without gigabytes of CUDA libraries",
            remedies={
                "Network": f"let pip reach {PYTORCH_CPU_INDEX}",
                "Mirror": "export PIP_EXTRA_INDEX_URL=https://HOST/whl/cpu",
                "From disk": f"export PIP_FIND_LINKS=/folder/with/torch-{version}+cpu-….whl",
                "Python": "make run PYTHON=python3.11   (another version may be offered)",
            },
        )
    )


def cuda_packages(names: Sequence[str]) -> list[str]:
    """Those of `names` that belong to CUDA."""
    return [name for name in names if name.lower().replace("_", "-").startswith(_CUDA)]
