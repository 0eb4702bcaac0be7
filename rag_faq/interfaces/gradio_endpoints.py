"""The two named endpoints of the page for programs: `/ask` and `/search`. All other events of the page are private."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Any, TypeVar

import gradio as gr
from gradio.events import api

from rag_faq.chatbot import FaqChatbot
from rag_faq.errors import RagFaqError
from rag_faq.interfaces.questions import Questions
from rag_faq.interfaces.wire import MOST_HITS, answer_json, hits_json
from rag_faq.records import History
from rag_faq.settings import Settings

T = TypeVar("T")

_MOST_TURNS = 200
_AT_ONCE = 4  # the model itself takes one question after the other
_ROLES = ("user", "assistant")

_ASK = (
    "Answer a question from the FAQ. `question`: the question. `history`: the conversation before it, oldest first, as "
    'pairs ["user" or "assistant", text]. Returns the answer as one object: `answer` with [n] after each sentence, '
    "`outcome` (`grounded`, `verbatim` or `refused`), `citations` with the words of the source for each span of the "
    "answer, `sources`, `related` questions of a refusal, and how long it took."
)
_SEARCH = (
    "Find the entries of the FAQ that come nearest. `query`: a question, or words. `limit`: the most entries, 1 to 10. "
    "Returns `searched` (the question as it was understood) and `hits`, best first."
)


def add_endpoints(chatbot: FaqChatbot, settings: Settings, questions: Questions) -> None:
    """Add `/ask` and `/search` to the Blocks that is being built. A question without words is refused in the answer."""

    async def ask(question: str, history: list[list[str]] | None = None) -> dict[str, Any]:
        earlier = _turns(history)
        with questions.take_in("gradio") as inquiry:
            given = await _in_thread(lambda cancel: inquiry.answer(chatbot.stream(question, earlier, cancel)))
        answer = given.answer
        return {"question": answer.question, **answer_json(answer)}

    async def search(query: str, limit: int = 5) -> dict[str, Any]:
        if not 1 <= limit <= MOST_HITS:
            raise gr.Error(f"limit is {limit}; it goes from 1 to {MOST_HITS}.", print_exception=False)
        if len(query) > settings.max_question_chars:
            raise gr.Error(
                f"query is {len(query):,} characters long; the most is {settings.max_question_chars:,}.",
                print_exception=False,
            )
        return hits_json(*await _in_thread(lambda _: chatbot.find(query)), limit)

    api(ask, api_name="ask", api_description=_ASK, concurrency_limit=_AT_ONCE)
    api(search, api_name="search", api_description=_SEARCH, concurrency_limit=_AT_ONCE)


async def _in_thread(work: Callable[[Event], T]) -> T:
    """What `work` gives; its flag is set when nobody waits for that any more."""
    cancel = Event()
    try:
        return await asyncio.to_thread(work, cancel)
    except RagFaqError as error:
        raise gr.Error(str(error), print_exception=False) from error
    finally:
        cancel.set()


def _turns(history: list[list[str]] | None) -> History:
    turns = history or []
    if len(turns) > _MOST_TURNS:
        raise gr.Error(f"history has {len(turns)} turns; the most is {_MOST_TURNS}.", print_exception=False)
    for turn in turns:
        if len(turn) != 2 or turn[0] not in _ROLES or not isinstance(turn[1], str):
            raise gr.Error('history takes pairs of "user" or "assistant" and a text.', print_exception=False)
    return tuple((role, text) for role, text in turns)
