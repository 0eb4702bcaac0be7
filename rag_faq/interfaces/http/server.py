"""The server under the web app: uvicorn, which gives up on connections that never send a whole request."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from rag_faq.errors import ServeError
from rag_faq.settings import Settings

HEAD_S = 20.0  # for the head of a request to be there
_READY_S = 60.0  # for an app that runs in the background; other work may go on beside it
_MOST_CONNECTIONS = 800  # below the 1024 open files that a process usually may have
# How long a busy thread may keep the interpreter to itself. Python's 5 ms would be waited for at each of many steps
# between a click and its sources, while other answers are searched for and judged.
_SWITCH_S = 0.0005
_GRACE_S = 1  # short: an open page holds a connection for as long as it is open


class PatientProtocol(H11Protocol):
    """HTTP/1.1 which closes a connection on which no head of a request arrives for `HEAD_S` seconds.

    uvicorn itself only watches connections that have answered a request and are silent since.
    """

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Wait on as long as the head is not whole."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._rest()
        elif self._due is None:
            self._due = self.loop.call_later(HEAD_S, self._give_up)

    def _rest(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _give_up(self) -> None:
        self._due = None
        if self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()


class Server(uvicorn.Server):
    """Says where the page is once it can be asked, and tells those who wait for answers when it ends."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started and not sockets:
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            sys.stderr.write(f"rag-faq: the page is at http://{host}:{self.config.port} (Ctrl-C ends it)\n")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the answers under way, so that their callers still get a response; then everything else."""
        self.config.app.state.service.line.stop()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def make_server(app: FastAPI, settings: Settings, port: int) -> Server:
    """A server for the app on the settings' host. Also sets how often threads of this process take turns."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        http=PatientProtocol,
        log_level="warning",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
        server_header=False,
    )
    logging.getLogger("uvicorn.error").addFilter(_not_cut_off)
    sys.setswitchinterval(_SWITCH_S)
    return Server(config)


@contextmanager
def running(app: FastAPI, settings: Settings) -> Iterator[str]:
    """Serve the app in the background on a free port of this machine, until the end of the block.

    Gives its address once it is ready. Raises ServeError when that never comes.
    """
    # With its protocol named: asyncio sends small pieces at once only on such sockets, else they wait for each other.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = make_server(app, settings, port)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http")
        thread.start()
        try:
            end = time.monotonic() + _READY_S
            while not (server.started and app.state.service.ready):
                if not thread.is_alive() or time.monotonic() > end:
                    raise ServeError("The server did not become ready", mend="look into the log")
                time.sleep(0.01)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()


def _not_cut_off(record: logging.LogRecord) -> bool:
    """False for complaints that connections were cut off: at the end those of every page that is still open are."""
    kind = record.exc_info[0] if record.exc_info else None
    told = str(record.msg).startswith("Cancel %s running task") or (kind and issubclass(kind, asyncio.CancelledError))
    return not told
