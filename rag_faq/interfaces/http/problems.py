"""What a caller is told when a request is turned down: RFC 9457 problem documents, or OpenAI's shape at its doors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from rag_faq.errors import EngineError, QuestionError, RagFaqError, UnknownAnswerError

PROBLEM = "application/problem+json"

_OPENAI = ("/v1/chat/", "/v1/models")
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_OPENAI_CODES = {401: "invalid_api_key", 404: "not_found", 413: "request_too_large", 429: "rate_limit_exceeded"}
_STATUS: Mapping[type[RagFaqError], int] = {QuestionError: 422, UnknownAnswerError: 404, EngineError: 503}


class ProblemBody(BaseModel):
    """A problem document (RFC 9457), with what was expected and how to mend it beside what was found."""

    model_config = ConfigDict(
        title="Problem",
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "There is no entry 99. Expected: a number from GET /v1/entries.",
                "found": "There is no entry 99",
                "expected": "a number from GET /v1/entries",
                "mend": None,
            }
        },
    )

    type: str = Field(description="Always `about:blank`: the status tells the kind.")
    title: str = Field(description="The status in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="Everything that is known, as one text.")
    found: str
    expected: str | None = None
    mend: str | None = None


class RefusalError(HTTPException):
    """A request that is turned down before or instead of an answer."""

    def __init__(
        self,
        status: int,
        found: str,
        *,
        expected: str | None = None,
        mend: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`retry_after_s`: seconds after which the same request may pass."""
        sent = dict(headers or {})
        if retry_after_s is not None:
            sent["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
        super().__init__(status, found, sent)
        self.error = RagFaqError(found, expected=expected, mend=mend)


def problem(error: RagFaqError, status: int) -> dict[str, Any]:
    """The problem document of an error."""
    body = ProblemBody(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=str(error),
        found=error.found,
        expected=error.expected,
        mend=error.mend,
    )
    return body.model_dump()


def openai_error(error: RagFaqError, status: int) -> dict[str, Any]:
    """The same in the shape that OpenAI's clients read."""
    kind = _OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": str(error), "type": kind, "param": None, "code": _OPENAI_CODES.get(status)}}


def status_of(error: RagFaqError) -> int:
    """The status that fits an error of this package."""
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def closing() -> RefusalError:
    """What callers are told who wait for an answer when the server is closed."""
    return RefusalError(503, "The server is being closed", mend="ask again when it is back", retry_after_s=10)


def told(error: RagFaqError | RefusalError) -> tuple[RagFaqError, int]:
    """An error with its status, for a response that has begun already."""
    return (error.error, error.status_code) if isinstance(error, RefusalError) else (error, status_of(error))


def response(path: str, error: RagFaqError, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The whole response, in the shape of the door at this path."""
    if path.startswith(_OPENAI):
        return JSONResponse(openai_error(error, status), status, dict(headers or {}))
    return JSONResponse(problem(error, status), status, dict(headers or {}), media_type=PROBLEM)


def refused(path: str, refusal: RefusalError) -> JSONResponse:
    """The response to a request that is turned down."""
    return response(path, refusal.error, refusal.status_code, refusal.headers)


def install(app: FastAPI) -> None:
    """Let every error of the app leave it as a problem document."""

    async def known(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RagFaqError)
        return response(request.url.path, error, status_of(error))

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if isinstance(error, RefusalError):
            return refused(request.url.path, error)
        found = RagFaqError(f"{request.method} {request.url.path}: {error.detail}", expected="see /openapi.json")
        return response(request.url.path, found, error.status_code, error.headers)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        status = 400 if request.url.path.startswith(_OPENAI) else 422
        found = RagFaqError(_complaints(error), expected="what /openapi.json describes")
        return response(request.url.path, found, status)

    async def unforeseen(request: Request, _: Exception) -> JSONResponse:
        found = RagFaqError(
            "Something went wrong in the server", mend="look into its log, and report what stands there"
        )
        return response(request.url.path, found, 500)

    app.add_exception_handler(RagFaqError, known)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unforeseen)


def _complaints(error: RequestValidationError) -> str:
    """One clause for each wrong field: where it is and what is wrong. What was sent is not repeated."""
    clauses = []
    for item in error.errors():
        if item["type"] == "json_invalid":
            clauses.append(f"the body is no JSON ({item['ctx']['error']} at character {item['loc'][-1]})")
        else:
            place = ".".join(str(part) for part in item["loc"][1:]) or "the body"
            clauses.append(f"{place[:80]}: {item['msg'][:1].lower()}{item['msg'][1:]}")
    return "; ".join(clauses[:8]).encode("utf-8", "replace").decode()
