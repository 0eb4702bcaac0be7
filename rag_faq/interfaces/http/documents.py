"""The OpenAPI document: what the routes cannot say of themselves."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rag_faq.interfaces.http.problems import PROBLEM, ProblemBody

_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_OPENAI_SCHEMA = {"$ref": "#/components/schemas/OpenAIError"}
_OPENAI_ERROR: dict[str, Any] = {
    "title": "OpenAIError",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}


def refusals(*statuses: int, openai: bool = False) -> dict[int | str, dict[str, Any]]:
    """What a route says of the statuses with which it turns requests down."""
    content = {"application/json": {"schema": _OPENAI_SCHEMA}} if openai else {PROBLEM: {"schema": _PROBLEM_SCHEMA}}
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        found[status] = {"description": HTTPStatus(status).phrase, "content": content}
        if status in (429, 503):
            found[status]["headers"] = _RETRY
    return found


def describe(app: FastAPI, *, keys: bool) -> None:
    """Let the app give its OpenAPI document; `keys`: it says that a key is needed."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = ProblemBody.model_json_schema()
            schemas["OpenAIError"] = _OPENAI_ERROR
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            if keys:
                made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
                for path, methods in made["paths"].items():
                    for operation in methods.values() if path.startswith(("/v1/", "/metrics")) else ():
                        operation["security"] = [{"key": []}]
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
