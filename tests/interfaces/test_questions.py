"""Every door counts, times and keeps what it is asked, each question once."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from gradio_client import Client as GradioClient
from gradio_client.exceptions import AppError
from http_doors import ANSWER, QUESTION, UNANSWERED, PacedGenerator, doors, scripted, settings_for, until
from mcp import Client as McpClient
from openai import OpenAI
from small_faq import pet_chatbot

from rag_faq.chatbot import FaqChatbot
from rag_faq.errors import EngineError
from rag_faq.feedback.store import FeedbackStore
from rag_faq.interfaces.http.app import Parts, make_app, page_mount
from rag_faq.interfaces.http.server import running
from rag_faq.interfaces.mcp_server import make_mcp, mcp_mount
from rag_faq.interfaces.page.runs import Runs
from rag_faq.interfaces.questions import Given, Questions
from rag_faq.records import Answer, Event, SourcesFound, TextDelta

GIVEN = Answer(text="A. [1]", outcome="grounded", question="q", searched="q")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeedbackStore]:
    opened = FeedbackStore.open(tmp_path / "feedback.sqlite3")
    yield opened
    opened.close()


def counts(told: str | bytes, *names: str) -> dict[str, float]:
    """What is not nought of these metrics, as their lines name it."""
    text = told.decode() if isinstance(told, bytes) else told
    lines = re.findall(rf"^rag_faq_((?:{'|'.join(names)}){{.*}}) ([\d.]+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in lines if float(value)}


# -- one question -----------------------------------------------------------------------------------------------------


def test_an_answer_is_counted_timed_and_kept_once(store: FeedbackStore):
    questions = Questions(store)
    events: list[Event] = [SourcesFound((), "q"), TextDelta("A"), TextDelta("."), GIVEN]
    with questions.take_in("page", "session 1") as inquiry:
        assert "rag_faq_queue_length 1.0" in questions.metrics.text().decode()
        steps = list(inquiry.follow(events))
    assert steps[:3] == events[:3]
    [kept] = store.asked()
    assert steps[3:] == [Given(GIVEN, kept.id)]
    assert (kept.question, kept.door, kept.session) == ("q", "page", "session 1")
    assert "rag_faq_queue_length 0.0" in questions.metrics.text().decode()
    told = counts(questions.metrics.text(), "questions_total", "outcomes_total", r"\w+_seconds_count")
    assert told == {
        'questions_total{door="page"}': 1,
        'outcomes_total{door="page",outcome="grounded"}': 1,
        'first_word_seconds_count{door="page"}': 1,
        'answer_seconds_count{door="page"}': 1,
    }


def test_a_failure_is_counted_and_reaches_the_door(store: FeedbackStore):
    def failing() -> Iterator[Event]:
        yield SourcesFound((), "q")
        raise EngineError("The model is gone")

    questions = Questions(store)
    with questions.take_in("mcp") as inquiry, pytest.raises(EngineError, match="The model is gone"):
        inquiry.answer(failing())
    assert store.asked() == ()
    assert counts(questions.metrics.text(), "questions_total", "outcomes_total", r"\w+_seconds_count") == {
        'questions_total{door="mcp"}': 1,
        'outcomes_total{door="mcp",outcome="failed"}': 1,
    }


def test_a_question_that_is_left_before_its_answer_counts_as_asked_alone(store: FeedbackStore):
    questions = Questions(store)
    with questions.take_in("http") as inquiry:
        assert next(inquiry.follow([TextDelta("A"), GIVEN])) == TextDelta("A")
    assert store.asked() == ()
    assert counts(questions.metrics.text(), "questions_total", "outcomes_total") == {'questions_total{door="http"}': 1}
    assert "rag_faq_queue_length 0.0" in questions.metrics.text().decode()


def test_a_door_that_nobody_uses_is_told_with_nought():
    told = Questions().metrics.text().decode()
    for door in ("page", "gradio", "mcp", "http", "openai"):
        assert f'rag_faq_questions_total{{door="{door}"}} 0.0' in told
        for outcome in ("grounded", "verbatim", "refused", "failed"):
            assert f'rag_faq_outcomes_total{{door="{door}",outcome="{outcome}"}} 0.0' in told


# -- every door of the web app ----------------------------------------------------------------------------------------


def web_app(folder: Path, chatbot: FaqChatbot, **more: object) -> Any:
    """All doors of the web app over a real socket; gives the address."""
    settings = settings_for(folder, **more)
    return running(make_app(settings, Parts(lambda: chatbot, (page_mount(settings), mcp_mount(settings)))), settings)


def over_the_page(address: str, question: str) -> None:
    """Send the question as the page's own script does when somebody presses Enter, and wait for the end."""
    with httpx.Client(base_url=f"{address}/gradio_api", timeout=30) as client:
        config = httpx.get(f"{address}/config").json()
        [box] = [one["id"] for one in config["components"] if one["props"].get("elem_id") == "question"]
        [event] = [one["id"] for one in config["dependencies"] if [box, "submit"] in one["targets"]]
        asked = {"data": [question, None, None], "fn_index": event, "session_hash": "browser1", "trigger_id": box}
        client.post("/queue/join", json=asked).raise_for_status()
        with client.stream("GET", "/queue/data", params={"session_hash": "browser1"}) as told:
            messages = (json.loads(line.removeprefix("data: ")) for line in told.iter_lines() if line)
            end = next(message for message in messages if message["msg"] == "process_completed")
        assert end["success"]


