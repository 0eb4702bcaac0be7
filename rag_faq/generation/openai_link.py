"""The connection to an OpenAI-compatible server: whatever goes wrong on the way becomes an error of ours."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from rag_faq.errors import EngineError
from rag_faq.generation import openai_wire as wire

_REST_S = 5.0  # a server that was not reached is left alone this long: every step of an answer would wait for it anew


class NotTakenError(Exception):
    """The server does not take a request with what not every server knows."""


class Link:
    """Requests to one server. For use in the client's event loop."""

    def __init__(self, address: wire.Address, client: httpx.AsyncClient) -> None:
        self._address = address
        self._client = client
        self._rests_until = 0.0
        self._reason = ""

    async def json(self, method: str, url: str, asked: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object that the server answers with; EngineError for anything else."""
        async with self.request(method, url, asked) as response:
            body = await _bounded(response)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise wire.nonsense(body.decode("utf-8", "replace"))
        return found

    @asynccontextmanager
    async def request(self, method: str, url: str, asked: dict[str, Any] | None) -> AsyncIterator[httpx.Response]:
        """A response whose status is 200; everything else is an error of ours."""
        if time.monotonic() < self._rests_until:
            raise wire.not_reached(self._address, self._reason)
        try:
            async with self._client.stream(method, url, json=asked) as response:
                if response.status_code in (400, 422) and {"logprobs", "response_format"} & (asked or {}).keys():
                    raise NotTakenError
                if response.status_code != 200:
                    raise wire.refused(response.status_code, await _bounded(response), self._address)
                yield response
        except httpx.ConnectError as error:
            raise self._rest(f"cannot be reached ({error})") from error
        except httpx.TimeoutException as error:
            raise self._rest("was silent for too long") from error
        except httpx.HTTPError as error:
            raise wire.not_reached(self._address, f"broke off ({error or type(error).__name__})") from error

    def _rest(self, reason: str) -> EngineError:
        self._reason, self._rests_until = reason, time.monotonic() + _REST_S
        return wire.not_reached(self._address, reason)


async def _bounded(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > wire.MOST_BYTES:
            raise wire.nonsense("an answer without an end")
    return body
