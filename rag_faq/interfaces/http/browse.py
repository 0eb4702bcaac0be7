"""Reading the FAQ over HTTP: search, the list of entries, one entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from rag_faq.interfaces.http.documents import refusals
from rag_faq.interfaces.http.line import Job
from rag_faq.interfaces.http.problems import RefusalError, closing
from rag_faq.interfaces.http.schemas import Entries, EntryShown, Found
from rag_faq.interfaces.http.service import Service
from rag_faq.interfaces.wire import MOST_HITS, entry_json, hits_json
from rag_faq.records import Hit

Hits = tuple[str, tuple[Hit, ...]]


class SearchQuery(BaseModel):
    """What is searched for."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field(min_length=1, description="A question, or words.", examples=["What do cats eat?"])
    limit: int = Field(5, ge=1, le=MOST_HITS)


class EntriesQuery(BaseModel):
    """Which part of the list is wanted."""

    model_config = ConfigDict(extra="forbid")

    offset: int = Field(0, ge=0, le=10_000_000)
    limit: int = Field(100, ge=1, le=1000)


class EntryQuery(BaseModel):
    """Which document is meant."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = Field(None, description="File name, where several documents have the number.")


def browse_routes(service: Service) -> APIRouter:
    """`/v1/search`, `/v1/entries`, `/v1/entries/{number}`."""
    router = APIRouter(prefix="/v1", tags=["the FAQ"])

    @router.get(
        "/search", response_model=Found, responses=refusals(401, 422, 429, 503), summary="The entries that come nearest"
    )
    async def search(asked: Annotated[SearchQuery, Query()], request: Request) -> dict[str, Any]:
        chatbot = service.chatbot
        most = chatbot.options.max_question_chars
        if len(asked.q) > most:
            raise RefusalError(422, f"q is {len(asked.q):,} characters long", expected=f"{most:,} at the most")
        # A question in another language is put into the FAQ's by the model: it waits in line as the others do.
        job = service.line.start(lambda _: _one(chatbot.find(asked.q)))
        return hits_json(*await _only(job), asked.limit)

    @router.get("/entries", response_model=Entries, responses=refusals(401, 422, 429, 503), summary="All entries")
    async def entries(asked: Annotated[EntriesQuery, Query()]) -> dict[str, Any]:
        every = service.chatbot.entries
        part = every[asked.offset : asked.offset + asked.limit]
        return {"total": len(every), "entries": [entry_json(entry, whole=False) for entry in part]}

    @router.get(
        "/entries/{number}",
        response_model=EntryShown,
        responses=refusals(401, 404, 422, 429, 503),
        summary="One entry, by the FAQ's own number",
    )
    async def entry(
        number: Annotated[int, Path(ge=0, le=10_000_000, examples=[1])], asked: Annotated[EntryQuery, Query()]
    ) -> dict[str, Any]:
        for found in service.chatbot.entries:
            if found.number == number and asked.source in (None, found.source):
                return entry_json(found)
        where = f" in {asked.source[:80]}" if asked.source else ""
        raise RefusalError(404, f"There is no entry {number}{where}", expected="one of GET /v1/entries")

    return router


def _one(hits: Hits) -> Iterator[Hits]:
    yield hits


async def _only(job: Job[Hits]) -> Hits:
    found = [hits async for hits in job.items() if hits is not None]
    if not found:
        raise closing()
    return found[0]
