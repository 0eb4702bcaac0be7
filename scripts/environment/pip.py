"""Runs the environment's own pip: with the constraints, a log, and an error that says what went wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.environment.problems import Problem
from scripts.environment.progress import Progress

_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|Connection refused"
    r"|Temporary failure in name resolution|Network is unreachable|Read timed out|after connection broken"
)
_ERROR = re.compile(r"^(ERROR|error|FAILED|\S+Error)\b")
_NO_SPACE = re.compile(r"No space left on device|Errno 28|Disk quota exceeded")

# Evaluates the markers of the requirements on stdin with pip's own copy of `packaging`: there is no other one yet.
_MARKERS = """
import json, sys
from pip._vendor.packaging.requirements import Requirement
read = [Requirement(line) for line in json.load(sys.stdin)]
print(json.dumps([r.name for r in read if r.marker is None or r.marker.evaluate({"extra": ""})]))
"""


class PipError(Exception):
    """pip ended with an error. `output` is the end of what it said."""

    def __init__(self, output: str) -> None:
        self.output = output
        super().__init__(output)

    def problem(self, log: Path) -> Problem:
        """The same in words: no network, a full disk, or whatever pip said last."""
        if _NO_SPACE.search(self.output):
            return Problem(
                "The disk is full.",
                found=self.line_with(_NO_SPACE),
                needed="more free space, then the command again",
            )
        if _NO_NETWORK.search(self.output):
            return Problem(
                "The package index cannot be reached.",
                found=self.line_with(_NO_NETWORK),
                needed="a network connection, or a mirror that pip knows",
                remedies={
                    "A proxy": "export HTTPS_PROXY=http://HOST:PORT",
                    "A mirror": "pip config set global.index-url https://HOST/simple",
                    "Wheels on disk": "pip config set global.find-links /path/to/wheels",
                },
            )
        return Problem("pip failed.", found=self.line_with(_ERROR), needed=f"see the end of {log}")

    def line_with(self, pattern: re.Pattern[str]) -> str:
        """The last line in which `pattern` is found, else the last line."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        matching = [line for line in lines if pattern.search(line)]
        return (matching or lines or ["no output"])[-1]


class Pip:
    """The pip of one environment."""

    def __init__(self, python: Path, constraints: Path, log: Path) -> None:
        self.python = python
        self.constraints = constraints
        self.log = log

    def install(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        show_progress: bool = True,
    ) -> None:
        """Run `pip install` under the constraints and show how far it is. Raises PipError."""
        # `raw` progress comes with newer pips only; the first call, which brings that pip, does without.
        options = ["--progress-bar", "raw"] if show_progress else ["--progress-bar", "off"]
        command = [*self._command(), "install", "--constraint", str(self.constraints), *options, *arguments]
        progress, tail = Progress(), deque[str](maxlen=60)
        with self.log.open("a", encoding="utf-8") as log:
            log.write("\n$ " + " ".join(command) + "\n")
            log.flush()
            with subprocess.Popen(
                command,
                env=_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    progress.feed(line)
                    if not line.startswith("Progress "):
                        log.write(line)
                        tail.append(line)
        progress.close()
        if process.returncode:
            raise PipError("".join(tail))

    def forget(self, name: str) -> bool:
        """Throw out of pip's cache what it built of a package; whether there was anything."""
        done = self._run([*self._command(), "cache", "remove", name.replace("-", "_")])
        return re.search(r"Files removed: [1-9]", done.stdout) is not None

    def requirements_of(self, requirement: str, arguments: Sequence[str] = ()) -> list[str] | None:
        """Names of what `requirement` would bring here, itself left out, without installing anything.

        None when it is not offered. Only the one package is looked at, and where the index serves metadata (PEP 658) it
        is not even downloaded: nothing that it depends on is touched.
        """
        command = [*self._command(), "install", "--dry-run", "--quiet", "--report", "-", "--no-deps"]
        command += ["--ignore-installed", "--only-binary", ":all:", "--timeout", "15", "--retries", "1"]
        planned = self._run([*command, *arguments, requirement])
        if planned.returncode:
            return None
        report: dict[str, Any] = json.loads(planned.stdout)
        metadata = report["install"][0]["metadata"]
        evaluated = self._run([str(self.python), "-c", _MARKERS], json.dumps(metadata.get("requires_dist", [])))
        if evaluated.returncode:
            raise PipError(evaluated.stderr)
        names: list[str] = json.loads(evaluated.stdout)
        return names

    def _run(self, command: Sequence[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, env=_environment(), input=stdin, capture_output=True, text=True, errors="replace", check=False
        )
        with self.log.open("a", encoding="utf-8") as log:
            log.write("\n$ " + " ".join(command) + "\n" + done.stderr)
        return done

    def _command(self) -> list[str]:
        return [str(self.python), "-m", "pip"]


def _environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The user's environment, with their pip settings, less what would lead an installation out of the environment."""
    kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX"}}
    settled = {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}
    return {**kept, **settled, **(extra or {})}
