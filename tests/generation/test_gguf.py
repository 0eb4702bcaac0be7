"""Reading the head of a model file."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.errors import EngineError
from rag_faq.generation.gguf import GgufFile, read_gguf

Item = tuple[str, int, bytes]


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def string(key: str, value: str) -> Item:
    return key, 8, text(value)


def number(key: str, value: int) -> Item:
    return key, 4, struct.pack("<I", value)


def gguf(*items: Item, version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(items))
    return head + b"".join(text(key) + struct.pack("<I", kind) + value for key, kind, value in items)


QWEN = (
    string("general.architecture", "qwen2"),
    number("qwen2.block_count", 28),
    number("qwen2.context_length", 32768),
    number("qwen2.embedding_length", 1536),
    number("qwen2.attention.head_count", 12),
    number("qwen2.attention.head_count_kv", 2),
    ("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 2) + text("a") + text("b")),
)


def read(folder: Path, raw: bytes) -> GgufFile:
    path = folder / "model.gguf"
    path.write_bytes(raw)
    return read_gguf(path)


def test_the_memory_of_a_model_follows_from_its_shape(tmp_path):
    file = read(tmp_path, gguf(*QWEN))
    assert (file.architecture, file.layers, file.trained_tokens) == ("qwen2", 28, 32768)
    assert file.state_bytes == 28 * 2 * (128 + 128) * 2  # layers, heads, widths of keys and values, bytes
    assert file.memory(1000) == file.size + 28_672_000
    assert file.memory(100_000) == file.size + 32768 * 28_672  # a context is never longer than the model's own


def test_widths_and_heads_may_be_given_one_by_one(tmp_path):
    heads = ("a.attention.head_count_kv", 9, struct.pack("<IQ3i", 5, 3, 1, 0, 2))
    file = read(
        tmp_path,
        gguf(
            string("general.architecture", "a"),
            number("a.block_count", 3),
            number("a.attention.head_count", 4),
            number("a.attention.key_length", 8),
            number("a.attention.value_length", 16),
            heads,
        ),
    )
    assert file.state_bytes == (1 + 0 + 2) * (8 + 16) * 2


def test_keys_after_the_tokenisers_lists_are_found_too(tmp_path):
    shuffled = (QWEN[-1], *QWEN[:-1])
    assert read(tmp_path, gguf(*shuffled)).layers == 28


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"", "it begins with b''"),
        (b"PK\x03\x04 a zip", "it begins with b'PK"),
        (b"GGUF", "it ends after 4 bytes"),
        (gguf(*QWEN, version=1), "it is of version 1"),
        (gguf(*QWEN)[:60], "it ends after 60 bytes"),
        (gguf(("general.architecture", 77, b"")), "unknown kind 77"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "claims to have"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60), "a text of"),
    ],
)
def test_what_is_no_whole_model_file_is_told_apart(tmp_path, raw, found):
    with pytest.raises(EngineError, match="is no whole GGUF file") as caught:
        read(tmp_path, raw)
    assert found in caught.value.found
    assert caught.value.mend is not None


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(EngineError, match="cannot be read: No such file"):
        read_gguf(tmp_path / "none.gguf")


@given(data=st.data())
def test_no_damage_gets_past_as_anything_but_an_engine_error(tmp_path_factory, data):
    raw = bytearray(gguf(*QWEN))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        read_gguf(path)
    except EngineError as error:
        assert error.found  # noqa: PT017 (either outcome is right)


@pytest.mark.weights
def test_a_real_file(small_gguf):
    file = read_gguf(small_gguf)
    assert (file.architecture, file.layers, file.trained_tokens, file.state_bytes) == ("llama", 30, 8192, 23_040)
