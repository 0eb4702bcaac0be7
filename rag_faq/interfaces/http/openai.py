"""The doors that OpenAI's clients know: chat completions and the list of models.

The text of a stream cannot be taken back, and a sentence that does not hold is left out of an answer. So a stream gives
the checked text: nothing while the model writes (but comments, which keep the connection open), then line after line.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from rag_faq.errors import RagFaqError
from rag_faq.interfaces.http.completion import (
    MODEL,
    CompletionBody,
    Enough,
    full_text,
    pieces,
    url_citations,
    usage,
)
from rag_faq.interfaces.http.documents import refusals
from rag_faq.interfaces.http.line import Job
from rag_faq.interfaces.http.problems import RefusalError, openai_error, told
from rag_faq.interfaces.http.query import given_json
from rag_faq.interfaces.http.schemas import AnswerOptions
from rag_faq.interfaces.http.service import Asked, Service
from rag_faq.interfaces.http.sse import COMMENT, PAUSE_S, JobStream, message, whole_answer
from rag_faq.interfaces.page.browse import link_to
from rag_faq.interfaces.questions import Given, Step
from rag_faq.records import FaqEntry

_REFUSED = refusals(400, 401, 404, 408, 413, 429, 500, 503, openai=True)
_EVENT_SCHEMA = {
    "description": "One event; its data is a chunk in JSON, that of the last one `[DONE]`.",
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "string"}},
}


@dataclass(frozen=True, slots=True)
class _Call:
    """One request with what all parts of its response have in common."""

    body: CompletionBody
    base: str  # the address of the page
    entries: tuple[FaqEntry, ...]
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.body.model}


@dataclass(frozen=True, slots=True)
class _Written:
    """The end of an answer: its text with the sources under it, cut where the request says."""

    text: str
    finish: str
    annotations: list[dict[str, Any]]
    usage: dict[str, Any]
    answer: dict[str, Any]  # as `/v1/query` gives it


def openai_routes(service: Service) -> APIRouter:
    """`/v1/chat/completions`, `/v1/models`, `/v1/models/{id}`."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    def models() -> dict[str, dict[str, Any]]:
        names = [MODEL] + [name for name in (service.chatbot.model.name,) if name not in ("none", MODEL)]
        return {name: {"id": name, "object": "model", "created": 0, "owned_by": "rag-faq"} for name in names}

    def known(name: str) -> dict[str, Any]:
        found = models()
        if name not in found:
            raise RefusalError(404, f"There is no model {name[:80]!r}", expected=f"one of {', '.join(found)}")
        return found[name]

    @router.get("/models", responses=refusals(401, 429, 503, openai=True), summary="The models: one, the FAQ")
    async def listing() -> dict[str, Any]:
        return {"object": "list", "data": list(models().values())}

    @router.get("/models/{name:path}", responses=refusals(401, 404, 429, 503, openai=True), summary="One model")
    async def model(name: str) -> dict[str, Any]:
        return known(name)

    @router.post(
        "/chat/completions",
        response_class=JSONResponse,
        responses={
            200: {
                "description": "A chat completion; with `stream`, its chunks as server-sent events.",
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "text/event-stream": {"schema": _EVENT_SCHEMA},
                },
            },
            **_REFUSED,
        },
        summary="Ask, as OpenAI's clients do",
    )
    async def completions(body: CompletionBody, request: Request) -> Response:
        known(body.model)
        question, history = body.conversation()
        call = _Call(body, str(request.base_url), service.chatbot.entries)
        job = service.ask(Asked(question, history, AnswerOptions(), "openai"), Enough(body.limits))
        if body.stream:
            return JobStream(job, _chunks(job, call))
        written = _written(await whole_answer(job, request), call)
        choice = {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": written.text,
                "refusal": None,
                "annotations": written.annotations,
            },
            "logprobs": None,
            "finish_reason": written.finish,
        }
        shown = {**call.head("chat.completion"), "choices": [choice], "usage": written.usage, "rag_faq": written.answer}
        return JSONResponse(shown)

    return router


def _written(given: Given, call: _Call) -> _Written:
    answer = given.answer
    links = {s.entry.id: f"{call.base}?entry={quote(link_to(s.entry, call.entries))}" for s in answer.sources}
    text, finish = call.body.limits.cut(full_text(answer, links))
    found = url_citations(answer, links, len(text))
    return _Written(text, finish, found, usage(answer, text), given_json(given))


async def _chunks(job: Job[Step], call: _Call) -> AsyncIterator[bytes]:
    wants_usage = bool(call.body.stream_options and call.body.stream_options.include_usage)
    head = call.head("chat.completion.chunk") | ({"usage": None} if wants_usage else {})

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    yield message(chunk({"role": "assistant", "content": ""}))
    try:
        async for step in job.items(PAUSE_S):
            if step is None:
                yield COMMENT
            elif isinstance(step, Given):
                written = _written(step, call)
                for piece in pieces(written.text):
                    yield message(chunk({"content": piece}))
                last = chunk({"annotations": written.annotations}, written.finish)
                yield message({**last, "rag_faq": written.answer})
                if wants_usage:
                    yield message({**head, "choices": [], "usage": written.usage})
    except (RagFaqError, RefusalError) as error:  # the status has been sent
        yield message(openai_error(*told(error)))
        return
    yield message("[DONE]")
