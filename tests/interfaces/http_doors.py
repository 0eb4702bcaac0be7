"""The HTTP doors over the small FAQ: in this process, or behind a real socket."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from small_faq import pet_chatbot
from starlette.testclient import TestClient

from rag_faq.chatbot import FaqChatbot
from rag_faq.generation.generator import GenerationStats, Sampling
from rag_faq.interfaces.http.app import Parts, make_app
from rag_faq.interfaces.http.server import running
from rag_faq.records import ModelInfo, Prompt
from rag_faq.settings import Settings
from rag_faq.testing import ScriptedGenerator

QUESTION = "What is it that cats eat and drink?"  # not the FAQ's own, so that the model writes
UNANSWERED = "Who won the chess championship?"
SCRIPT = "Cats eat fish and chicken. Cats eat 17 mice. Most cats drink water."
ANSWER = "Cats eat fish and chicken. [1] Most cats drink water. [1]"


def scripted() -> ScriptedGenerator:
    """Writes SCRIPT, and finds that no source says anything of chess."""

    def choices(prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        return (0.0, 1.0) if "chess" in prompt.messages[-1].content else (1.0, 0.0)

    return ScriptedGenerator(SCRIPT, choices=choices)


def settings_for(folder: Path, **more: object) -> Settings:
    """Settings that leave the user's own files alone."""
    return Settings.load(**{"feedback_file": folder / "feedback.sqlite3", **more})


@contextmanager
def doors(folder: Path, chatbot: FaqChatbot | None = None, **more: object) -> Iterator[TestClient]:
    """A client of the doors in this process, once they are ready."""
    chatbot = chatbot or pet_chatbot(folder, scripted())
    app = make_app(settings_for(folder, **more), Parts(lambda: chatbot))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield client


@contextmanager
def served(folder: Path, chatbot: FaqChatbot | None = None, **more: object) -> Iterator[str]:
    """The address of a real server."""
    chatbot = chatbot or pet_chatbot(folder, scripted())
    settings = settings_for(folder, **more)
    with running(make_app(settings, Parts(lambda: chatbot)), settings) as address:
        yield address


def until(holds, seconds: float = 20.0) -> None:
    """Wait until it holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


class PacedGenerator:
    """Writes "Cats eat fish." over and over, a word every `pace` seconds, for one caller at a time."""

    def __init__(self, pace: float = 0.01) -> None:
        self.pace = pace
        self.info = ModelInfo(name="paced", device="cpu", context_tokens=4096)
        self.turn = threading.Lock()
        self.written: list[int] = []  # words of each generation that has ended

    def generate(self, prompt: Prompt, sampling: Sampling, cancel: threading.Event | None = None) -> PacedGeneration:
        return PacedGeneration(self, sampling.max_tokens, cancel or threading.Event())

    def choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        return (1.0,) + (0.0,) * (len(options) - 1)

    def scores(self, prompt: Prompt) -> None: ...

    def read(self, prompts: Sequence[Prompt]) -> None: ...

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def warm(self, prompts: Sequence[Prompt]) -> None: ...

    def close(self) -> None: ...


class PacedGeneration:
    def __init__(self, generator: PacedGenerator, most: int, cancel: threading.Event) -> None:
        self._generator = generator
        self._most = most
        self._cancel = cancel
        self._count = 0
        self._has_turn = False
        self.stats = GenerationStats(prompt_tokens=1)

    def __iter__(self) -> PacedGeneration:
        return self

    def __next__(self) -> str:
        while not self._has_turn and not self._cancel.is_set():
            self._has_turn = self._generator.turn.acquire(timeout=0.02)
        if self._cancel.is_set() or self._count == self._most:
            raise StopIteration
        self._cancel.wait(self._generator.pace)
        self._count += 1
        return ("Cats ", "eat ", "fish. ")[(self._count - 1) % 3]

    def close(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._generator.written.append(self._count)
            self._generator.turn.release()


def events(text: str) -> list[tuple[str, str]]:
    """(name, data) of server-sent events; an event without a name has "message"."""
    found = []
    for block in re.split(r"\n\n", text.strip()):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines.get("event", "message"), lines["data"]))
    return found
