"""Kept states: exact keys, a budget that holds, and files that are trusted only when every byte agrees."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.generation.states import DiskStates, MemoryStates, StateStore, state_keys
from rag_faq.generation.template import TokenisedPrompt

HEADER = 80  # 16 bytes of magic, 32 of key, 32 of hash


def key(letter: str) -> str:
    return letter * 64


def state(size: int, value: int = 7) -> np.ndarray:
    return np.full(size, value, dtype=np.uint8)


def prompt(*tokens: int, cuts: tuple[int, ...]) -> TokenisedPrompt:
    return TokenisedPrompt(tokens, cuts)


# -- keys -----------------------------------------------------------------------------------------------------------


def test_prompts_that_begin_alike_share_the_keys_of_what_they_share():
    one = state_keys("model", prompt(1, 2, 3, 4, 5, 6, 9, cuts=(2, 4, 6)))
    other = state_keys("model", prompt(1, 2, 3, 4, 7, 8, 9, cuts=(2, 4, 6)))
    assert one[:2] == other[:2]
    assert one[2] != other[2]


def test_a_key_depends_on_all_that_stands_before():
    assert state_keys("model", prompt(1, 5, cuts=(1, 2)))[1] != state_keys("model", prompt(2, 5, cuts=(1, 2)))[1]


def test_a_key_depends_on_where_its_part_begins():
    whole = state_keys("model", prompt(1, 2, 3, 4, cuts=(4,)))
    parts = state_keys("model", prompt(1, 2, 3, 4, cuts=(2, 4)))
    assert whole[0] not in parts


def test_a_key_depends_on_the_model_and_the_build():
    assert state_keys("model", prompt(1, cuts=(1,))) != state_keys("another", prompt(1, cuts=(1,)))


# -- in memory ------------------------------------------------------------------------------------------------------


def test_what_was_not_used_for_longest_is_thrown_out():
    memory = MemoryStates(30)
    for letter in "abc":
        memory.add(key(letter), state(10))
    memory.get(key("a"))
    memory.add(key("d"), state(10))
    assert [letter for letter in "abcd" if key(letter) in memory] == ["a", "c", "d"]


def test_a_state_larger_than_the_budget_is_not_kept_and_throws_nothing_out():
    memory = MemoryStates(30)
    memory.add(key("a"), state(10))
    assert not memory.add(key("b"), state(31))
    assert key("a") in memory


def test_adding_twice_counts_once():
    memory = MemoryStates(30)
    memory.add(key("a"), state(10))
    memory.add(key("a"), state(20))
    assert (memory.used, len(memory)) == (20, 1)


@given(
    budget=st.integers(0, 100),
    steps=st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(1, 120)), max_size=50),
)
def test_the_budget_is_never_exceeded(budget, steps):
    memory = MemoryStates(budget)
    for letter, size in steps:
        memory.add(key(letter), state(size))
        held = sum(found.nbytes for other in "abcdefghij" if (found := memory._states.get(key(other))) is not None)
        assert memory.used == held <= budget


def test_a_prefix_outlives_what_builds_upon_it():
    store = StateStore(MemoryStates(30))
    chain = [key("a"), key("b"), key("c")]
    for each in chain:
        store.add(each, state(10))
    store.known(chain)
    store.add(key("d"), state(10))
    assert [each in store for each in chain] == [True, True, False]


def test_only_leading_states_are_of_use():
    store = StateStore(MemoryStates(30))
    store.add(key("a"), state(1))
    store.add(key("c"), state(1))
    assert len(store.known([key("a"), key("b"), key("c")])) == 1


def test_filling_ahead_throws_nothing_out():
    store = StateStore(MemoryStates(15))
    assert store.add(key("a"), state(10), evict=False)
    assert not store.add(key("b"), state(10), evict=False)
    assert key("a") in store


def test_states_of_questions_push_out_each_other_and_nothing_else():
    store = StateStore(MemoryStates(10), passing=MemoryStates(20))
    store.add(key("a"), state(10))
    for letter in "xyz":
        assert store.add_passing(key(letter), state(10))
    assert [letter for letter in "axyz" if key(letter) in store] == ["a", "y", "z"]
    assert [found.nbytes for found in store.known([key("a"), key("z")])] == [10, 10]


@given(
    budgets=st.tuples(st.integers(0, 60), st.integers(0, 30)),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["asked", "ahead", "passing", "known", "drop", "flush"]),
            st.sampled_from("abcdef"),
            st.integers(1, 40),
        ),
        max_size=40,
    ),
)
def test_no_budget_is_exceeded_whatever_happens_and_filling_ahead_pushes_nothing_out(budgets, steps):
    with tempfile.TemporaryDirectory() as folder:
        disk = DiskStates(Path(folder), 3 * (HEADER + 40))
        store = StateStore(MemoryStates(budgets[0]), disk, MemoryStates(budgets[1]))
        for what, letter, size in steps:
            held = [other for other in "abcdef" if key(other) in store and other != letter]
            if what == "asked":
                store.add(key(letter), state(size))
            elif what == "ahead":
                store.add(key(letter), state(size), evict=False)
                assert all(key(other) in store for other in held)
            elif what == "passing":
                store.add_passing(key(letter), state(size))
            elif what == "known":
                store.known([key(letter)])
            elif what == "drop":
                store.drop(key(letter))
            else:
                store.flush(1)
            assert (store.memory.used <= budgets[0], store.passing.used <= budgets[1]) == (True, True)
            assert sum(path.stat().st_size for path in Path(folder).iterdir()) <= 3 * (HEADER + 40)


# -- on disk --------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> DiskStates:
    return DiskStates(tmp_path, 10_000)


def file_of(folder: Path, letter: str) -> Path:
    return folder / f"{key(letter)}.state"


def test_a_state_survives_a_restart(tmp_path, disk):
    disk.add(key("a"), np.arange(200, dtype=np.uint8))
    again = DiskStates(tmp_path, 10_000).get(key("a"))
    assert again is not None
    assert again.tolist() == list(range(200))


def test_there_is_nothing_but_whole_files(tmp_path, disk):
    disk.add(key("a"), state(100))
    assert [path.name for path in tmp_path.iterdir()] == [file_of(tmp_path, "a").name]


@pytest.mark.parametrize("place", [0, 15, 16, 47, 48, 79, 80, 179])
def test_a_file_with_one_byte_altered_is_thrown_away(tmp_path, disk, place):
    disk.add(key("a"), state(100))
    raw = bytearray(file_of(tmp_path, "a").read_bytes())
    raw[place] ^= 1
    file_of(tmp_path, "a").write_bytes(raw)
    assert disk.get(key("a")) is None
    assert not file_of(tmp_path, "a").exists()


@pytest.mark.parametrize("length", [0, 1, HEADER - 1, HEADER, HEADER + 99])
def test_a_file_that_was_cut_is_thrown_away(tmp_path, disk, length):
    disk.add(key("a"), state(100))
    os.truncate(file_of(tmp_path, "a"), length)
    assert disk.get(key("a")) is None
    assert not file_of(tmp_path, "a").exists()


def test_a_state_under_the_name_of_another_is_thrown_away(tmp_path, disk):
    disk.add(key("a"), state(100))
    file_of(tmp_path, "a").rename(file_of(tmp_path, "b"))
    assert disk.get(key("b")) is None


def test_damage_is_said_once(tmp_path, disk, caplog):
    for letter in "abc":
        disk.add(key(letter), state(10))
        file_of(tmp_path, letter).write_bytes(b"not a state")
        disk.get(key(letter))
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1


def test_the_budget_holds_and_the_oldest_go_first(tmp_path):
    disk = DiskStates(tmp_path, 3 * (HEADER + 20))
    for age, letter in enumerate("abc"):
        disk.add(key(letter), state(20))
        os.utime(file_of(tmp_path, letter), (1_000_000 + age, 1_000_000 + age))
    disk.get(key("a"))  # used now
    disk.add(key("d"), state(20))
    assert [letter for letter in "abcd" if key(letter) in disk] == ["a", "c", "d"]
    assert not disk.add(key("e"), state(20), evict=False)
    assert not disk.add(key("f"), state(10_000))


def test_without_room_on_the_disk_nothing_is_written_and_nothing_fails(tmp_path, disk, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**40, 2**40 - 2**20, 2**20))
    assert not disk.add(key("a"), state(100))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_to_its_end_is_said_once_and_leaves_nothing(tmp_path, disk, caplog):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER + 50, before[1]))
    try:
        assert disk.add(key("a"), state(50))
        assert not disk.add(key("b"), state(51))
        assert not disk.add(key("c"), state(10))  # a disk that failed is left alone
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == [file_of(tmp_path, "a").name]
    assert disk.get(key("a")) is not None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_folder_that_cannot_be_is_said_once_and_nothing_fails(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    disk = DiskStates(tmp_path / "file" / "states", 10_000)
    assert not disk.add(key("a"), state(100))
    assert disk.get(key("a")) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_what_a_killed_process_left_half_written_is_tidied_up_and_what_is_being_written_is_not(tmp_path):
    (tmp_path / "old.tmp").write_bytes(b"half")
    os.utime(tmp_path / "old.tmp", (1_000_000, 1_000_000))
    (tmp_path / "new.tmp").write_bytes(b"half")
    DiskStates(tmp_path, 10_000)
    assert [path.name for path in tmp_path.iterdir()] == ["new.tmp"]


# -- both -----------------------------------------------------------------------------------------------------------


def test_states_are_written_when_there_is_time_and_read_after_a_restart(tmp_path, disk):
    store = StateStore(MemoryStates(1000), disk)
    store.add(key("a"), state(10, 1))
    store.add(key("b"), state(10, 2))
    assert not any(tmp_path.iterdir())
    assert not store.flush(1)
    assert store.flush(1)
    again = StateStore(MemoryStates(1000), DiskStates(tmp_path, 10_000))
    assert [found[0] for found in again.known([key("a"), key("b"), key("c")])] == [1, 2]
    assert again.memory.used == 20


def test_what_was_filled_ahead_is_written_only_where_there_is_room(tmp_path):
    disk = DiskStates(tmp_path, 2 * (HEADER + 10))
    store = StateStore(MemoryStates(1000), disk)
    for letter in "ab":
        store.add(key(letter), state(10))
    store.add(key("c"), state(10), evict=False)
    store.flush()
    assert [letter for letter in "abc" if key(letter) in disk] == ["a", "b"]
    store.add(key("d"), state(10))
    store.flush()
    assert key("d") in disk


def test_writing_to_disk_does_not_count_as_a_use(disk):
    store = StateStore(MemoryStates(20), disk)
    store.add(key("a"), state(10))
    store.add(key("b"), state(10))
    store.known([key("a")])
    store.flush()
    store.add(key("c"), state(10))
    assert [letter for letter in "abc" if key(letter) in store.memory] == ["a", "c"]


def test_with_less_memory_than_one_state_the_disk_serves_alone(tmp_path, disk):
    store = StateStore(MemoryStates(5), disk)
    assert store.add(key("a"), state(10, 1))
    assert store.known([key("a")])[0].tolist() == [1] * 10
    assert store.memory.used == 0


def test_states_of_questions_are_never_written(tmp_path, disk):
    store = StateStore(MemoryStates(1000), disk, MemoryStates(1000))
    store.add_passing(key("a"), state(10))
    assert store.flush()
    assert list(tmp_path.iterdir()) == []


def test_what_comes_from_the_disk_pushes_nothing_out_of_memory_while_states_are_filled_ahead(tmp_path, disk):
    disk.add(key("a"), state(10, 1))
    store = StateStore(MemoryStates(15), disk)
    store.add(key("b"), state(10, 2))
    assert store.known([key("a")], evict=False)[0].tolist() == [1] * 10
    assert key("b") in store.memory
    store.known([key("a")])
    assert key("b") not in store.memory


def test_a_dropped_state_is_gone_everywhere(tmp_path, disk):
    store = StateStore(MemoryStates(1000), disk, MemoryStates(1000))
    store.add(key("a"), state(10))
    store.add_passing(key("b"), state(10))
    store.flush()
    for letter in "ab":
        store.drop(key(letter))
        assert key(letter) not in store
