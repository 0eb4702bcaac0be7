"""Asking over HTTP: the whole answer, or the answer as it comes; and feedback on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from rag_faq.errors import RagFaqError
from rag_faq.interfaces.http.documents import refusals
from rag_faq.interfaces.http.line import Job
from rag_faq.interfaces.http.problems import RefusalError, problem, told
from rag_faq.interfaces.http.schemas import ANSWER_EXAMPLE, AnswerShown, FeedbackBody, FeedbackKept, QueryBody
from rag_faq.interfaces.http.service import Asked, Service
from rag_faq.interfaces.http.sse import COMMENT, PAUSE_S, JobStream, event, whole_answer
from rag_faq.interfaces.questions import Given, Step
from rag_faq.interfaces.wire import answer_json, sources_json
from rag_faq.records import SourcesFound, TextDelta

_REFUSED = refusals(400, 401, 408, 413, 422, 429, 500, 503)
_EVENTS_EXAMPLE = """event: sources
data: {"searched": "What do cats eat?", "settled": true, "sources": [{"number": 1, "entry": 1, …}]}

event: delta
data: {"text": "Cats eat"}

event: answer
data: {"id": null, "question": "What do cats eat?", "answer": "Cats eat fish and chicken. [1]", …}

"""
_EVENT_SCHEMA = {
    "description": "One event; its data is JSON.",
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["sources", "delta", "answer", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


def query_routes(service: Service) -> APIRouter:
    """`/v1/query`, `/v1/query/stream`, `/v1/feedback`."""
    router = APIRouter(prefix="/v1", tags=["questions"])

    def start(body: QueryBody) -> Job[Step]:
        return service.ask(Asked(body.question, body.turns, body.options, "http"))

    @router.post(
        "/query",
        response_model=AnswerShown,
        responses={200: {"content": {"application/json": {"example": ANSWER_EXAMPLE}}}, **_REFUSED},
        summary="Ask; the whole answer at once",
    )
    async def query(body: QueryBody, request: Request) -> dict[str, Any]:
        return given_json(await whole_answer(start(body), request))

    @router.post(
        "/query/stream",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "Events `sources` (the last one with `settled` counts), `delta`s, and `answer`, whose "
                "text takes the place of the deltas; or `error`, a problem document.",
                "content": {"text/event-stream": {"schema": _EVENT_SCHEMA, "example": _EVENTS_EXAMPLE}},
            },
            **_REFUSED,
        },
        summary="Ask; the answer as it comes",
    )
    async def stream(body: QueryBody) -> JobStream:
        job = start(body)
        return JobStream(job, _events(job))

    @router.post(
        "/feedback",
        response_model=FeedbackKept,
        responses={**refusals(400, 401, 404, 408, 413, 422, 429), 409: refusals(409)[409]},
        summary="Say whether an answer was good",
    )
    async def feedback(body: Annotated[FeedbackBody, Body()]) -> dict[str, Any]:
        store = service.feedback
        if store is None:
            raise RefusalError(409, "This server keeps no feedback", mend="its owner can turn the setting feedback on")
        kept = await run_in_threadpool(store.add_feedback, body.id, body.verdict, body.reason)
        return {"kept": kept is not None}

    return router


def given_json(given: Given) -> dict[str, Any]:
    """An answer as the HTTP doors give it."""
    return {"id": given.id, "question": given.answer.question, **answer_json(given.answer)}


async def _events(job: Job[Step]) -> AsyncIterator[bytes]:
    try:
        async for step in job.items(PAUSE_S):
            match step:
                case None:
                    yield COMMENT
                case SourcesFound():
                    yield event("sources", sources_json(step))
                case TextDelta():
                    yield event("delta", {"text": step.text})
                case Given():
                    yield event("answer", given_json(step))
    except (RagFaqError, RefusalError) as error:  # the status has been sent
        yield event("error", problem(*told(error)))
