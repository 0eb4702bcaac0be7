"""The web app: the HTTP doors, and the page at every other path. It answers at once, also while the model is loaded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rag_faq.chatbot import FaqChatbot
from rag_faq.feedback.asked import package_version
from rag_faq.feedback.store import open_feedback
from rag_faq.interfaces.http.access import Keys, host_names, page_login
from rag_faq.interfaces.http.browse import browse_routes
from rag_faq.interfaces.http.documents import describe
from rag_faq.interfaces.http.guard import Guard, KnownHosts, LimitedBody, LoginLimit
from rag_faq.interfaces.http.limits import RateLimit
from rag_faq.interfaces.http.openai import openai_routes
from rag_faq.interfaces.http.problems import install, refused
from rag_faq.interfaces.http.query import query_routes
from rag_faq.interfaces.http.service import Service, loading
from rag_faq.interfaces.http.status import status_routes
from rag_faq.interfaces.questions import Questions
from rag_faq.settings import Settings

log = logging.getLogger(__name__)

_DOORS = ("/v1", "/healthz", "/readyz", "/metrics", "/openapi.json")
_FREE = frozenset({"/healthz", "/readyz", "/openapi.json"})
_PAGE_BYTES = 4 * 2**20  # the page sends its conversation
_LOGINS_A_MINUTE = 10
_WAIT_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta http-equiv="refresh" content="2"><title>One moment</title>'
    '<body style="font: 1.1rem system-ui, sans-serif; margin: 20vh auto; max-width: 30rem; padding: 0 1rem">'
    '<p role="status">The FAQ and its model are being loaded. This page opens by itself.</p></body></html>'
)


@dataclass(frozen=True, slots=True)
class Mounted:
    """Another web app at a path of this one, with what has to run as long as it does."""

    path: str  # "/" for every path that nobody else has
    app: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[object]]
    guarded: bool = True  # by key and rate, as the HTTP doors are


# Makes what is mounted. It counts and keeps what is asked there in the questions that it is handed.
Mount: TypeAlias = Callable[[FaqChatbot, Questions], Mounted]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the web app is made of; both functions run in a thread, one after the other."""

    load: Callable[[], FaqChatbot]
    mounts: tuple[Mount, ...] = ()
    # Told of whatever keeps it from being loaded: nobody else hears of an error in there before the server ends.
    failed: Callable[[BaseException], None] = field(default=lambda error: log.error("%s", error, exc_info=error))


def page_mount(settings: Settings) -> Mount:
    """The page, for `Parts.mounts`."""

    def mount(chatbot: FaqChatbot, questions: Questions) -> Mounted:
        from rag_faq.interfaces.gradio_app import make_page

        page = make_page(chatbot, settings, questions)
        return Mounted("/", page, lambda: page.router.lifespan_context(page), guarded=False)

    return mount


def page_app(chatbot: FaqChatbot, settings: Settings) -> FastAPI:
    """The web app with the page, over a chatbot that is there already. Raises what `make_app` raises."""
    return make_app(settings, Parts(lambda: chatbot, (page_mount(settings),)))


def make_app(settings: Settings, parts: Parts) -> FastAPI:
    """The web app. It begins to load what it answers from when it is started, and closes nothing that it was given.

    Raises SettingsError for keys or a login that are malformed.
    """
    service = Service(settings, Questions(open_feedback(settings)))
    keys, _ = Keys.of(settings), page_login(settings)
    elsewhere = _Elsewhere(pending=bool(parts.mounts))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        ending = asyncio.Event()
        load = asyncio.create_task(_load(service, parts, elsewhere, ending))
        load.add_done_callback(lambda ended: _tell(ended, parts.failed))
        try:
            yield
        finally:
            ending.set()
            await asyncio.wait([load])
            await asyncio.to_thread(service.close)

    app = FastAPI(
        title="rag-faq",
        version=package_version() or "0",
        description="Answers from a FAQ, every sentence traced to its source and checked.",
        lifespan=lifespan,
        docs_url=None,  # it would fetch its scripts from another host
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for routes in (status_routes, query_routes, browse_routes, openai_routes):
        app.include_router(routes(service))
    install(app)
    describe(app, keys=keys.wanted)

    # The one that is added last comes first.
    app.add_middleware(_Doors, elsewhere=elsewhere, guarded=True)
    app.add_middleware(LimitedBody, most_bytes=settings.max_request_kb * 1024)
    limit = RateLimit(settings.requests_per_minute)
    app.add_middleware(Guard, keys=keys, limit=limit, metrics=service.metrics, free=_FREE)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
        )
    app.add_middleware(_Doors, elsewhere=elsewhere, guarded=False)
    app.add_middleware(KnownHosts, names=host_names(settings))
    return app


class _Elsewhere:
    """The other web apps, as soon as they are there."""

    def __init__(self, pending: bool) -> None:
        self.pending = pending
        self.mounted: tuple[Mounted, ...] = ()
        self.logins = RateLimit(_LOGINS_A_MINUTE)

    def at(self, path: str) -> Mounted | None:
        """The one that has this path; the longest wins."""
        fitting = [
            one for one in self.mounted if one.path == "/" or path == one.path or path.startswith(f"{one.path}/")
        ]
        return max(fitting, key=lambda one: len(one.path), default=None)


class _Doors:
    """Hands requests for other paths than our doors' to the apps that have these."""

    def __init__(self, app: ASGIApp, elsewhere: _Elsewhere, guarded: bool) -> None:
        self._app = app
        self._elsewhere = elsewhere
        self._guarded = guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] not in ("http", "websocket") or _is_door(scope["path"])
        mounted = None if ours else self._elsewhere.at(scope["path"])
        if mounted is not None and mounted.guarded is self._guarded:
            app = mounted.app
            if not self._guarded:
                app = LoginLimit(LimitedBody(app, _PAGE_BYTES), self._elsewhere.logins)
        elif not ours and self._elsewhere.pending:
            app = self._wait(scope)
        else:
            app = self._app
        await app(scope, receive, send)

    @staticmethod
    def _wait(scope: Scope) -> ASGIApp:
        """What is said where something will be when everything is loaded."""
        if scope["path"] == "/":
            return HTMLResponse(_WAIT_PAGE, 503, {"Retry-After": "2"})
        return refused(scope["path"], loading())


def _is_door(path: str) -> bool:
    return any(path == door or path.startswith(f"{door}/") for door in _DOORS)


async def _load(service: Service, parts: Parts, elsewhere: _Elsewhere, ending: asyncio.Event) -> None:
    """Load, mount, and keep what is mounted running until the end."""
    async with AsyncExitStack() as running:
        chatbot = await asyncio.to_thread(parts.load)
        mounted = [await asyncio.to_thread(mount, chatbot, service.questions) for mount in parts.mounts]
        for one in mounted:
            await running.enter_async_context(one.lifespan())
        elsewhere.mounted, elsewhere.pending = tuple(mounted), False
        service.open(chatbot)
        await ending.wait()


def _tell(ended: asyncio.Task[None], failed: Callable[[BaseException], None]) -> None:
    if not ended.cancelled() and (error := ended.exception()):
        failed(error)
