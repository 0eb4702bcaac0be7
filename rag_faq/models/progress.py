"""How fetching tells how far it is."""

from __future__ import annotations

from typing import Any, Protocol, TextIO


class Progress(Protocol):
    """Told about one transfer after another. Amounts are bytes."""

    def start(self, title: str, total: int | None, done: int = 0) -> None:
        """A transfer of `total` bytes begins, `done` of which are already here."""
        ...

    def advance(self, amount: int) -> None:
        """So many more bytes are here. Negative where bytes had to be thrown away."""
        ...

    def finish(self) -> None:
        """The transfer that began last has ended, well or not."""
        ...

    def say(self, text: str) -> None:
        """Something that a person who waits would want to know."""
        ...


class Quiet:
    """Shows nothing."""

    def start(self, title: str, total: int | None, done: int = 0) -> None:
        """Nothing."""

    def advance(self, amount: int) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


class Bar:
    """A tqdm bar on `stream`; by default on standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from tqdm import tqdm

        self._tqdm = tqdm
        self._stream = stream
        self._bar: Any = None

    def start(self, title: str, total: int | None, done: int = 0) -> None:
        """Open a bar."""
        self.finish()
        self._bar = self._tqdm(
            total=total, initial=done, desc=title, unit="B", unit_scale=True, dynamic_ncols=True, file=self._stream
        )

    def advance(self, amount: int) -> None:
        """Move it."""
        if self._bar is not None:
            self._bar.update(amount)

    def finish(self) -> None:
        """Close it."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self._stream is None:
            import sys

            self._tqdm.write(text, file=sys.stderr)
        else:
            self._tqdm.write(text, file=self._stream)
