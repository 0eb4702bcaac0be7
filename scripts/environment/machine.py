"""What this machine has: system, NVIDIA GPU, CUDA and Vulkan compilers, free disk space."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

Which = Callable[[str], str | None]


@dataclass(frozen=True)
class Machine:
    """The facts on which the choice of packages rests.

    `nvidia` tells how an NVIDIA GPU was found; None when there is none. `nvcc` and `glslc` are the compilers of CUDA
    and of Vulkan shaders.
    """

    system: str
    arch: str
    nvidia: str | None = None
    nvcc: str | None = None
    glslc: str | None = None

    @property
    def is_mac(self) -> bool:
        """Whether this is macOS."""
        return self.system == "Darwin"


def look(environment: Mapping[str, str] = os.environ) -> Machine:
    """Look at the machine that this runs on."""
    return Machine(
        system=platform.system(),
        arch=platform.machine(),
        nvidia=find_nvidia(),
        nvcc=find_nvcc(environment),
        glslc=shutil.which("glslc"),
    )


def find_nvidia(root: Path = Path("/"), which: Which = shutil.which) -> str | None:
    """How an NVIDIA GPU shows itself below `root`: a device, the driver, or a line of nvidia-smi; None without one.

    An nvidia-smi that is installed but sees no GPU (a CUDA image on a plain machine) does not count.
    """
    if (root / "dev/nvidia0").exists():
        return "/dev/nvidia0"
    gpus = root / "proc/driver/nvidia/gpus"
    if gpus.is_dir() and any(gpus.iterdir()):
        return "/proc/driver/nvidia/gpus"
    # In WSL the GPU has no device file, and nvidia-smi need not be on the PATH.
    program = which("nvidia-smi") or which(str(root / "usr/lib/wsl/lib/nvidia-smi"))
    if program is None:
        return None
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return "nvidia-smi" if listed.returncode == 0 and listed.stdout.startswith("GPU ") else None


def find_nvcc(environment: Mapping[str, str] = os.environ, which: Which = shutil.which) -> str | None:
    """The CUDA compiler: `$CUDACXX`, on the PATH, in `$CUDA_HOME`, or where NVIDIA's installer puts it."""
    homes = (environment.get("CUDA_HOME"), environment.get("CUDA_PATH"), "/usr/local/cuda")
    candidates = [environment.get("CUDACXX"), "nvcc", *(f"{home}/bin/nvcc" for home in homes if home)]
    return next((path for name in candidates if name and (path := which(name))), None)


def free_bytes(folder: Path) -> int:
    """Free space of the file system that `folder` lies on, or will lie on."""
    return shutil.disk_usage(nearest(folder)).free


def nearest(folder: Path) -> Path:
    """`folder`, or the nearest folder above it that is there."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
