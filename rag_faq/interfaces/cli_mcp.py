"""`rag-faq mcp`: the FAQ as tools of an agent that starts this command itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import typer

from rag_faq.interfaces.cli_context import settings_of

if TYPE_CHECKING:
    from rag_faq.chatbot import FaqChatbot


def mcp(context: typer.Context) -> None:
    """Serve the FAQ to an agent over standard input and output (Model Context Protocol)."""
    from rag_faq.feedback.store import open_feedback
    from rag_faq.interfaces.mcp_server import run_stdio
    from rag_faq.interfaces.questions import Questions

    settings = settings_of(context)
    log = logging.getLogger(__name__)

    def load() -> FaqChatbot:
        from rag_faq.assembly import load_chatbot

        chatbot = load_chatbot(settings)
        chatbot.warm()
        log.info("%d entries, %s on %s", len(chatbot.entries), chatbot.model.name, chatbot.model.device)
        return chatbot

    run_stdio(load, Questions(open_feedback(settings)))
