"""The line at the HTTP doors: answers under way, each in a thread of its own, and no more of them than may wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from rag_faq.interfaces.http.problems import RefusalError, closing

Item = TypeVar("Item")

_USUAL_S = 5.0  # what an answer is taken to last before one was given
_WEIGHT = 0.2  # of the newest answer in the running mean


class _End:
    """Last item of a job."""


class Job(Generic[Item]):
    """Something under way in a thread, read without blocking the loop. Leaving the iteration ends it."""

    def __init__(self) -> None:
        self.cancel = threading.Event()  # ends the writing; what was written is still checked and given
        self._left = False
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Item | _End] = asyncio.Queue()
        self._work: Future[None] | None = None

    def leave(self) -> None:
        """Nobody waits for the rest any more."""
        self._left = True
        self.cancel.set()

    def close(self) -> None:
        """The server ends: whoever waits is told so."""
        self._closed = True
        self.leave()
        self._tell(_End())

    def run(self, items: Iterator[Item]) -> None:
        """Take the items until the end, or until nobody waits; in the job's thread."""
        for item in items:
            if self._left:
                break
            self._tell(item)

    def started(self, work: Future[None]) -> None:
        """Note the thread's work, and its end when that comes."""
        self._work = work
        work.add_done_callback(lambda _: self._tell(_End()))

    async def items(self, every: float | None = None) -> AsyncIterator[Item | None]:
        """The items as they come, and None whenever none came for `every` seconds. Raises what the work raised.

        RefusalError when the server was closed before the end.
        """
        try:
            while True:
                try:
                    item = await asyncio.wait_for(self._arrived.get(), every)
                except TimeoutError:
                    yield None
                    continue
                if isinstance(item, _End):
                    break
                yield item
        finally:
            self.leave()
        if self._closed:
            raise closing()
        assert self._work is not None
        self._work.result()

    def _tell(self, item: Item | _End) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)


class Line:
    """Takes in jobs while fewer than `most` are under way; further ones are told when to come back."""

    def __init__(self, most: int) -> None:
        """`most`: jobs at once, those that wait for the model included."""
        self._most = most
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="http answer")
        self._lock = threading.Lock()
        self._jobs: set[Job[object]] = set()
        self._closed = False
        self._seconds = _USUAL_S  # that a job took lately, from the end of the one before

    def __len__(self) -> int:
        """Jobs under way."""
        return len(self._jobs)

    def start(self, items: Callable[[threading.Event], Iterator[Item]]) -> Job[Item]:
        """Begin what `items` gives; it is handed the flag that ends it. RefusalError when too many are under way."""
        job: Job[Item] = Job()
        with self._lock:
            if self._closed:
                raise closing()
            if len(self._jobs) >= self._most:
                raise RefusalError(
                    503,
                    f"{len(self._jobs)} questions are in line, which is the most",
                    mend="ask again after the seconds in Retry-After",
                    retry_after_s=self._seconds,
                )
            self._jobs.add(job)  # type: ignore[arg-type]
        since = time.monotonic()
        work = self._threads.submit(lambda: job.run(items(job.cancel)))
        work.add_done_callback(lambda _: self._ended(job, since))  # type: ignore[arg-type]
        job.started(work)
        return job

    def stop(self) -> None:
        """Take nothing in any more, and end what is under way."""
        with self._lock:
            self._closed = True
            jobs = list(self._jobs)
        for job in jobs:
            job.close()

    def close(self) -> None:
        """Stop, and wait until all has ended."""
        self.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _ended(self, job: Job[object], since: float) -> None:
        took = time.monotonic() - since
        with self._lock:
            # A place comes free each time one of those under way ends: after this one's time, shared by all of them.
            self._seconds += _WEIGHT * (took / len(self._jobs) - self._seconds)
            self._jobs.discard(job)
