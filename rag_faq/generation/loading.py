"""The shared library of llama.cpp, and the parameters by which it loads a model and makes a context."""

from __future__ import annotations

import ctypes
import importlib
import logging
from collections import deque
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rag_faq.errors import EngineError

log = logging.getLogger(__name__)

_ERROR = 4  # GGML_LOG_LEVEL_ERROR of ggml.h


@dataclass(frozen=True, slots=True)
class Layout:
    """How a model is loaded."""

    context_tokens: int
    threads: int
    gpu_layers: int = 0  # -1: all
    repack: bool = True  # weights arranged anew for this processor, where llama.cpp has kernels for that


@dataclass(frozen=True, slots=True)
class Room:
    """What a context has room for."""

    cells: int  # tokens that it holds
    batch: int  # tokens that are read at once
    sequences: int
    scored: int  # tokens of one batch of which the scores can be had
    shared: bool  # the cells are one pool for all sequences; else each has its share


class Messages:
    """llama.cpp's messages: all go to `logging` as debug messages; the last complaints are kept for error texts."""

    def __init__(self, api: Any) -> None:
        self.complaints: deque[str] = deque(maxlen=4)
        self.callback = api.llama_log_callback(self._take)  # must live as long as the library

    def _take(self, level: int, text: bytes | None, _: int | None) -> None:
        line = (text or b"").decode("utf-8", errors="replace").strip()
        if not line.strip("."):
            return
        if level == _ERROR:
            self.complaints.append(line)
        log.debug("%s", line)


@dataclass(frozen=True, slots=True)
class Library:
    """The loaded shared library: its functions, and what it said."""

    api: Any
    messages: Messages


@cache
def library() -> Library:
    """Load llama.cpp, once in a process: its log and its backends are the process's own."""
    api = importlib.import_module("llama_cpp.llama_cpp")
    messages = Messages(api)
    api.llama_log_set(messages.callback, ctypes.c_void_p(0))
    api.llama_backend_init()
    return Library(api, messages)


def build_name() -> str:
    """Names the build of llama.cpp and what of the processor it uses: states are of no use to another one."""
    from importlib.metadata import version

    api = library().api
    return " ".join(
        [version("llama_cpp_python"), api.llama_version().decode(), api.llama_print_system_info().decode().strip()]
    )


def features(system_info: str) -> tuple[str, ...]:
    """The names that llama.cpp's line "CPU : SSE3 = 1 | AVX2 = 1 | …" says 1 of, in its order."""
    found = []
    for field in system_info.replace(":", "|").split("|"):
        name, equals, value = field.partition("=")
        if equals and value.strip() == "1":
            found.append(name.strip())
    return tuple(found)


def uses_amx(api: Any) -> bool:
    """True of a build with kernels for AMX, which take weights arranged anew. As GCC compiles them, they break down."""
    return "AMX_INT8" in _features_of(api)


def uses_openmp(api: Any) -> bool:
    """True of a build whose threads are OpenMP's: slower beside torch, which has threads of the same library."""
    return "OPENMP" in _features_of(api)


def _features_of(api: Any) -> tuple[str, ...]:
    return features(api.llama_print_system_info().decode())


def model_params(api: Any, layout: Layout) -> Any:
    """llama.cpp's parameters for loading a model in this way."""
    anew = layout.repack and not uses_amx(api)
    params = api.llama_model_default_params()
    params.n_gpu_layers = layout.gpu_layers
    # Weights that are arranged anew are a copy: a mapped file would stay in memory beside them.
    params.load_mode = api.LLAMA_LOAD_MODE_NONE if anew else api.LLAMA_LOAD_MODE_MMAP
    params.use_extra_bufts = anew
    return params


def context_params(api: Any, layout: Layout, room: Room) -> Any:
    """llama.cpp's parameters for a context with this room.

    They are chosen so that a restored state gives bit for bit what a cold run gives: no flash attention, f16, and no
    cells that are shared with another text at the same time.
    """
    params = api.llama_context_default_params()
    params.n_ctx = room.cells
    params.n_batch = params.n_ubatch = room.batch
    params.n_seq_max = room.sequences
    params.n_outputs_max = room.scored
    params.kv_unified = room.shared
    params.n_threads = params.n_threads_batch = layout.threads
    params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.type_k = params.type_v = api.GGML_TYPE_F16
    params.swa_full = True  # a sliding window would drop cells that a kept state needs
    params.offload_kqv = params.op_offload = layout.gpu_layers != 0
    params.no_perf = True
    return params


def does_not_load(path: Path, messages: Messages) -> EngineError:
    """The error for a file of which llama.cpp makes no model or no context, with what it said."""
    said = "; ".join(messages.complaints) or "llama.cpp gave no reason"
    return EngineError(
        f"{path.name} does not load: {said}",
        expected="a whole GGUF file of an architecture that llama.cpp knows, and memory for it",
        mend="`rag-faq models verify` tells whether the file is whole; the setting llm names another model",
    )
