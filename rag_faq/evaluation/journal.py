"""The results as they come, one line each, so that an interrupted run loses nothing of what it did."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rag_faq.errors import InputFileError
from rag_faq.evaluation.results import Result, result_from_json
from rag_faq.retrieval.swap import disk_errors

_KEY = "evaluation"


class Journal:
    """A file of results. Its first line names the run that it belongs to.

    Raises InputFileError for a file of another run or not written here, DiskError when it cannot be written.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.fingerprint = fingerprint

    def read(self) -> dict[str, Result]:
        """The results that are there, by question id. A last line that was cut short is taken away."""
        lines = self._whole_lines()
        if not lines:
            return {}
        results: dict[str, Result] = {}
        try:
            if json.loads(lines[0])[_KEY] != self.fingerprint:
                raise ValueError("it is of another run")
            for line in lines[1:]:
                result = result_from_json(json.loads(line))
                results.setdefault(result.id, result)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputFileError(
                f"{self.path} cannot be gone on from ({error})",
                mend="run it again with --fresh, which replaces the file",
            ) from error
        return results

    def clear(self) -> None:
        """Forget all results."""
        with disk_errors("Removing", self.path):
            self.path.unlink(missing_ok=True)

    @contextmanager
    def writing(self) -> Iterator[Appender]:
        """Open the file for more results; call `read` or `clear` before."""
        with disk_errors("Writing", self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a", encoding="utf-8", newline="\n")
        with file:
            appender = Appender(file, self.path)
            if file.tell() == 0:
                appender.write({_KEY: self.fingerprint})
            yield appender

    def _whole_lines(self) -> list[bytes]:
        if not self.path.exists():
            return []
        with disk_errors("Reading", self.path):
            data = self.path.read_bytes()
            whole = data[: data.rfind(b"\n") + 1]
            if len(whole) != len(data):
                os.truncate(self.path, len(whole))
        return [line for line in whole.split(b"\n") if line]


class Appender:
    """Writes lines that stay, whatever happens next."""

    def __init__(self, file: IO[str], path: Path) -> None:
        self._file = file
        self._path = path

    def add(self, result: Result) -> None:
        """Write one result through to the disk."""
        self.write(result.to_json())

    def write(self, record: dict[str, Any]) -> None:
        """Write one object through to the disk."""
        with disk_errors("Writing", self._path):
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
