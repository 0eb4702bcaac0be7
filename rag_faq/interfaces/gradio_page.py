"""The page in Gradio: its tabs, and what happens when it is opened or changes its language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from rag_faq.chatbot import FaqChatbot
from rag_faq.feedback.gaps import find_gaps
from rag_faq.feedback.store import FeedbackStore, feedback_file
from rag_faq.interfaces.gradio_endpoints import add_endpoints
from rag_faq.interfaces.page.admin import AdminTab
from rag_faq.interfaces.page.admin_access import admin_access
from rag_faq.interfaces.page.ask_tab import AskTab
from rag_faq.interfaces.page.browse_tab import BrowseTab
from rag_faq.interfaces.page.choices import Choices, load_choices
from rag_faq.interfaces.page.conversation import Conversation, load_conversation
from rag_faq.interfaces.page.feedback import FeedbackButtons
from rag_faq.interfaces.page.map_tab import MapTab
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.parts import LIVE, QUIET, Changes, Context, html, session_of, stored
from rag_faq.interfaces.page.settings_tab import SettingsTab
from rag_faq.interfaces.page.shelf import load_shelf
from rag_faq.interfaces.page.shelf_tab import Conversations, opener
from rag_faq.interfaces.page.shortcuts import shortcuts_dialog
from rag_faq.interfaces.page.texts import FALLBACK, Texts
from rag_faq.interfaces.questions import Questions
from rag_faq.settings import Settings


class Page:
    """The components of the page and what happens between them."""

    def __init__(
        self, chatbot: FaqChatbot, settings: Settings, questions: Questions, catalogue: Mapping[str, Texts]
    ) -> None:
        texts = catalogue[FALLBACK]
        self.blocks: gr.Blocks = gr.Blocks(title=texts("title"), analytics_enabled=False, fill_width=True)
        with self.blocks:
            kept, shelf, choices = (stored(f"rag-faq-{name}") for name in ("conversation", "shelf", "choices"))
            self.context = Context(chatbot, settings, questions, catalogue, kept, shelf, choices)
            self._build(texts)
            self._wire()

    def _build(self, texts: Texts) -> None:
        context = self.context
        self.header = html(self._header(texts), elem_id="header-part")
        self.bridge = html(
            '<p id="said-aloud" class="unseen" role="status" aria-live="polite"></p>',
            js_on_load="ragFaq.connect((name, data) => trigger(name, data)); "
            "/* trigger('ask') trigger('nudge') trigger('shelve') trigger('list_shelf') */",
        )
        self.state = html(
            _state(texts, Choices()), elem_id="state-part", js_on_load="watch('value', ragFaq.spoken(element));"
        )
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as self.tabs:
            with gr.Tab(texts("tab_ask"), id="ask", elem_id="tab-ask") as self.ask_tab:
                self.ask = AskTab(context, texts)
            with gr.Tab(texts("tab_browse"), id="browse", elem_id="tab-browse") as self.browse_tab:
                self.browse = BrowseTab(context, texts)
            with gr.Tab(texts("tab_map"), id="map", elem_id="tab-map") as self.map_tab:
                self.map = MapTab(context)
            with gr.Tab(texts("tab_settings"), id="settings", elem_id="tab-settings") as self.settings_tab:
                self.settings = SettingsTab(context, texts)
            self.admin = self._admin(texts)
        self.thumbs = FeedbackButtons(context.store, context.texts) if context.store else None
        if self.thumbs is not None:
            self.thumbs.build()
        self.conversations = Conversations(context, self.ask, texts)
        self.shortcuts = html(shortcuts_dialog(texts), elem_id="shortcuts-part")

    def _admin(self, texts: Texts) -> AdminTab | None:
        """The owner's tab; there is none without a password."""
        access, chatbot = admin_access(self.context.settings), self.context.chatbot
        if access is None:
            return None
        # What was kept before can be read when nothing more is kept.
        store = self.context.store or FeedbackStore.open(feedback_file(self.context.settings))
        admin = AdminTab(access, lambda days: find_gaps(store, chatbot.retriever, days), self.context.texts)
        with gr.Tab(texts("admin_tab"), id="admin", elem_id="tab-admin") as self.admin_tab:
            admin.build(texts)
        return admin

    def _wire(self) -> None:
        context, ask = self.context, self.ask
        # First, so that no event of the page takes their names.
        add_endpoints(context.chatbot, context.settings, context.questions)
        ask.wire(self.bridge)
        self.browse.wire()
        self.map.wire(self.map_tab)
        self.conversations.wire(self.bridge)
        if self.thumbs is not None:
            self.thumbs.wire(context.choices)
        if self.admin is not None:
            self.admin.wire(context.choices)
        spoken = [
            *(self.header, self.state, self.shortcuts, *ask.view, *ask.spoken, *self.browse.spoken),
            *(*self.settings.spoken, self.ask_tab, self.browse_tab, self.map_tab, self.settings_tab),
        ]
        self.settings.wire(self.speak, spoken)
        inputs = [context.kept, context.shelf, context.choices]
        arrived = [*spoken, self.tabs, self.conversations.dialog]
        arrival = self.blocks.load(self.arrive, inputs, arrived, **LIVE)
        arrival.then(None, None, None, js="() => ragFaq.arrived()", **QUIET)
        self.blocks.unload(ask.leave)

    def arrive(self, kept: Any, shelf: Any, choices: Any, request: gr.Request) -> Changes:
        """The page as this browser left it, or as its address asks."""
        texts = self.context.texts(choices, request)
        if load_conversation(kept) is None:
            gr.Warning(texts("damaged"))
        if load_shelf(shelf) is None:
            gr.Warning(texts("shelf_damaged"))
        changes = self._in_language(kept, choices, texts, request) | self.browse.in_language(texts, arriving=True)
        changes[self.conversations.dialog] = self.conversations.show(kept, shelf, choices, request)
        address = dict(request.query_params)
        if "entry" in address:
            opened = self.browse.opened(str(address["entry"]), texts)
            changes |= {self.tabs: gr.Tabs(selected="browse"), self.browse.listing: opened}
        if "q" in address and not str(address["q"]).strip():
            gr.Warning(texts("empty_query"))
        return changes

    def speak(self, kept: Any, choices: Any, request: gr.Request) -> Changes:
        """The whole page in the language that was chosen."""
        texts = self.context.texts(choices, request)
        return self._in_language(kept, choices, texts, request) | self.browse.in_language(texts, arriving=False)

    def _in_language(self, kept: Any, choices: Any, texts: Texts, request: gr.Request) -> Changes:
        chosen = load_choices(choices)
        changes: Changes = {
            self.header: self._header(texts),
            self.state: _state(texts, chosen),
            self.shortcuts: shortcuts_dialog(texts),
            self.ask_tab: gr.update(label=texts("tab_ask")),
            self.browse_tab: gr.update(label=texts("tab_browse")),
            self.map_tab: gr.update(label=texts("tab_map")),
            self.settings_tab: gr.update(label=texts("tab_settings")),
        }
        changes |= self.ask.in_language(texts) | self.settings.in_language(chosen, texts)
        # Somebody quick may have asked already: that answer stays in sight.
        if not self.ask.runs.busy(session_of(request)):
            changes |= self.ask.at_rest(load_conversation(kept) or Conversation(), texts)
        return changes

    def _header(self, texts: Texts) -> str:
        about = plain(texts("about", entries=len(self.context.chatbot.entries)))
        return (
            f"<header><div><h1>{plain(texts('title'))}</h1><p>{about}</p></div>"
            f'<nav class="actions">{opener(texts)}</nav></header>'
        )


def _state(texts: Texts, choices: Choices) -> str:
    """What the script must know."""
    keys = "on" if choices.keys else "off"
    return f'<i hidden data-language="{texts.language}" data-title="{plain(texts("title"))}" data-keys="{keys}"></i>'
