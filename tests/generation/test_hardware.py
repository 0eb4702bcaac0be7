"""Cores and memory that the process may use, out of files as Linux writes them."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from rag_faq.generation import hardware
from rag_faq.generation.hardware import available_addresses, available_memory, cpu_quota, usable_cores


@pytest.fixture
def system(tmp_path: Path):
    """Writes files under a root of its own."""

    def write(**files: str) -> Path:
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")
        return tmp_path

    return write


@pytest.fixture
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


V2 = {"proc__self__cgroup": "0::/app/web"}


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("140000 100000", 1), ("20000 100000", 1),
     ("1600000 100000", 8), ("nonsense", 8)],
)  # fmt: skip
def test_the_quota_of_a_container_counts(system, eight_cores, quota, cores):
    assert usable_cores(system(**V2, sys__fs__cgroup__app__web__cpu_dot_max=quota)) == cores


def test_the_least_of_all_enclosing_groups_counts(system):
    root = system(
        **V2,
        sys__fs__cgroup__app__web__cpu_dot_max="400000 100000",
        sys__fs__cgroup__app__cpu_dot_max="300000 100000",
        sys__fs__cgroup__cpu_dot_max="max 100000",
    )
    assert cpu_quota(root) == 3.0


def test_in_a_container_the_groups_folder_is_the_root(system):
    assert cpu_quota(system(proc__self__cgroup="0::/", sys__fs__cgroup__cpu_dot_max="50000 100000")) == 0.5


def test_version_1_of_control_groups(system):
    root = system(proc__self__cgroup="5:memory:/m\n4:cpu:/box")
    folder = root / "sys/fs/cgroup/cpu/box"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text("250000\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_quota(root) == 2.5
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert cpu_quota(root) is None


def test_the_cores_that_the_process_is_bound_to_count(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert usable_cores(tmp_path) == 1


def test_where_the_system_cannot_tell_all_cores_count(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path) == 6


def test_free_memory_is_what_the_system_says(system):
    assert available_memory(system(proc__meminfo="MemTotal: 9000 kB\nMemAvailable:    4000 kB")) == 4_096_000


def test_or_what_the_container_leaves_files_in_memory_not_counted(system):
    root = system(
        **V2,
        proc__meminfo="MemAvailable: 4000000 kB",
        sys__fs__cgroup__app__web__memory_dot_max="1000",
        sys__fs__cgroup__app__web__memory_dot_current="900",
        sys__fs__cgroup__app__web__memory_dot_stat="anon 500\ninactive_file 300\nactive_file 7",
    )
    assert available_memory(root) == 400


def test_no_limit_in_version_1_is_a_very_large_number(system):
    root = system(proc__self__cgroup="5:memory:/m", proc__meminfo="MemAvailable: 1 kB")
    folder = root / "sys/fs/cgroup/memory/m"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (folder / "memory.usage_in_bytes").write_text("5\n")
    assert available_memory(root) == 1024


def test_unknown_where_the_system_does_not_tell(tmp_path):
    assert available_memory(tmp_path) is None
    assert available_addresses(tmp_path) is None


def test_this_machine():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert all(gpu.total_bytes > 0 for gpu in hardware.gpus())


def test_a_thread_that_gives_way_does_so_alone_with_those_that_it_starts():
    found = []

    def look():
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def work():
        hardware.give_way(3)
        look()
        child = threading.Thread(target=look)
        child.start()
        child.join()

    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    look()
    lower = 3 if sys.platform == "linux" else 0  # elsewhere a priority is the whole process's
    assert found == [min(19, mine + lower)] * 2 + [mine]
