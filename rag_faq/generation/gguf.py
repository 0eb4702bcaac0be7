"""What a GGUF file says of its model, read before llama.cpp sees it: is it one, and how much memory will it take.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from rag_faq.errors import EngineError

Value: TypeAlias = "int | float | str | tuple[int, ...] | None"  # `None`: a long or mixed list, passed over

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _LIST = 8, 9
_LONGEST_TEXT = 2**20  # of a key or a value that is read; chat templates have some thousand bytes
_LONGEST_LIST = 4096  # lists of one number a layer are read, those of one item a token are not
_MOST_KEYS = 65_536


@dataclass(frozen=True, slots=True)
class GgufFile:
    """A model file, by its own account."""

    path: Path
    size: int  # bytes
    architecture: str
    layers: int
    trained_tokens: int  # the longest context the model was made for; 0 where the file does not say
    state_bytes: int  # of keys and values in f16 for one token; 0 where the file does not say

    def memory(self, context_tokens: int) -> int:
        """Bytes of memory that the model takes with a context of so many tokens, without llama.cpp's work space."""
        return self.size + min(context_tokens, self.trained_tokens or context_tokens) * self.state_bytes


def read_gguf(path: Path) -> GgufFile:
    """Read the head of a model file. Raises EngineError when the file is not readable, no GGUF, or cut."""
    try:
        with path.open("rb") as file:
            values = _read_head(file)
            size = path.stat().st_size
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}", expected="a GGUF model file") from error
    except (ValueError, OverflowError) as error:
        raise EngineError(
            f"{path} is no whole GGUF file: {error}",
            expected="a model in GGUF format, version 2 or 3",
            mend="`rag-faq models verify` tells whether a fetched file is whole; the setting llm names another model",
        ) from error
    architecture = str(values.get("general.architecture", ""))
    return GgufFile(
        path=path,
        size=size,
        architecture=architecture,
        layers=_number(values, f"{architecture}.block_count"),
        trained_tokens=_number(values, f"{architecture}.context_length"),
        state_bytes=_state_bytes(values, architecture),
    )


def _read_head(file: BinaryIO) -> dict[str, Value]:
    magic = file.read(4)
    if magic != b"GGUF":
        raise ValueError(f"it begins with {magic!r}, not with b'GGUF'")
    version, _, count = _unpack(file, "<IQQ")
    if version not in (2, 3):
        raise ValueError(f"it is of version {version}")
    if count > _MOST_KEYS:
        raise ValueError(f"it claims to have {count} keys")
    values: dict[str, Value] = {}
    for _ in range(count):
        key = _read_text(file)
        # The lists of the tokeniser are long and come last: what is asked for stands before them.
        if key.startswith("tokenizer.") and "general.architecture" in values:
            break
        (kind,) = _unpack(file, "<I")
        values[key] = _read_value(file, kind)
    return values


def _read_value(file: BinaryIO, kind: int) -> Value:
    if kind == _STRING:
        return _read_text(file)
    if kind == _LIST:
        item, count = _unpack(file, "<IQ")
        if item in _NUMBERS and count <= _LONGEST_LIST:
            return tuple(int(number) for number in _unpack(file, f"<{count}{_NUMBERS[item]}"))
        _pass_over(file, item, count)
        return None
    if kind not in _NUMBERS:
        raise ValueError(f"it has a value of the unknown kind {kind}")
    number: int | float = _unpack(file, "<" + _NUMBERS[kind])[0]
    return number


def _pass_over(file: BinaryIO, item: int, count: int) -> None:
    if item in _NUMBERS:
        file.seek(count * struct.calcsize(_NUMBERS[item]), 1)
        return
    if item != _STRING:
        raise ValueError(f"it has a list of the unknown kind {item}")
    for _ in range(count):
        _read_text(file)


def _read_text(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<Q")
    if length > _LONGEST_TEXT:
        raise ValueError(f"it has a text of {length} bytes")
    return _take(file, length).decode("utf-8", errors="replace")


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, _take(file, struct.calcsize(form)))


def _take(file: BinaryIO, size: int) -> bytes:
    raw = file.read(size)
    if len(raw) < size:
        raise ValueError(f"it ends after {file.tell()} bytes")
    return raw


def _state_bytes(values: Mapping[str, Value], architecture: str) -> int:
    layers = _number(values, f"{architecture}.block_count")
    heads = _number(values, f"{architecture}.attention.head_count")
    width = _number(values, f"{architecture}.embedding_length") // max(1, heads)
    keys = _number(values, f"{architecture}.attention.key_length") or width
    of_values = _number(values, f"{architecture}.attention.value_length") or width
    shared = values.get(f"{architecture}.attention.head_count_kv", heads)  # one number, or one a layer
    pairs = sum(shared) if isinstance(shared, tuple) else layers * int(shared) if isinstance(shared, int) else 0
    return pairs * (keys + of_values) * 2  # two bytes a number in f16


def _number(values: Mapping[str, Value], key: str) -> int:
    value = values.get(key)
    if isinstance(value, tuple):
        return max(value, default=0)
    return int(value) if isinstance(value, int | float) else 0
