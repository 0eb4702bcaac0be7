"""Whether the server lives, whether it is ready, and what it has done so far."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from rag_faq.interfaces.http.documents import refusals
from rag_faq.interfaces.http.metrics import Metrics
from rag_faq.interfaces.http.schemas import Alive, Ready
from rag_faq.interfaces.http.service import Service


def status_routes(service: Service) -> APIRouter:
    """`/healthz`, `/readyz`, `/metrics`."""
    router = APIRouter(tags=["status"])

    @router.get("/healthz", response_model=Alive, summary="The server lives")
    async def healthz() -> dict[str, Any]:
        return {"alive": True}

    @router.get("/readyz", response_model=Ready, responses=refusals(503), summary="Index and model are loaded")
    async def readyz() -> dict[str, Any]:
        chatbot = service.chatbot
        model = {"name": chatbot.model.name, "device": chatbot.model.device, "detail": chatbot.model.detail}
        return {"ready": True, "entries": len(chatbot.entries), "model": model, "index": chatbot.index_fingerprint}

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **refusals(401, 429)},
        summary="Counters and times, for Prometheus",
    )
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=Metrics.content_type)

    return router
