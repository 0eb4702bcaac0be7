"""`python app.py` as a Space runs it: its variables, its two cores, until it is ready, and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.space.environment import Person, SpaceError

OWNER, NAME = "somebody", "their-faq"
HOST = f"{OWNER}-{NAME}.hf.space"
CORES = 2


@dataclass(frozen=True)
class Space:
    """What is started, as whom, and how long it may take."""

    app: Path
    python: Path
    person: Person
    port: int
    limit: int  # seconds until it is ready
    model: str | None = None

    def variables(self) -> dict[str, str]:
        """Those that the Hub sets for a Space (https://huggingface.co/docs/hub/spaces-overview)."""
        owners = {"RAG_FAQ_LLM": self.model} if self.model else {}
        port = {} if self.port == 7860 else {"GRADIO_SERVER_PORT": str(self.port)}
        return {
            **self.person.environment(),
            "SYSTEM": "spaces",
            "SPACE_ID": f"{OWNER}/{NAME}",
            "SPACE_HOST": HOST,
            "SPACE_AUTHOR_NAME": OWNER,
            "SPACE_REPO_NAME": NAME,
            "SPACE_TITLE": "Their FAQ",
            "GRADIO_SERVER_NAME": "0.0.0.0",
            "GRADIO_ALLOW_FLAGGING": "never",
            "GRADIO_THEME": "huggingface",
            "CPU_CORES": str(CORES),
            "MEMORY": "16Gi",
            **port,
            **owners,
        }

    def get(self, path: str, body: object | None = None, **headers: str) -> Any:
        """The JSON of a request to the Space on this machine."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json", **headers}
        )
        with urllib.request.urlopen(request, timeout=300) as response:
            return json.load(response)


class Process:
    """The running Space."""

    def __init__(self, popen: subprocess.Popen[str], log: Path) -> None:
        self._popen = popen
        self._log = log
        self.ready_in = 0.0  # seconds
        self.ended_in: float | None = None  # seconds; None: it had to be killed

    def wait_until_ready(self, space: Space) -> None:
        """Until `/readyz` says so. Raises SpaceError with the end of the log when it ends, or takes too long."""
        begun = time.monotonic()
        while time.monotonic() - begun < space.limit:
            if self._popen.poll() is not None:
                raise SpaceError(f"{self.log()}\napp.py ended with {self._popen.returncode}")
            try:
                space.get("/readyz")
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.5)
            else:
                self.ready_in = time.monotonic() - begun
                return
        raise SpaceError(f"{self.log()}\napp.py was not ready within {space.limit} s")

    def most_memory(self) -> int:
        """The most bytes that it had in memory at a time."""
        for line in Path(f"/proc/{self._popen.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise SpaceError("the system does not tell how much memory a process had")

    def log(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def end(self) -> None:
        """Tell it to end, as the Hub does; kill it where it does not."""
        if self._popen.poll() is not None:
            return
        begun = time.monotonic()
        self._popen.terminate()
        try:
            self._popen.wait(30)
            self.ended_in = time.monotonic() - begun
        except subprocess.TimeoutExpired:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()


@contextmanager
def running_space(space: Space) -> Iterator[Process]:
    """The Space, ready; it ends with the block."""
    log = space.person.home / "log.txt"
    with log.open("w", encoding="utf-8") as stream:
        popen = subprocess.Popen(
            [str(space.python), "app.py"],
            cwd=space.app,
            env=space.variables(),
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **space.person.identity(),
        )
    os.sched_setaffinity(popen.pid, sorted(os.sched_getaffinity(0))[:CORES])
    process = Process(popen, log)
    try:
        process.wait_until_ready(space)
        yield process
    finally:
        process.end()
