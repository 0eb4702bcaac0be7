"""Getting one file from the Hugging Face Hub, within bounds.

huggingface_hub gives the address, the user's token, the HTTP client and the file's metadata. The bytes are streamed
here: its own download starts from nothing after the process was killed, and waits for more than a minute on a server
that is silent.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from rag_faq.errors import FetchError, HashMismatchError
from rag_faq.models.catalog import HubPlace, ModelFile
from rag_faq.models.progress import Progress

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

_BLOCK = 1 << 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HubLimits:
    """How long the Hub may take, in seconds."""

    reach: float = 6.0  # until it has said what it knows of the file, name resolution included
    silence: float = 10.0  # between two pieces of a file
    attempts: int = 3  # in a row that bring no byte, before it is given up


@dataclass(frozen=True, slots=True)
class Announced:
    """What the Hub says of a file before it is downloaded."""

    url: str
    bytes: int | None
    sha256: str | None  # only for files in large-file storage


class Hub:
    """One place on the Hub. Errors are `FetchError` (with the reason) and `HashMismatchError`."""

    def __init__(self, place: HubPlace, limits: HubLimits) -> None:
        self._place = place
        self._limits = limits
        self._headers: dict[str, str] = {}  # with the user's token; filled by `announce`

    def announce(self, file: ModelFile) -> Announced:
        """Ask for size and hash; a file that is not the promised one is turned down before a byte of it is loaded.

        Raises:
            FetchError: The Hub is switched off (`HF_HUB_OFFLINE`), cannot be reached in time, or has no such file.
            HashMismatchError: The Hub announces another file than the catalog promises.
        """
        from huggingface_hub import get_hf_file_metadata, hf_hub_url, is_offline_mode
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        if is_offline_mode():
            raise FetchError("the Hub is switched off by HF_HUB_OFFLINE")
        # HF_ENDPOINT as it is now, not as it was when huggingface_hub was imported.
        endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
        url = hf_hub_url(self._place.repo, file.path, revision=self._place.revision, endpoint=endpoint)

        def ask() -> tuple[dict[str, str], HfFileMetadata]:
            headers = build_hf_headers()  # may ask the Hub for something by itself
            return headers, get_hf_file_metadata(url, timeout=self._limits.reach, endpoint=endpoint)

        self._headers, metadata = _within(self._limits.reach, url, ask)
        etag = metadata.etag or ""
        announced = Announced(url, metadata.size, etag if re.fullmatch("[0-9a-f]{64}", etag) else None)
        for what, found, promised in (
            ("size", announced.bytes, file.bytes),
            ("sha256", announced.sha256, file.sha256),
        ):
            if found is not None and promised is not None and found != promised:
                raise HashMismatchError(f"the Hub has another {file.path}: {what} {found}, not {promised}")
        return announced

    def cached(self, file: ModelFile) -> Path | None:
        """The file in the user's own cache of the Hub, if it is there already."""
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self._place.repo, file.path, revision=self._place.revision)
        return Path(found) if isinstance(found, str) else None

    def download(self, announced: Announced, part: Path, progress: Progress) -> str:
        """Stream the file into `part`, going on after the bytes that are there already, and give its sha256.

        Raises:
            FetchError: The server failed or fell silent. What came so far stays in `part`.
        """
        # Its bytes are hashed on the way: a gigabyte need not be read again afterwards.
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        with part.open("rb+") as stream:
            sink = _Sink(stream, announced.bytes, progress)
            failures = 0
            while True:
                before = sink.size
                try:
                    self._stream(announced.url, sink)
                    break
                except FetchError:
                    failures = 1 if sink.size > before else failures + 1
                    if failures >= self._limits.attempts:
                        raise
        return sink.hash.hexdigest()

    def _stream(self, url: str, sink: _Sink) -> None:
        """One request for the bytes that are still missing."""
        from huggingface_hub import get_session

        if sink.size == sink.expected:
            return
        headers = self._headers | {"Accept-Encoding": "identity"}
        if sink.size:
            headers["Range"] = f"bytes={sink.size}-"
        errors = _http_errors()
        try:
            with get_session().stream("GET", url, headers=headers, timeout=self._limits.silence) as response:
                if response.status_code == 416:  # there is nothing behind what we have: it was not the same file
                    sink.restart()
                    raise FetchError(f"{url} does not go on where the download stopped")
                if response.status_code not in (200, 206):
                    raise FetchError(f"{url} answered with status {response.status_code}")
                begin = f"bytes {sink.size}-"
                if response.status_code == 200 or not response.headers.get("Content-Range", "").startswith(begin):
                    sink.restart()  # the server does not know ranges
                    if response.status_code == 206:
                        raise FetchError(f"{url} sent another range than the one asked for")
                for block in response.iter_bytes():  # with a size, a block that breaks off would be lost
                    sink.write(block)
        except errors as error:
            raise FetchError(f"{url} broke off: {error or type(error).__name__}") from error
        if sink.expected is not None and sink.size < sink.expected:
            raise FetchError(f"{url} ended after {sink.size} of {sink.expected} bytes")


class _Sink:
    """A file that grows at its end, with the hash of all that is in it."""

    def __init__(self, stream: IO[bytes], expected: int | None, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress
        self.expected = expected
        self.hash = hashlib.sha256()
        self.size = 0
        while block := stream.read(_BLOCK):
            self.hash.update(block)
            self.size += len(block)
        progress.advance(self.size)
        if expected is not None and self.size > expected:
            self.restart()

    def write(self, block: bytes) -> None:
        if self.expected is not None and self.size + len(block) > self.expected:
            self.restart()
            raise HashMismatchError(f"the server sends more than the {self.expected} bytes of the file")
        self._stream.write(block)
        self.hash.update(block)
        self.size += len(block)
        self._progress.advance(len(block))

    def restart(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self._progress.advance(-self.size)
        self.hash = hashlib.sha256()
        self.size = 0


def _within(seconds: float, url: str, ask: Callable[[], T]) -> T:
    """The result of `ask`, within a bound on the whole of it.

    The timeouts of the HTTP client bound each step, and none of them bounds the resolution of the host's name, which
    takes half a minute on many machines that are offline. So the question is put in a thread that may be left behind.
    """
    outcome: list[T] = []
    failure: list[Exception] = []
    # Of what comes before the answer: also sockets (OSError), and names that the Hub does not allow (ValueError).
    errors: tuple[type[Exception], ...] = (*_http_errors(), OSError, ValueError)

    def run() -> None:
        try:
            outcome.append(ask())
        except errors as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="rag-faq-hub", daemon=True)
    thread.start()
    thread.join(seconds)
    if failure:
        reason = str(failure[0]).strip().splitlines()
        raise FetchError(f"{url}: {reason[0] if reason else type(failure[0]).__name__}") from failure[0]
    if not outcome:
        raise FetchError(f"{url} did not answer within {seconds:g} s")
    return outcome[0]


def _http_errors() -> tuple[type[Exception], ...]:
    """What goes wrong on the way: errors of the HTTP library (httpx in huggingface_hub 1, httpx2 in 2), of the Hub."""
    from huggingface_hub import get_session
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    library = importlib.import_module(type(get_session()).__module__.partition(".")[0])
    return (library.HTTPError, library.InvalidURL, HfHubHTTPError, OfflineModeIsEnabled)
