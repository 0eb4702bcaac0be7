"""The same question through every door gives the same text and the same citations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import anyio
import httpx
import pytest
from gradio_client import Client as GradioClient
from mcp import Client as McpClient
from openai import OpenAI
from small_faq import pet_chatbot
from typer.testing import CliRunner

from rag_faq import assembly
from rag_faq.chatbot import FaqChatbot
from rag_faq.interfaces import python
from rag_faq.interfaces.cli import app as command
from rag_faq.interfaces.http.app import Parts, make_app, page_mount
from rag_faq.interfaces.http.server import running
from rag_faq.interfaces.mcp_server import mcp_mount
from rag_faq.records import Prompt
from rag_faq.settings import Settings
from rag_faq.testing import ScriptedGenerator

# (the sentence, the entry) of each citation; the outcome, for the doors that tell it.
Told = tuple[str, list[tuple[str, int]], str | None]

EXPECTED: dict[str, Told] = {
    "How many hours do puppies sleep a day?": (
        "Puppies sleep eighteen hours a day. [1]",
        [("Puppies sleep eighteen hours a day.", 2)],
        "grounded",
    ),
    "What do cats eat?": (
        "Cats eat fish and chicken. Most cats drink water. [1]",
        [("Cats eat fish and chicken. Most cats drink water.", 1)],
        "verbatim",
    ),
    "Who won the world cup?": (
        "The FAQ does not answer this. Of its 3 questions, these come nearest:\n\n"
        "- What do cats eat?\n- How long do dogs sleep?\n- Which cage do you use for parrots?",
        [],
        "refused",
    ),
}


@pytest.fixture(scope="module")
def chatbot(tmp_path_factory: pytest.TempPathFactory) -> FaqChatbot:
    def about_pets(prompt: Prompt, _: Sequence[str]) -> tuple[float, ...]:
        return (0.0, 1.0) if "world cup" in prompt.messages[-1].content else (1.0, 0.0)

    writer = ScriptedGenerator("Puppies sleep eighteen hours a day. They dream of Paris.", choices=about_pets)
    return pet_chatbot(tmp_path_factory.mktemp("pets"), writer)


@pytest.fixture(scope="module")
def address(chatbot: FaqChatbot) -> Iterator[str]:
    """All doors of the web app."""
    settings = Settings.load(feedback=False)
    parts = Parts(lambda: chatbot, (page_mount(settings), mcp_mount(settings)))
    with running(make_app(settings, parts), settings) as address:
        yield address


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, chatbot: FaqChatbot) -> None:
    """The doors that load a chatbot themselves load this one."""
    monkeypatch.setattr(assembly, "load_chatbot", lambda *_: chatbot)


def told(answer: dict[str, Any]) -> Told:
    """Of an answer as JSON."""
    text = answer["answer"]
    return text, [(text[c["start"] : c["end"]], c["entry"]) for c in answer["citations"]], answer["outcome"]


@pytest.mark.parametrize("question", EXPECTED)
class TestEveryDoor:
    def test_python(self, question: str, loaded: None, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(python, "_kept", python._Kept())
        answer = python.query(question)
        entries = {source.entry.id: source.entry.number for source in answer.sources}
        cited = [(answer.text[c.start : c.end], entries[c.entry_id]) for c in answer.citations]
        assert (answer.text, cited, answer.outcome) == EXPECTED[question]

    def test_command_line(self, question: str, loaded: None):
        done = CliRunner().invoke(command, ["ask", "--json", question])
        assert told(json.loads(done.stdout)) == EXPECTED[question]
        assert CliRunner().invoke(command, ["ask", question]).stdout.startswith(EXPECTED[question][0])

    def test_http(self, question: str, address: str):
        answer = httpx.post(f"{address}/v1/query", json={"question": question}).json()
        assert told(answer) == EXPECTED[question]

    def test_http_stream(self, question: str, address: str):
        with httpx.stream("POST", f"{address}/v1/query/stream", json={"question": question}) as response:
            events = response.read().decode().replace("\r\n", "\n").strip().split("\n\n")
        name, data = events[-1].split("\n", 1)
        assert name == "event: answer"
        assert told(json.loads(data.removeprefix("data: "))) == EXPECTED[question]

    @pytest.mark.parametrize("streamed", [False, True])
    def test_openai(self, question: str, streamed: bool, address: str):
        client = OpenAI(base_url=f"{address}/v1", api_key="none is needed")
        messages: Any = [{"role": "user", "content": question}]
        text, cited, _ = EXPECTED[question]
        if streamed:
            chunks = client.chat.completions.create(model="rag-faq", messages=messages, stream=True)
            given = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        else:
            message = client.chat.completions.create(model="rag-faq", messages=messages).choices[0].message
            given = message.content or ""
            spans = [a.url_citation for a in message.annotations or []]
            entries = [int(span.url.rpartition("=")[2]) for span in spans]  # …/?entry=2
            assert [(given[s.start_index : s.end_index], e) for s, e in zip(spans, entries, strict=True)] == cited
        assert given.partition("\n\nSources:\n")[0] == text
        assert ("Sources:" in given) == bool(cited)

    def test_mcp(self, question: str, address: str):
        async def ask() -> Any:
            async with McpClient(f"{address}/mcp") as client:
                return await client.call_tool("ask_faq", {"question": question})

        result = anyio.run(ask)
        assert told(result.structured_content) == EXPECTED[question]
        assert result.content[0].text.startswith(EXPECTED[question][0])

    def test_gradio_client(self, question: str, gradio: GradioClient):
        assert told(gradio.predict(question, api_name="/ask")) == EXPECTED[question]


@pytest.fixture(scope="module")
def gradio(address: str) -> Iterator[GradioClient]:
    client = GradioClient(address, verbose=False)
    yield client
    client.close()
