"""What a request has to pass before a door sees it: the server's name, a key, the rate, the size."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_faq.interfaces.http.access import Keys, host_name
from rag_faq.interfaces.http.limits import RateLimit, client_name
from rag_faq.interfaces.http.metrics import Metrics
from rag_faq.interfaces.http.problems import RefusalError, refused

READ_S = 30.0  # a body that is not there after this time is not waited for
_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store", "referrer-policy": "no-referrer"}


class KnownHosts:
    """Turns away requests for a name that this server does not have (`None`: it has all)."""

    def __init__(self, app: ASGIApp, names: frozenset[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or turn it away."""
        if scope["type"] in ("http", "websocket") and self._names is not None:
            name = host_name(Headers(scope=scope).get("host", ""))
            if name not in self._names:
                refusal = RefusalError(
                    421,
                    "The request is for another server's name",
                    expected=f"one of {', '.join(sorted(self._names))}",
                    mend="put the name into the setting allowed_hosts",
                )
                await refused(scope["path"], refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Guard:
    """Asks for a key and keeps to the rate; adds headers to what is given, and counts what is turned away."""

    def __init__(self, app: ASGIApp, keys: Keys, limit: RateLimit, metrics: Metrics, free: frozenset[str]) -> None:
        """`free`: paths that need no key and count against no rate."""
        self._app = app
        self._keys = keys
        self._limit = limit
        self._metrics = metrics
        self._free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or turn it away."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
                if message["status"] >= 400:
                    self._metrics.turned_away.labels(str(message["status"])).inc()
            await send(message)

        refusal = None if scope["path"] in self._free else self._refusal(scope)
        app = self._app if refusal is None else refused(scope["path"], refusal)
        await app(scope, receive, told)

    def _refusal(self, scope: Scope) -> RefusalError | None:
        """Why this request may not pass now. One that shows no key counts for its address."""
        key = self._keys.known(Headers(scope=scope).get("authorization", "")) if self._keys.wanted else None
        wait = self._limit.wait(key or address(scope))
        if wait:
            return RefusalError(
                429,
                "These are more requests a minute than one client may make",
                mend="ask again after the seconds in Retry-After",
                retry_after_s=wait,
            )
        if self._keys.wanted and key is None:
            return RefusalError(
                401,
                "The request has no key that is known here",
                expected="the header `Authorization: Bearer KEY`",
                mend="ask the owner of this server for a key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return None


class LoginLimit:
    """Slows down the guessing of the page's passwords."""

    def __init__(self, app: ASGIApp, limit: RateLimit) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or turn it away."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].rstrip("/").endswith("/login"):
            wait = self._limit.wait(address(scope))
            if wait:
                refusal = RefusalError(429, "These are many tries to log in", mend="try later", retry_after_s=wait)
                await refused(scope["path"], refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class LimitedBody:
    """Reads a request's body before the door does, so that one too large or too slow is turned away at once."""

    def __init__(self, app: ASGIApp, most_bytes: int, read_s: float = READ_S) -> None:
        self._app = app
        self._most = most_bytes
        self._read_s = read_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its whole body, or turn it away."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        length = headers.get("content-length", "0")
        if length == "0" and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        try:
            if length.isdigit() and int(length) > self._most:
                raise self._too_large(f"{int(length):,} bytes")
            body = await self._read(receive)
        except RefusalError as refusal:
            # What was not read stands in the way of the next request on this connection.
            answer = refused(scope["path"], refusal)
            answer.headers["connection"] = "close"
            await answer(scope, receive, send)
            return
        if body.whole:
            await self._app(scope, _again(body.data, receive), send)

    async def _read(self, receive: Receive) -> _Body:
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._read_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return _Body(b"", whole=False)
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._most:
                        raise self._too_large("larger")
                    if not message.get("more_body", False):
                        return _Body(b"".join(parts), whole=True)
        except TimeoutError:
            raise RefusalError(
                408, f"The body was not there after {self._read_s:g} seconds", mend="send the request again"
            ) from None

    def _too_large(self, found: str) -> RefusalError:
        return RefusalError(413, f"The request's body is {found}", expected=f"{self._most:,} bytes at the most")


class _Body(NamedTuple):
    data: bytes
    whole: bool  # False when the client left before the end


def address(scope: Scope) -> str:
    """What stands for the client of a request."""
    return client_name(scope["client"][0]) if scope.get("client") else "unknown"


def _again(data: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": data, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
