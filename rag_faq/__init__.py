"""A chatbot that answers from a FAQ document on your own machine, every sentence traced to its source and checked.

`from rag_faq import query`, then `query("What is mode collapse?").text`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag_faq.assembly import load_chatbot
    from rag_faq.chatbot import FaqChatbot, Options
    from rag_faq.errors import RagFaqError
    from rag_faq.interfaces.python import query
    from rag_faq.records import (
        Answer,
        Citation,
        FaqEntry,
        Hit,
        Related,
        Source,
        SourcesFound,
        TextDelta,
        Timings,
    )
    from rag_faq.settings import Settings

__all__ = [
    "Answer",
    "Citation",
    "FaqChatbot",
    "FaqEntry",
    "Hit",
    "Options",
    "RagFaqError",
    "Related",
    "Settings",
    "Source",
    "SourcesFound",
    "TextDelta",
    "Timings",
    "load_chatbot",
    "query",
]

_RECORDS = {"Answer", "Citation", "FaqEntry", "Hit", "Related", "Source", "SourcesFound", "TextDelta", "Timings"}
_HOMES = {
    **dict.fromkeys(_RECORDS, "rag_faq.records"),
    "FaqChatbot": "rag_faq.chatbot",
    "Options": "rag_faq.chatbot",
    "RagFaqError": "rag_faq.errors",
    "Settings": "rag_faq.settings",
    "load_chatbot": "rag_faq.assembly",
    "query": "rag_faq.interfaces.python",
}


def __getattr__(name: str) -> object:
    """Public names are imported at their first use, so that `import rag_faq` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rag_faq' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
