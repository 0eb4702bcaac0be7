"""The page as a web app: its parts joined in Gradio, with its looks and its headers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_faq.chatbot import FaqChatbot
from rag_faq.interfaces.gradio_page import Page
from rag_faq.interfaces.http.access import page_login
from rag_faq.interfaces.page.texts import FALLBACK, Texts, load_catalogue
from rag_faq.interfaces.questions import Questions
from rag_faq.settings import Settings

# The page asks nobody but this server, whatever a document or a model may write. Gradio needs scripts in the page.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; form-action 'self'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def make_page(chatbot: FaqChatbot, settings: Settings, questions: Questions) -> FastAPI:
    """The page over one chatbot, to be mounted in the web app (`rag_faq.interfaces.http.app.page_mount`)."""
    catalogue = load_catalogue()
    scripts = "\n".join(_part(name) for name in ("page.js", "dialogs.js", "map.js"))
    app = FastAPI(title=catalogue[FALLBACK]("title"), docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/alive", lambda: {"alive": True})  # the page asks when it waits for long
    gr.mount_gradio_app(
        app,
        Page(chatbot, settings, questions, catalogue).blocks,
        path="/",
        auth=page_login(settings),
        server_name=settings.host,
        theme=_theme(),
        css="".join(_part(name) for name in ("page.css", "views.css", "feedback.css")),
        head=f"<script>window.ragFaqTexts = {_for_script(catalogue)};\n{scripts}</script>",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        max_file_size="1kb",
    )
    app.add_middleware(_WithHeaders)
    return app


class _WithHeaders:
    """Adds `_HEADERS` to every response; streams pass through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


def _part(name: str) -> str:
    return files("rag_faq.interfaces.page").joinpath(name).read_text(encoding="utf-8")


def _for_script(catalogue: Mapping[str, Texts]) -> str:
    """The texts that the script shows, as a literal that cannot end the script."""
    names = ("copied", "copy_failed", "lost")
    shown = {language: {name: texts(name) for name in names} for language, texts in catalogue.items()}
    return json.dumps(shown).replace("<", "\\u003c")


def _theme() -> gr.themes.Base:
    """Gradio's plain theme in the colours of our style sheet, with the fonts of the person's own system."""
    theme = gr.themes.Base(
        text_size=gr.themes.sizes.text_lg,
        font=["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "monospace"],
    )
    colours = {
        "body_background_fill": "--ground",
        "body_text_color": "--ink",
        "body_text_color_subdued": "--quiet",
        "block_background_fill": "--ground",
        "border_color_primary": "--line",
        "color_accent": "--accent",
        "input_background_fill": "--paper",
        "input_background_fill_focus": "--paper",
        "input_border_color": "--edge",
        "input_border_color_focus": "--accent",
        "input_placeholder_color": "--quiet",
        "block_label_text_color": "--quiet",
        "block_title_text_color": "--quiet",
        "button_primary_background_fill": "--accent",
        "button_primary_background_fill_hover": "--accent",
        "button_primary_border_color": "--accent",
        "button_primary_text_color": "--accent-ink",
        "button_secondary_background_fill": "--paper",
        "button_secondary_text_color": "--accent",
    }
    pairs = {name: f"var({value})" for name, value in colours.items()}
    return theme.set(color_accent=pairs.pop("color_accent"), **pairs, **{f"{n}_dark": v for n, v in pairs.items()})
