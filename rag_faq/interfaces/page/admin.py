"""The owner's tab: a password first, then what was asked and what the FAQ lacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import gradio as gr

from rag_faq.errors import FeedbackError
from rag_faq.feedback.gaps import Gaps
from rag_faq.interfaces.page.admin_access import AdminAccess
from rag_faq.interfaces.page.admin_view import admin_html
from rag_faq.interfaces.page.feedback import TextsOf
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.parts import QUIET, Changes, html, session_of
from rag_faq.interfaces.page.texts import Texts

DAYS = (7, 30, 90, 365, 0)  # 0: all that is kept


class AdminTab:
    """The parts of the tab. `build` is called inside its `gr.Tab`, `wire` once all of the page is built.

    Every event looks on the server whether its session gave the password; nothing that was asked is in the page before.
    """

    def __init__(self, access: AdminAccess, look: Callable[[int | None], Gaps], texts_of: TextsOf) -> None:
        """`look` gives what the last days (None: all) came to, such as `find_gaps` over the store."""
        self._access = access
        self._look = look
        self._texts_of = texts_of

    def build(self, texts: Texts) -> None:
        """The password, and the view, which is empty until it was given."""
        self.said = html(elem_id="admin-said")
        with gr.Row(elem_id="admin-door") as self.door:
            self.password = gr.Textbox(
                label=texts("admin_password"), type="password", max_lines=1, scale=1, elem_id="admin-password"
            )
            self.enter = gr.Button(texts("admin_enter"), variant="primary", scale=0, elem_id="admin-enter")
        with gr.Row(visible=False, elem_id="admin-tools") as self.tools:
            choices = [(texts("admin_days", count=days) if days else texts("admin_all"), days) for days in DAYS]
            self.days = gr.Dropdown(choices, value=30, label=texts("admin_since"), elem_id="admin-days")
            self.leave = gr.Button(texts("admin_leave"), variant="secondary", scale=0, elem_id="admin-leave")
        self.view = html(elem_id="admin-view")

    def wire(self, choices: gr.BrowserState) -> None:
        """What happens when something is pressed; `choices` is what the browser keeps of a person's."""
        outputs = [self.said, self.door, self.password, self.tools, self.view]
        entering = [self.password, self.days, choices]
        gr.on([self.password.submit, self.enter.click], self.sign_in, entering, outputs, **QUIET)
        self.days.change(self.refresh, [self.days, choices], outputs, **QUIET)
        self.leave.click(self.sign_out, None, outputs, **QUIET)

    def sign_in(self, password: str, days: int, chosen: Any, request: gr.Request) -> Changes:
        """Look at the password."""
        texts = self._texts_of(chosen, request)
        client = request.client.host if request.client else ""
        wait = self._access.sign_in(session_of(request), client, str(password)[:1000])
        if wait is None:
            return self._opened(days, texts)
        said = texts("admin_wait", seconds=math.ceil(wait)) if wait > 0 else texts("admin_wrong")
        return self._closed(said)

    def refresh(self, days: int, chosen: Any, request: gr.Request) -> Changes:
        """The view over other days."""
        texts = self._texts_of(chosen, request)
        if not self._access.signed_in(session_of(request)):
            return self._closed(texts("admin_over"))
        return self._opened(days, texts)

    def sign_out(self, request: gr.Request) -> Changes:
        """Forget the session, and take everything out of the page."""
        self._access.sign_out(session_of(request))
        return self._closed("")

    def _opened(self, days: int, texts: Texts) -> Changes:
        try:
            shown = admin_html(self._look(days if days in DAYS and days else None), texts)
        except FeedbackError as error:
            shown = _notice(str(error))
        return {
            self.said: "",
            self.door: gr.Row(visible=False),
            self.password: "",
            self.tools: gr.Row(visible=True),
            self.view: shown,
        }

    def _closed(self, said: str) -> Changes:
        return {
            self.said: _notice(said) if said else "",
            self.door: gr.Row(visible=True),
            self.password: "",
            self.tools: gr.Row(visible=False),
            self.view: "",
        }


def _notice(said: str) -> str:
    return f'<p class="notice" role="alert">{plain(said)}</p>'
