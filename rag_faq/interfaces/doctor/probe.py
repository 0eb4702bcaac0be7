"""Which llama.cpp is installed, asked in a process of its own.

A build for another processor ends the process that loads it with an illegal instruction: the doctor must outlive that.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from rag_faq.generation.hardware import Gpu
from rag_faq.generation.loading import features

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class LlamaBuild:
    """The build of llama.cpp that this Python has."""

    version: str
    features: tuple[str, ...]  # instruction sets and abilities that it uses on this processor: "AVX2", "REPACK", …
    offloads: bool  # it was built for some GPU
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True, slots=True)
class NoLlama:
    """Why llama.cpp cannot be used."""

    reason: str


def llama_build(python: str = sys.executable) -> LlamaBuild | NoLlama:
    """Load llama.cpp in another process and ask it."""
    command = [python, "-m", "rag_faq.interfaces.doctor.probe"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return NoLlama(f"llama.cpp could not be asked: {error}")
    return read_answer(done.returncode, done.stdout, done.stderr)


def read_answer(status: int, out: str, complaints: str) -> LlamaBuild | NoLlama:
    """What the other process said, or how it ended."""
    if status == -signal.SIGILL:
        return NoLlama("llama.cpp was compiled for another processor: it uses an instruction that this one lacks")
    if status != 0:
        last = complaints.strip().splitlines()[-1:] or [f"status {status}"]
        return NoLlama(f"llama.cpp does not load: {last[0]}")
    answer = json.loads(out)
    return LlamaBuild(
        version=answer["version"],
        features=features(answer["system_info"]),
        offloads=answer["offloads"],
        gpus=tuple(Gpu(**gpu) for gpu in answer["gpus"]),
    )


def main() -> None:
    """In the other process: one line of JSON."""
    from dataclasses import asdict
    from importlib.metadata import version

    from rag_faq.generation.hardware import gpus
    from rag_faq.generation.loading import library

    api = library().api
    answer: dict[str, Any] = {
        "version": f"llama-cpp-python {version('llama_cpp_python')}, llama.cpp {api.llama_version().decode()}",
        "system_info": api.llama_print_system_info().decode(),
        "offloads": bool(api.llama_supports_gpu_offload()),
        "gpus": [asdict(gpu) for gpu in gpus()],
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
