"""Turns the output of pip and of a compiler into a few lines that tell how far things are."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import TextIO

_DOWNLOAD = re.compile(r"^\s*Downloading (?:\S*/)?(\S+)(?: \(([\d.]+ [kMG]?B)\))?")
_BYTES = re.compile(r"^Progress (\d+) of (\d+)")
_BUILD = re.compile(r"^\s*Building wheel for (\S+)")
_OBJECT = re.compile(r"^\s*\[(\d+)/(\d+)\]")
_QUIET_SECONDS = 3.0  # what is over sooner needs no lines about how far it is
_WORTH_SAYING = re.compile(r"\d\d\.\d MB|\d{3,} MB|GB")  # downloads from 10 MB on
_INSTALL = re.compile(r"^Installing collected packages: (.+)")


class Progress:
    """Reads lines, writes the few that matter: downloads, steps of a build in percent, what is being installed.

    On a terminal one line is rewritten in place; elsewhere (a CI log) a line is written at every tenth.
    """

    def __init__(self, out: TextIO = sys.stdout, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._start = clock()
        self._what = ""
        self._tenth = -1
        self._open_line = False

    def feed(self, line: str) -> None:
        """Take one line of output."""
        if match := _DOWNLOAD.match(line):
            name, size = match.groups()
            if size and _WORTH_SAYING.search(size) and not name.endswith(".metadata"):
                self._begin(name, f"downloading {name} ({size})")
            else:
                self._what = ""
        elif match := _BYTES.match(line):
            self._share(int(match[1]), int(match[2]), "")
        elif match := _BUILD.match(line):
            if match[1] != self._what:
                self._begin(match[1], f"building {match[1]}")
        elif match := _OBJECT.match(line):
            self._share(int(match[1]), int(match[2]), f", file {match[1]} of {match[2]}")
        elif match := _INSTALL.match(line):
            names = match[1].split(", ")
            self._begin("", f"installing {names[0] if len(names) == 1 else f'{len(names)} packages'}")

    def close(self) -> None:
        """End the line that is being rewritten, if there is one."""
        if self._open_line:
            self._out.write("\n")
            self._open_line = False
        self._out.flush()

    def _begin(self, what: str, text: str) -> None:
        self.close()
        self._what, self._tenth, self._start = what, -1, self._clock()
        self._out.write(f"    {text}\n")
        self._out.flush()

    def _share(self, done: int, total: int, detail: str) -> None:
        seconds = self._clock() - self._start
        if total <= 0 or not self._what or seconds < _QUIET_SECONDS:
            return
        text = f"      {100 * done // total:3d} %{detail}, {_duration(seconds)}"
        if self._out.isatty():
            self._out.write(f"\r\033[K{text}")
            self._open_line = True
        elif 10 * done // total > self._tenth:
            self._out.write(text + "\n")
        self._tenth = 10 * done // total
        self._out.flush()


def _duration(seconds: float) -> str:
    """12 s, or 2 min 05 s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
