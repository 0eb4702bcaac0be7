"""The tab with the map of the corpus."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import gradio as gr

from rag_faq.interfaces.page.conversation import load_conversation
from rag_faq.interfaces.page.map_view import Asked, map_page
from rag_faq.interfaces.page.parts import LIVE, Context, html
from rag_faq.retrieval.projection import EntryMap


class MapTab:
    """The picture, drawn when the tab is opened: with the last question in it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.picture = html(elem_id="map-part")

    @cached_property
    def drawn(self) -> EntryMap:
        """The places of the entries."""
        return self.context.chatbot.index.map()

    def wire(self, tab: gr.Tab) -> None:
        """Join the events."""
        tab.select(self.draw, [self.context.kept, self.context.choices], [self.picture], **LIVE)

    def draw(self, kept: Any, choices: Any, request: gr.Request) -> str:
        """The picture with the last question of the conversation in sight."""
        chatbot, conversation = self.context.chatbot, load_conversation(kept)
        asked = None
        if conversation is not None and conversation.turns:
            answer = conversation.turns[-1].answer
            asked = Asked(answer, chatbot.search(answer.searched))
        return map_page(self.drawn, chatbot.entries, asked, self.context.texts(choices, request))
