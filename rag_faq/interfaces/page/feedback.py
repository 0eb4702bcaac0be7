"""Thumbs at an answer, with room for a reason, and their way into the store."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeAlias, cast, get_args
from uuid import uuid4

import gradio as gr

from rag_faq.errors import UnknownAnswerError
from rag_faq.feedback.asked import LONGEST_REASON, Verdict
from rag_faq.feedback.store import FeedbackStore
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.parts import LIVE, html
from rag_faq.interfaces.page.texts import Texts

# The texts in the language of a person, from what the browser keeps of their choices, and from the request.
TextsOf: TypeAlias = Callable[[Any, gr.Request], Texts]


def thumbs(answer_id: str | None, texts: Texts) -> str:
    """Two buttons, and a line for a reason that opens when one of them is pressed; nothing for an answer not kept."""
    if not answer_id:
        return ""
    name = plain(answer_id)
    buttons = "".join(
        f'<button type="button" data-verdict="{verdict}" aria-pressed="false">'
        f"{plain(texts(f'feedback_{verdict}'))}</button>"
        for verdict in get_args(Verdict)
    )
    return (
        f'<div class="thumbs" role="group" data-answer="{name}" aria-label="{plain(texts("feedback_question"))}">'
        f'<span aria-hidden="true">{plain(texts("feedback_question"))}</span>{buttons}'
        f'<form class="why" hidden><label for="why-{name}">{plain(texts("feedback_reason"))}</label>'
        f'<input id="why-{name}" maxlength="{LONGEST_REASON}" autocomplete="off">'
        f'<button type="submit">{plain(texts("feedback_send"))}</button></form>'
        f'<span class="said-of-thumbs" role="status"></span></div>'
    )


class FeedbackButtons:
    """Takes the thumbs of all answers of the page. `build` and `wire` are called inside the page's `gr.Blocks`."""

    def __init__(self, store: FeedbackStore, texts_of: TextsOf) -> None:
        self._store = store
        self._texts_of = texts_of

    def build(self) -> None:
        """The part that the script talks to; nothing of it is seen."""
        script = files(__package__).joinpath("feedback.js").read_text(encoding="utf-8")
        self.bridge = html(elem_classes="unseen", js_on_load=script)

    def wire(self, choices: gr.BrowserState) -> None:
        """What happens when a thumb is pressed; `choices` is what the browser keeps of a person's."""
        self.bridge.verdict(self.take, [choices], [self.bridge], trigger_mode="multiple", **LIVE)

    def take(self, chosen: Any, event: gr.EventData, request: gr.Request) -> str:
        """Keep what the browser sent; gives what the script then tells the person."""
        texts = self._texts_of(chosen, request)
        answer_id, verdict, reason = (_text(event, name) for name in ("answer", "verdict", "reason"))
        said = texts(self.keep(answer_id, verdict, reason))
        return f'<span data-for="{plain(answer_id)}" data-time="{uuid4().hex}">{plain(said)}</span>'

    def keep(self, answer_id: str, verdict: str, reason: str) -> str:
        """Keep a verdict, or withdraw it where it is empty; gives the name of the text that says what was done."""
        try:
            if verdict == "":
                return "feedback_withdrawn" if self._store.withdraw_feedback(answer_id) else "feedback_lost"
            if verdict not in get_args(Verdict):
                return "feedback_gone"
            kept = self._store.add_feedback(answer_id, cast("Verdict", verdict), reason)
        except UnknownAnswerError:
            return "feedback_gone"
        return "feedback_thanks" if kept else "feedback_lost"


def _text(event: gr.EventData, name: str) -> str:
    """A text that the browser sent; empty for anything else."""
    data: Any = event._data
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, str) else ""
