"""What an evaluation was made of: the questions, the settings, the weights, the index, the code."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rag_faq.evaluation.results import Stage
from rag_faq.records import ModelInfo

# Where things lie and how the web app is reached: they change no answer. The index and the weights are told by hash.
_NO_MATTER = frozenset({"corpus", "index", "models", "host", "port", "state_cache_mb", "state_cache_disk"})
_PACKAGES = ("rag-faq", "llama-cpp-python", "sentence-transformers", "torch", "faiss-cpu", "bm25s", "numpy")
_CODE = frozenset({".py", ".md", ".toml"})
# Nothing here takes part in finding an answer.
_NOT_THE_CHATBOT = frozenset({"evaluation", "interfaces", "data"})


@dataclass(frozen=True, slots=True)
class Provenance:
    """Two runs with the same `fingerprint` ask the same of the same chatbot."""

    set_name: str
    set_sha256: str
    stage: Stage
    settings: Mapping[str, Any]
    index: str  # fingerprint
    model: Mapping[str, str]  # name, sha256, device
    versions: Mapping[str, str]
    code: str  # sha256 of the package's source

    @property
    def fingerprint(self) -> str:
        """sha256 of all that could change an answer."""
        parts = asdict(self)
        parts.pop("set_name")
        parts["settings"] = {name: value for name, value in self.settings.items() if name not in _NO_MATTER}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def describe_model(model: ModelInfo) -> dict[str, str]:
    """What of a model decides its answers."""
    return {"name": model.name, "sha256": model.sha256, "device": model.device}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that take part."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def code_fingerprint(package: Path | None = None) -> str:
    """sha256 of the source, prompts and tables of the chatbot, so that a changed program is not taken for the same."""
    root = package or Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.suffix in _CODE and inside.parts[0] not in _NOT_THE_CHATBOT and path.is_file():
            data = path.read_bytes()
            digest.update(f"{inside.as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()
