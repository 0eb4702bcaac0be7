"""What the tabs of the page share: the browser's stores, the languages, and ways to wire events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from rag_faq.chatbot import FaqChatbot
from rag_faq.feedback.store import FeedbackStore
from rag_faq.interfaces.page.choices import load_choices
from rag_faq.interfaces.page.texts import Texts, preferred
from rag_faq.interfaces.questions import Questions
from rag_faq.settings import Settings

Changes = dict[Any, Any]  # component -> its new value

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
LIVE: dict[str, Any] = {**QUIET, "concurrency_limit": None}
# "multiple": an answer that was lost with the connection must not bar the next question for ever.
ASKING: dict[str, Any] = {**LIVE, "trigger_mode": "multiple"}


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One page: what it is about, its languages, and what each browser keeps."""

    chatbot: FaqChatbot
    settings: Settings
    questions: Questions
    catalogue: Mapping[str, Texts]
    kept: gr.BrowserState  # the conversation in sight
    shelf: gr.BrowserState  # the others
    choices: gr.BrowserState

    @property
    def store(self) -> FeedbackStore | None:
        """Where the owner keeps what was asked."""
        return self.questions.store

    def texts(self, choices: Any, request: gr.Request) -> Texts:
        """The texts in the language that the person chose, or else that the browser asks for."""
        chosen = load_choices(choices).language
        if chosen in self.catalogue:
            return self.catalogue[chosen]
        return self.catalogue[preferred(str(request.headers.get("accept-language", "")), self.catalogue)]


def stored(key: str) -> gr.BrowserState:
    """A place in the browser's own store. The secret only keeps the shape from being edited by accident."""
    return gr.BrowserState(None, storage_key=key, secret=key)


def html(value: str | None = None, **options: Any) -> gr.HTML:
    """HTML of our own, which our own style sheet alone lays out."""
    return gr.HTML(value, apply_default_css=False, **options)


def session_of(request: gr.Request) -> str:
    """Names one open page."""
    return request.session_hash or ""
