"""The Python door: one function over one chatbot, which is made at the first question and kept."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag_faq.records import Answer

if TYPE_CHECKING:
    from rag_faq.chatbot import FaqChatbot


class _Kept:
    """The one chatbot behind `query`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chatbot: FaqChatbot | None = None

    def get(self) -> FaqChatbot:
        """Made once, whoever asks first."""
        with self._lock:
            if self._chatbot is None:
                from rag_faq.assembly import load_chatbot

                self._chatbot = load_chatbot()
                atexit.register(self._chatbot.close)
            return self._chatbot


_kept = _Kept()


def query(question: str, history: Sequence[tuple[str, str]] = ()) -> Answer:
    """The answer to one question, with its citations.

    `history` is the conversation before it, oldest first: ("user" or "assistant", text) pairs. The settings are read
    (`rag-faq.toml`, `RAG_FAQ_*`) and the model is loaded at the first call; later calls, from any thread, share it.
    Make a `FaqChatbot` with `load_chatbot(settings)` for other settings, for streaming, or for more than one FAQ.

    Raises a RagFaqError when there is no index or no embedder; a question that cannot be answered is an `Answer`
    with `outcome="refused"`.
    """
    return _kept.get().ask(question, tuple((role, text) for role, text in history))
