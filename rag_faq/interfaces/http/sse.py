"""Responses that belong to a job: streams of events, and single answers. A client that leaves ends the job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from rag_faq.interfaces.http.line import Job
from rag_faq.interfaces.http.problems import RefusalError, closing
from rag_faq.interfaces.questions import Given, Step

PAUSE_S = 10.0  # after so long without news, a comment keeps the connection open
COMMENT = b": the answer is on its way\n\n"


class JobStream(StreamingResponse):
    """Server-sent events about a job. However the response ends, the job does too."""

    def __init__(self, job: Job[Step], events: AsyncIterator[bytes]) -> None:
        # Proxies that gather what they pass on would take the point out of a stream.
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; in the end the job is left."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._job.leave()


def event(name: str, data: dict[str, Any]) -> bytes:
    """One named event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def message(data: dict[str, Any] | str) -> bytes:
    """One event without a name; a text goes out as it is."""
    return f"data: {data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}\n\n".encode()


async def whole_answer(job: Job[Step], request: Request) -> Given:
    """The answer at the end of a job. A client that leaves before ends the job."""
    gone = asyncio.ensure_future(_gone(request))
    answer = asyncio.ensure_future(_last(job))
    try:
        await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise RefusalError(400, "The client left before the answer")
        return answer.result()
    finally:
        job.leave()
        gone.cancel()
        answer.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _last(job: Job[Step]) -> Given:
    given: Given | None = None
    async for step in job.items():
        if isinstance(step, Given):
            given = step
    if given is None:
        raise closing()
    return given
