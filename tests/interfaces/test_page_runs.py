"""Answers under way: what can be shown of them, and that they end when nobody waits."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from rag_faq.errors import EngineError
from rag_faq.interfaces.page.runs import Runs
from rag_faq.interfaces.questions import Questions
from rag_faq.records import Answer, Event, FaqEntry, Source, SourcesFound, TextDelta

ENTRY = FaqEntry("pets#1", 1, "Q?", "A.", "pets.md", (1, 2))
SOURCE = Source(1, ENTRY, "A.", 0.9)
ANSWER = Answer(text="A. [1]", outcome="grounded", question="q", searched="q")


class Chatbot:
    """Gives a text word by word.

    A question "wait" holds before its first word, "seek" before its sources, until it is released or cancelled.
    """

    def __init__(self) -> None:
        self.released = threading.Event()
        self.ended = threading.Event()
        self.history: object = None

    def stream(self, question: str, history=(), cancel: threading.Event | None = None) -> Iterator[Event]:
        assert cancel is not None
        self.history = history
        try:
            while question == "seek" and not self.released.is_set() and not cancel.is_set():
                cancel.wait(0.005)
            yield SourcesFound((SOURCE,), question)
            while question == "wait" and not self.released.is_set() and not cancel.is_set():
                cancel.wait(0.005)
            if question == "fail":
                raise EngineError("The model is gone")
            yield TextDelta("One ")
            yield TextDelta("two.")
            yield ANSWER
        finally:
            self.ended.set()


async def moments(runs: Runs, session: str, question: str) -> list:
    return [m async for m in runs.ask(session, question, (("user", "before"),))]


def test_sources_come_by_themselves_then_words_then_the_answer() -> None:
    chatbot = Chatbot()
    shown = asyncio.run(moments(Runs(chatbot, Questions()), "s", "q"))
    assert (shown[0].phase, shown[0].sources, shown[0].text) == ("reading", (SOURCE,), "")
    assert (shown[-1].phase, shown[-1].answer, shown[-1].text) == ("done", ANSWER, "One two.")
    assert chatbot.history == (("user", "before"),)


def test_a_search_that_takes_its_time_is_told() -> None:
    async def scene() -> list:
        chatbot = Chatbot()
        run = Runs(chatbot, Questions()).ask("s", "seek", ())
        first = await anext(run)
        chatbot.released.set()
        return [first, *[m async for m in run]]

    shown = asyncio.run(scene())
    assert [(m.phase, m.sources) for m in shown[:2]] == [("searching", None), ("reading", (SOURCE,))]
    assert (shown[-1].phase, shown[-1].answer) == ("done", ANSWER)


def test_an_error_of_the_chatbot_reaches_the_page() -> None:
    with pytest.raises(EngineError, match="The model is gone"):
        asyncio.run(moments(Runs(Chatbot(), Questions()), "s", "fail"))


def test_the_place_in_the_line_is_told() -> None:
    async def scene() -> list[tuple[str, int]]:
        chatbot = Chatbot()
        runs = Runs(chatbot, Questions())
        first = runs.ask("a", "wait", ())
        while (await anext(first)).phase != "reading":
            pass
        second = runs.ask("b", "wait", ())
        seen = [await anext(second)]
        chatbot.released.set()
        async for _ in first:
            pass
        async for moment in second:
            seen.append(moment)
        return [(m.phase, m.ahead) for m in seen]

    told = asyncio.run(scene())
    assert told[0] == ("waiting", 1)
    assert told[-1] == ("done", 0)


def test_stop_is_for_the_own_session_only() -> None:
    async def scene() -> tuple[bool, bool, str]:
        runs = Runs(Chatbot(), Questions())
        mine = runs.ask("mine", "wait", ())
        await anext(mine)
        runs.stop("other")
        assert runs.busy("mine")
        runs.stop("mine")
        last = [m async for m in mine][-1]
        return runs.busy("mine"), runs.busy("other"), last.phase

    assert asyncio.run(scene()) == (False, False, "done")


def test_an_answer_that_was_left_gives_nothing_more_and_bars_no_other() -> None:
    chatbot = Chatbot()

    async def scene() -> tuple[list[str], bool, str]:
        runs = Runs(chatbot, Questions())
        left = runs.ask("s", "wait", ())
        while (await anext(left)).phase != "reading":
            pass
        runs.leave("s")
        busy = runs.busy("s")
        after = [m.phase async for m in runs.ask("s", "q", ())]
        return [m.phase async for m in left], busy, after[-1]

    assert asyncio.run(scene()) == ([], False, "done")
    assert chatbot.ended.wait(5)


def test_what_was_found_is_shown_before_it_is_settled() -> None:
    other = Source(2, ENTRY, "A.", 0.5)

    class Judging(Chatbot):
        def stream(self, question: str, history=(), cancel: threading.Event | None = None) -> Iterator[Event]:
            yield SourcesFound((SOURCE, other), question, settled=False)
            yield SourcesFound((SOURCE,), question)
            yield ANSWER

    shown = asyncio.run(moments(Runs(Judging(), Questions()), "s", "q"))
    assert [(m.phase, m.settled, len(m.sources or ())) for m in shown] == [
        ("reading", False, 2),
        ("reading", True, 1),
        ("done", True, 1),
    ]


def test_sources_that_come_between_the_words_leave_them_standing() -> None:
    other = Source(2, ENTRY, "A.", 0.5)

    class InParts(Chatbot):
        def stream(self, question: str, history=(), cancel: threading.Event | None = None) -> Iterator[Event]:
            yield SourcesFound((SOURCE,), question, settled=False)
            yield TextDelta("One.")
            yield SourcesFound((SOURCE, other), question)
            yield TextDelta(" Two.")
            yield ANSWER

    shown = asyncio.run(moments(Runs(InParts(), Questions()), "s", "q"))
    seen = [(m.phase, m.text, m.settled, len(m.sources or ())) for m in shown]
    assert (seen[0], seen[-1]) == (("reading", "", False, 1), ("done", "One. Two.", True, 2))
    assert ("writing", "One.", True, 2) in seen
    assert {phase for phase, text, _, _ in seen[:-1] if text} == {"writing"}


def test_leaving_an_answer_ends_it() -> None:
    chatbot = Chatbot()

    async def scene() -> None:
        runs = Runs(chatbot, Questions())
        run = runs.ask("s", "wait", ())
        await anext(run)
        await run.aclose()
        assert not runs.busy("s")

    asyncio.run(scene())
    assert chatbot.ended.wait(5)
