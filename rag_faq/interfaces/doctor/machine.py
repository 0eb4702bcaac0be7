"""The machine, and what the installed llama.cpp makes of it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from rag_faq.generation.hardware import available_memory, usable_cores
from rag_faq.interfaces.doctor.findings import Finding, Level, ok
from rag_faq.interfaces.doctor.probe import LlamaBuild, NoLlama
from rag_faq.settings import Settings

_GIB = 2**30
_WITHOUT_AMX = "-U__AMX_INT8__"
_REBUILD = (
    f"CFLAGS={_WITHOUT_AMX} CXXFLAGS={_WITHOUT_AMX} CMAKE_ARGS=-DGGML_OPENMP=off "
    "pip install --force-reinstall --no-deps --no-cache-dir --no-binary llama-cpp-python llama-cpp-python"
)
# What a build is better without, as llama.cpp calls it.
_HINDRANCES = {
    "AMX_INT8": "kernels for AMX, which break down: weights are used as they lie in the file, slower",
    "OPENMP": "OpenMP's threads, which sleep too often beside torch's: questions are read a fifth slower",
}
# What llama.cpp calls an instruction set, and what Linux calls it; those that make a model faster.
_SETS = {
    "AVX": "avx",
    "AVX2": "avx2",
    "FMA": "fma",
    "F16C": "f16c",
    "AVX512": "avx512f",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AVX_VNNI": "avx_vnni",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
    "SVE": "sve",
}


def machine(root: Path = Path("/")) -> list[Finding]:
    """System, processor, cores and memory. `root` is the folder in which /proc and /sys are looked for."""
    cores, seen = usable_cores(root), os.cpu_count() or 1
    of = "" if cores == seen else f" of {seen}"
    free = available_memory(root)
    return [
        ok("system", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"),
        ok("processor", f"{processor(root)}: {cores}{of} cores may be used"),
        ok("memory", "unknown" if free is None else f"{free / _GIB:.1f} GiB free for this process"),
    ]


def processor(root: Path = Path("/")) -> str:
    """The processor as its maker calls it."""
    return _cpuinfo(root).get("model name") or platform.processor() or platform.machine()


def instruction_sets(root: Path = Path("/")) -> frozenset[str]:
    """The names that Linux gives to what the processor can; nothing where it does not tell."""
    known = _cpuinfo(root)
    return frozenset((known.get("flags") or known.get("Features") or "").split())


def llama(build: LlamaBuild | NoLlama, settings: Settings, root: Path = Path("/")) -> list[Finding]:
    """The build: does it load, does it use what the processor has, does it see the GPU."""
    if isinstance(build, NoLlama):
        level: Level = "warning" if settings.llm == "none" else "problem"
        return [Finding("llama.cpp", level, build.reason, f"make env   (or: {_REBUILD})")]
    can = instruction_sets(root)
    unused = [name for name, flag in _SETS.items() if flag in can and name not in build.features]
    used = [name for name in build.features if name in _SETS]
    found = [ok("llama.cpp", f"{build.version}; uses {', '.join(used) or 'no special instruction sets'}")]
    if unused:
        found.append(
            Finding("llama.cpp", "warning", f"the build leaves unused what the processor has: {', '.join(unused)}",
                    _REBUILD)
        )  # fmt: skip
    found += [
        Finding("llama.cpp", "warning", f"the build has {text}", _REBUILD)
        for feature, text in _HINDRANCES.items()
        if feature in build.features
    ]
    return [*found, _offload(build, settings, root)]


def _offload(build: LlamaBuild, settings: Settings, root: Path) -> Finding:
    """Where the model will run, and why not on a GPU."""
    if settings.gpu_layers == 0:
        return ok("GPU", "not used: the setting gpu_layers is 0")
    if build.gpus:
        return ok(
            "GPU", "; ".join(f"{gpu.backend}: {gpu.name}, {gpu.free_bytes / _GIB:.1f} GiB free" for gpu in build.gpus)
        )
    there = visible_gpu(root)
    if there is None:
        return ok("GPU", "none is there: the model runs on the processor")
    if build.offloads:
        mend = "look at the driver: nvidia-smi, or vulkaninfo --summary"
        return Finding(
            "GPU", "warning", f"{there} is there; the build is for GPUs, and its backend does not see it", mend
        )
    backend, name = there.split(":")[0], there
    mend = f"make env RAG_FAQ_LLAMA_BACKEND={backend}"
    return Finding("GPU", "warning", f"{name} is there, and this build of llama.cpp is without GPUs", mend)


def visible_gpu(root: Path = Path("/")) -> str | None:
    """A GPU that the system shows, as "backend: how it shows itself"; `None` when none does."""
    if (root / "dev/nvidia0").exists():
        return "cuda: an NVIDIA GPU (/dev/nvidia0)"
    nvidia = root / "proc/driver/nvidia/gpus"
    if nvidia.is_dir() and any(nvidia.iterdir()):
        return "cuda: an NVIDIA GPU (/proc/driver/nvidia)"
    if (root / "dev/kfd").exists():
        return "vulkan: an AMD GPU (/dev/kfd)"
    if root == Path("/") and sys.platform == "darwin" and platform.machine() == "arm64":
        return "metal: the GPU of Apple silicon"
    return None


def disk(folder: Path, needed: int) -> Finding:
    """Room for what is still to be fetched, and a folder that can be written to."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    if not os.access(nearest, os.W_OK):
        text = f"{folder} cannot be written to: weights cannot be fetched, nor states be kept"
        return Finding(
            "disk", "warning" if not needed else "problem", text, "set RAG_FAQ_MODELS to a folder of your own"
        )
    if free < needed + _GIB // 2:
        text = f"{free / _GIB:.1f} GiB free in {folder}, {needed / _GIB:.1f} GiB are still to be fetched"
        mend = "make room, or set RAG_FAQ_MODELS to a folder on another disk"
        return Finding("disk", "problem" if needed else "warning", text, mend)
    return ok("disk", f"{free / _GIB:.1f} GiB free in {folder}, which can be written to")


def _cpuinfo(root: Path) -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo."""
    try:
        text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
