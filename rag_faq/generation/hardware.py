"""What this process may use: cores, memory, GPUs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_GPU_TYPES = frozenset({1, 2})  # GGML_BACKEND_DEVICE_TYPE_GPU, …_IGPU
_UNLIMITED = 2**60  # what version 1 of cgroups says for "no limit" is larger


# Levels of priority below the rest of the process: enough for the page not to wait (docs/page.md). With ten, an answer
# took more than a minute beside two other busy processes, with four 24 s (docs/speed.md).
_NICE = 4


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device that layers can be put on."""

    backend: str  # "cuda", "metal", "vulkan", …
    name: str  # as its maker calls it
    free_bytes: int
    total_bytes: int


def give_way(levels: int = _NICE) -> None:
    """Let other threads, of this process too, go before the calling one and those that it starts; on Linux only."""
    if sys.platform != "linux":
        return  # elsewhere a priority is the whole process's
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):  # where that is forbidden, all go on as equals
        os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + levels))


def usable_cores(root: Path = Path("/")) -> int:
    """Cores that this process may use: those it is bound to, within the quota of its container. At least 1.

    `root` is the folder in which /proc and /sys are looked for.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(root)
    # A quota of 1.5 cores is worth a second thread; one of 1.2 only makes it wait.
    return max(1, bound if quota is None else min(bound, int(quota + 0.5)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Cores granted by the control groups of this process, the least of them all; `None` without a limit."""
    granted: list[float] = []
    for folder in _cgroup_folders(root, "cpu"):
        quota = _text(folder / "cpu.max").split()  # version 2: "150000 100000", or "max 100000"
        if len(quota) < 2:  # version 1
            quota = [_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")]
        if all(part.isdigit() for part in quota) and int(quota[1]) > 0:
            granted.append(int(quota[0]) / int(quota[1]))
    return min(granted, default=None)


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can still be taken without swapping, within the limits of the container; `None` if unknown."""
    rooms: list[int] = []
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            rooms.append(int(line.split()[1]) * 1024)
    for folder in _cgroup_folders(root, "memory"):
        rooms += _cgroup_memory(folder, "memory.max", "memory.current", "inactive_file")
        rooms += _cgroup_memory(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    return max(0, min(rooms)) if rooms else None


def available_addresses(root: Path = Path("/")) -> int | None:
    """Bytes of address space that a limit such as `ulimit -v` leaves to this process; `None` without a limit."""
    if sys.platform == "win32":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _text(root / "proc/self/statm").split()
    if limit == resource.RLIM_INFINITY or not pages:
        return None
    return max(0, limit - int(pages[0]) * os.sysconf("SC_PAGE_SIZE"))


def gpus() -> tuple[Gpu, ...]:
    """The GPUs that this build of llama.cpp sees; none where it was built without support for them."""
    from rag_faq.generation.loading import library

    api = library().api
    if not api.llama_supports_gpu_offload():
        return ()
    ggml = _Ggml(api)
    found = []
    for i in range(ggml.call("ggml_backend_dev_count", ctypes.c_size_t)):
        device = ggml.call("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t(i))
        if ggml.call("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p(device)) not in _GPU_TYPES:
            continue
        backend = ggml.call("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p(device))
        free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
        ggml.call("ggml_backend_dev_memory", None, ctypes.c_void_p(device), ctypes.byref(free), ctypes.byref(total))
        found.append(
            Gpu(
                backend=ggml.text("ggml_backend_reg_name", backend).lower(),
                name=ggml.text("ggml_backend_dev_description", device),
                free_bytes=free.value,
                total_bytes=total.value,
            )
        )
    return tuple(found)


class _Ggml:
    """Functions of the libraries under llama.cpp, for which llama-cpp-python has no bindings."""

    def __init__(self, api: Any) -> None:
        from llama_cpp._ctypes_extensions import load_shared_library

        folder = Path(api.__file__).parent / "lib"
        self._libraries = [load_shared_library(name, folder) for name in ("ggml", "ggml-base")]

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        function = next(getattr(each, name) for each in self._libraries if hasattr(each, name))
        function.restype = result
        return function(*arguments)

    def text(self, name: str, pointer: int) -> str:
        raw: bytes = self.call(name, ctypes.c_char_p, ctypes.c_void_p(pointer)) or b""
        return raw.decode("utf-8", errors="replace")


def _cgroup_folders(root: Path, controller: str) -> Iterator[Path]:
    """The control groups of this process for a controller, innermost first, in either version."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controller if controllers else "")
        folder = top / name.strip("/")
        yield folder
        for parent in folder.parents:
            if top != parent and top not in parent.parents:
                break
            yield parent


def _cgroup_memory(folder: Path, limit: str, usage: str, reclaimable: str) -> list[int]:
    most, used = _text(folder / limit), _text(folder / usage)
    if not (most.isdigit() and used.isdigit()) or int(most) > _UNLIMITED:
        return []
    files = 0  # pages of files that are given back when memory is short
    for line in _text(folder / "memory.stat").splitlines():
        if line.startswith(reclaimable + " "):
            files = int(line.split()[1])
    return [int(most) - int(used) + files]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
