"""A builder that is killed, at any moment, leaves the old index or the new one, whole, and the next build works."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retrieval_pets import CHUNKS, CORPUS, ENTRIES, VOCABULARY, chunks_of, embedder, entry

from rag_faq.retrieval.store import build_index, open_index
from rag_faq.testing import FakeEmbedder

HERE = Path(__file__).resolve()
NEW = tuple(entry(n, f"Number {n} of the stones?", f"A stone.\n\nNot bird {n}.") for n in range(4, 34))
NEW_CHUNKS = tuple(chunk for one in NEW for chunk in chunks_of(one))

# The child kills itself just before the n-th call of a step; "aside" is the way without an exchange of names.
STEPS = [
    ("exchange", "fsync", 1),
    ("exchange", "fsync", 20),
    ("exchange", "exchange", 1),
    ("exchange", "remove", 1),
    ("exchange", "unlink", 1),
    ("exchange", "unlink", 5),
    ("aside", "rename", 1),
    ("aside", "rename", 2),
    ("aside", "remove", 1),
    ("aside", "unlink", 5),
]


class SlowEmbedder(FakeEmbedder):
    """A tenth of a second for each batch."""

    def encode(self, texts):
        time.sleep(0.1)
        return super().encode(texts)


def child(folder: str, plan: str) -> None:
    """Build the new index in this process, and die where `plan` says."""
    from rag_faq.retrieval import swap

    plan = json.loads(plan)
    left = {plan.get("step"): plan.get("count")}

    def watched(name, call):
        def before(*args, **more):
            left[name] = left.get(name, 0) - 1
            if left[name] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **more)

        return before

    if plan.get("aside"):
        swap._exchange = lambda one, other: False
    swap._exchange = watched("exchange", swap._exchange)
    swap.remove = watched("remove", swap.remove)
    Path.rename = watched("rename", Path.rename)
    os.unlink = watched("unlink", os.unlink)
    os.fsync = watched("fsync", os.fsync)
    print("ready", flush=True)
    build_index(Path(folder), NEW, NEW_CHUNKS, SlowEmbedder(VOCABULARY), corpus_files=CORPUS, repairs={})
    print("done", flush=True)


def start(folder: Path, **plan) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(HERE), str(folder), json.dumps(plan)], stdout=subprocess.PIPE, text=True, cwd=HERE.parent
    )


def check(folder: Path) -> str:
    """The index is the old or the new one, whole; and after one more build it is the new one and nothing is left."""
    index = open_index(folder, embedder())
    assert index.entries in (ENTRIES, NEW)
    found = "old" if index.entries == ENTRIES else "new"
    build_index(folder, NEW, NEW_CHUNKS, embedder(), corpus_files=CORPUS, repairs={})
    assert open_index(folder, embedder()).entries == NEW
    assert sorted(path.name for path in folder.parent.iterdir()) == [f".{folder.name}.lock", folder.name]
    return found


@pytest.fixture
def folder(tmp_path):
    build_index(tmp_path / "index", ENTRIES, CHUNKS, embedder(), corpus_files=CORPUS, repairs={})
    return tmp_path / "index"


@pytest.mark.parametrize(("way", "step", "count"), STEPS)
def test_killed_just_before_a_step(folder, way, step, count):
    process = start(folder, step=step, count=count, aside=way == "aside")
    process.communicate(timeout=200)
    assert process.returncode == -signal.SIGKILL
    check(folder)


def seconds_of_a_build(folder):
    build_index(folder, ENTRIES, CHUNKS, embedder(), corpus_files=CORPUS, repairs={})
    process = start(folder)
    assert process.stdout.readline() == "ready\n"
    begun = time.monotonic()
    assert process.communicate(timeout=200)[0] == "done\n"
    return time.monotonic() - begun


def test_killed_at_ten_moments(folder):
    # The quickest of three: on a busy machine a single one may be so slow that the later ones end before their moment.
    whole = min(seconds_of_a_build(folder) for _ in range(3))
    killed = 0
    for moment in range(10):
        build_index(folder, ENTRIES, CHUNKS, embedder(), corpus_files=CORPUS, repairs={})
        process = start(folder)
        assert process.stdout.readline() == "ready\n"
        time.sleep(whole * (moment + 0.5) / 10)
        process.kill()
        process.communicate(timeout=200)
        killed += process.returncode == -signal.SIGKILL
        check(folder)
    assert killed >= 8


def test_killed_at_the_very_first_build(tmp_path):
    for step, count in (("fsync", 3), ("rename", 1)):
        target = tmp_path / step / "index"
        process = start(target, step=step, count=count)
        process.communicate(timeout=200)
        assert process.returncode == -signal.SIGKILL
        assert not target.exists()
        build_index(target, NEW, NEW_CHUNKS, embedder(), corpus_files=CORPUS, repairs={})
        check(target)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[2]))
    child(*sys.argv[1:])