def over_gradio_client(address: str, question: str) -> None:
    client = GradioClient(address, verbose=False)
    try:
        client.predict(question, api_name="/ask")
    finally:
        client.close()


def over_mcp(address: str, question: str) -> None:
    async def ask() -> Any:
        async with McpClient(f"{address}/mcp") as client:
            return await client.call_tool("ask_faq", {"question": question})

    anyio.run(ask)


def over_http(address: str, question: str) -> None:
    httpx.post(f"{address}/v1/query", json={"question": question}, timeout=30)


def over_openai(address: str, question: str) -> None:
    client = OpenAI(base_url=f"{address}/v1", api_key="none is needed", max_retries=0)
    client.chat.completions.create(model="rag-faq", messages=[{"role": "user", "content": question}])


DOORS: dict[str, Callable[[str, str], None]] = {
    "page": over_the_page,
    "gradio": over_gradio_client,
    "mcp": over_mcp,
    "http": over_http,
    "openai": over_openai,
}


def test_what_is_asked_at_any_door_is_counted_and_kept_once(tmp_path: Path, store: FeedbackStore):
    with web_app(tmp_path, pet_chatbot(tmp_path, scripted())) as address:
        for ask in DOORS.values():
            ask(address, QUESTION)
            ask(address, UNANSWERED)
        told = httpx.get(f"{address}/metrics").text
    expected: dict[str, float] = {}
    for door in DOORS:
        expected |= {
            f'questions_total{{door="{door}"}}': 2,
            f'outcomes_total{{door="{door}",outcome="grounded"}}': 1,
            f'outcomes_total{{door="{door}",outcome="refused"}}': 1,
            f'first_word_seconds_count{{door="{door}"}}': 1,  # a refusal has no words of its own
            f'answer_seconds_count{{door="{door}"}}': 2,
        }
    assert counts(told, "questions_total", "outcomes_total", r"\w+_seconds_count") == expected
    assert "rag_faq_queue_length 0.0" in told
    asked = [(one.door, one.question, one.outcome) for one in reversed(store.asked())]
    assert asked == [
        (door, question, outcome)
        for door in DOORS
        for question, outcome in ((QUESTION, "grounded"), (UNANSWERED, "refused"))
    ]
    assert {one.text for one in store.asked() if one.outcome == "grounded"} == {ANSWER}
    assert {one.door: one.session for one in store.asked()} == {
        "page": "browser1", "gradio": "", "mcp": "", "http": "", "openai": "",
    }  # fmt: skip


def test_reading_and_searching_are_no_questions(tmp_path: Path, store: FeedbackStore):
    async def look(address: str) -> None:
        async with McpClient(f"{address}/mcp") as client:
            await client.call_tool("search_faq", {"query": "cats"})
            await client.call_tool("get_entry", {"number": 1})

    with web_app(tmp_path, pet_chatbot(tmp_path, scripted())) as address:
        anyio.run(look, address)
        httpx.get(f"{address}/v1/search?q=cats")
        client = GradioClient(address, verbose=False)
        client.predict("cats", api_name="/search")
        client.close()
        told = httpx.get(f"{address}/metrics").text
    assert counts(told, "questions_total", "outcomes_total", r"\w+_seconds_count") == {}
    assert store.asked() == ()


