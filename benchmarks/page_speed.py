"""From sending a question until its first source, and its first words, stand on the screen of a real browser.

    python benchmarks/page_speed.py [--llm NAME_OR_FILE] [--times 50] [--json FILE]

Sources: one browser keeps the model writing long answers. Others, ten questions each, ask what was never asked before,
note when the first source is painted, stop, and start anew, TIMES times. Words: nobody else asks. Noted is how much
later than the chatbot itself gave them (search, verdict and model) the first words are painted, TIMES times. The clock
is the browser's own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

from playwright.sync_api import Page

from benchmarks.report import median, percentile
from benchmarks.sides import QUESTIONS as DEVELOPMENT
from benchmarks.sides import draw
from rag_faq.assembly import load_chatbot
from rag_faq.chatbot import FaqChatbot
from rag_faq.interfaces.http.app import page_app
from rag_faq.interfaces.http.server import running
from rag_faq.records import Event, TextDelta
from rag_faq.settings import Settings
from scripts.browser import chromium, open_page, seconds_to

# The other browser's question: answered by the model, at length.
LONG = "Please explain in detail what all the challenges in training such generative models are"
_WRITES_OR_ENDED = """(answer => answer.querySelector(".unchecked")?.textContent.trim()
    || answer.querySelector(".badge"))(
    document.querySelector("#now-answer"))"""
A_VISIT = 10  # questions that one visitor asks, each in a new conversation
QUESTIONS = (
    "Which troubles come up when one trains a GAN?",
    "How does a picture become a text?",
    "May I use such a model in medicine?",
    "Why do models say things that are not true?",
    "What can be done against prejudice in the data?",
)


def to_sources(busy: Page, visit: Callable[[], Page], questions: Sequence[str]) -> list[float]:
    """Seconds of each question; the model is writing for `busy` when each is sent.

    A page that `visit` opens asks `A_VISIT` of them. `busy` begins a new conversation with each question: a long one
    would take the cores for the drawing of it.
    """
    seconds = []
    for begin in range(0, len(questions), A_VISIT):
        page = visit()
        for question in questions[begin : begin + A_VISIT]:
            keep_busy(busy)
            seconds.append(seconds_to(page, "sources", question))
            start_anew(page)
        page.context.close()
    busy.keyboard.press("Escape")
    return seconds


def keep_busy(page: Page) -> None:
    """Have the model write a long answer for this page, if it does not already; in a new conversation.

    An answer may end between two looks at it: then the next is asked for.
    """
    answer = page.locator("#now-answer")
    while True:
        if answer.locator('[aria-busy="true"]').count() == 0:
            if answer.locator(".badge").count():
                start_anew(page)
            page.locator("#question textarea").fill(LONG)
            page.locator("#question textarea").press("Enter")
        page.wait_for_function(_WRITES_OR_ENDED)
        if answer.locator(".unchecked").count():
            return


def to_words(page: Page, questions: Iterable[str], given: Sequence[float]) -> list[tuple[float, float]]:
    """Of each question: seconds to the first words on the screen, and those of `given` that the chatbot took."""
    seconds = []
    for question in questions:
        before = len(given)
        painted = seconds_to(page, "words", question)
        seconds.append((painted, given[before]))
        start_anew(page)
    return seconds


def start_anew(page: Page) -> None:
    """Stop the answer, if it has not ended by itself, and bring the page back to its beginning."""
    page.keyboard.press("Escape")
    page.locator("#now-answer .badge").wait_for()
    page.locator("#clear").click()
    page.locator(".welcome").wait_for()


@contextmanager
def noted_first_words() -> Iterator[list[float]]:
    """The list to which every chatbot adds the seconds that it took to its first words, as soon as it gave them."""
    stream, given = FaqChatbot.stream, []

    def noting(self: FaqChatbot, *arguments: Any, **named: Any) -> Iterator[Event]:
        start, first = time.perf_counter(), True
        for event in stream(self, *arguments, **named):
            if first and isinstance(event, TextDelta):
                given.append(time.perf_counter() - start)
                first = False
            yield event

    with patch.object(FaqChatbot, "stream", noting):
        yield given


def figures(seconds: Sequence[float]) -> dict[str, int]:
    """Median, ninth decile and worst, in milliseconds."""
    return {
        "median_ms": round(1000 * median(seconds)),
        "p90_ms": round(1000 * percentile(seconds, 0.9)),
        "worst_ms": round(1000 * max(seconds)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", help="the language model (default: that of the settings)")
    parser.add_argument("--times", type=int, default=50, help="how many questions of each kind")
    parser.add_argument("--json", type=Path, help="also write all times here")
    asked = parser.parse_args()
    settings = Settings.load(llm=asked.llm, answer_style="composed", feedback=False)
    chatbot = load_chatbot(settings)
    try:
        chatbot.warm()
        # Asking loads the embedders, and fills what these questions need.
        answered = [question for question in QUESTIONS if chatbot.ask(question).outcome != "refused"]
        with (
            noted_first_words() as given,
            running(page_app(chatbot, settings), settings) as address,
            chromium() as browser,
        ):
            new = [question.text for question in draw(DEVELOPMENT, asked.times)]
            sources = to_sources(open_page(browser, address), lambda: open_page(browser, address), new)
            words = to_words(open_page(browser, address), islice(cycle(answered), asked.times), given)
    finally:
        chatbot.close()
    report = {
        "model": f"{chatbot.model.name} on {chatbot.model.device}",
        "questions": asked.times,
        "to the sources, while another answer is written": figures(sources),
        "to the first words": figures([painted for painted, _ in words]),
        "of that, after the chatbot gave them": figures([painted - given for painted, given in words]),
    }
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in report.items()))
    if asked.json:
        times = {"sources_s": sources, "words_s": [painted for painted, _ in words], "given_s": [g for _, g in words]}
        asked.json.write_text(json.dumps(report | times, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