def test_without_feedback_all_is_counted_and_nothing_kept(tmp_path: Path):
    with web_app(tmp_path, pet_chatbot(tmp_path, scripted()), feedback=False) as address:
        for ask in DOORS.values():
            ask(address, UNANSWERED)
        told = httpx.get(f"{address}/metrics").text
    assert counts(told, "questions_total") == {f'questions_total{{door="{door}"}}': 1 for door in DOORS}
    assert not (tmp_path / "feedback.sqlite3").exists()


def test_a_failure_is_counted_at_the_door_where_it_happened(tmp_path: Path, store: FeedbackStore):
    chatbot = pet_chatbot(tmp_path, scripted())

    def broken(*_: object) -> Iterator[Event]:
        raise EngineError("The model is gone")
        yield

    chatbot.stream = broken  # type: ignore[method-assign]
    with web_app(tmp_path, chatbot) as address:
        over_the_page(address, QUESTION)  # which shows why, and goes on
        with pytest.raises(AppError, match="The model is gone"):
            over_gradio_client(address, QUESTION)
        over_mcp(address, QUESTION)
        told = httpx.get(f"{address}/metrics").text
    assert counts(told, "questions_total", "outcomes_total", r"\w+_seconds_count") == {
        f"{name}": 1
        for door in ("page", "gradio", "mcp")
        for name in (f'questions_total{{door="{door}"}}', f'outcomes_total{{door="{door}",outcome="failed"}}')
    }
    assert store.asked() == ()


# -- nobody waits any more --------------------------------------------------------------------------------------------


def test_an_answer_that_the_page_left_is_counted_and_kept(tmp_path: Path, store: FeedbackStore):
    generator = PacedGenerator()
    questions = Questions(store)

    async def scene() -> list[str]:
        runs = Runs(pet_chatbot(tmp_path, generator), questions)
        under_way = runs.ask("browser1", QUESTION, ())
        while (await anext(under_way)).phase != "writing":
            pass
        runs.leave("browser1")
        return [moment.phase async for moment in under_way]

    assert asyncio.run(scene()) == []
    until(lambda: store.asked())
    [kept] = store.asked()
    assert (kept.door, kept.session, kept.question) == ("page", "browser1", QUESTION)
    told = counts(questions.metrics.text(), "questions_total", "outcomes_total", "first_word_seconds_count")
    assert told == {
        'questions_total{door="page"}': 1,
        f'outcomes_total{{door="page",outcome="{kept.outcome}"}}': 1,
        'first_word_seconds_count{door="page"}': 1,
    }
    assert "rag_faq_queue_length 0.0" in questions.metrics.text().decode()


def test_who_is_turned_away_has_asked_nothing(tmp_path: Path, store: FeedbackStore):
    """At the tools, and in the line of the HTTP doors."""
    go = threading.Event()
    chatbot = pet_chatbot(tmp_path, scripted())
    questions = Questions(store)

    def slow() -> FaqChatbot:
        go.wait(20)
        return chatbot

    async def crowd() -> list[bool]:
        refused: list[bool] = []

        async with McpClient(make_mcp(slow, 0, questions)) as client, anyio.create_task_group() as group:

            async def one() -> None:
                refused.append((await client.call_tool("ask_faq", {"question": QUESTION})).is_error or False)
                if refused[-1]:
                    go.set()

            for _ in range(5):
                group.start_soon(one)
        return refused

    assert sorted(anyio.run(crowd)) == [False] * 4 + [True]  # four are worked on, none may wait
    assert counts(questions.metrics.text(), "questions_total") == {'questions_total{door="mcp"}': 4}
    assert [one.door for one in store.asked()] == ["mcp"] * 4

    generator = PacedGenerator()
    generator.turn.acquire()  # nobody gets on
    (tmp_path / "http").mkdir()
    with doors(tmp_path / "http", pet_chatbot(tmp_path / "http", generator), max_waiting=0) as client:
        thread = threading.Thread(target=lambda: client.post("/v1/query", json={"question": QUESTION}))
        thread.start()
        until(lambda: "rag_faq_queue_length 1.0" in client.get("/metrics").text)
        assert client.post("/v1/query", json={"question": QUESTION}).status_code == 503
        assert counts(client.get("/metrics").text, "questions_total") == {'questions_total{door="http"}': 1}
        generator.pace = 0
        generator.turn.release()
        thread.join(20)
