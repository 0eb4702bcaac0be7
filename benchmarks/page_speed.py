"""From sending a question until its first source stands on the screen, in a real browser, while the model is at work.

    python benchmarks/page_speed.py [--llm NAME_OR_FILE] [--times 50] [--json FILE]

One browser keeps the model writing long answers. Another asks, notes when the first source is painted, stops, and
starts anew, TIMES times. The clock is the browser's own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from itertools import cycle, islice
from pathlib import Path

from playwright.sync_api import Page

from rag_faq.assembly import load_chatbot
from rag_faq.interfaces.http.app import page_app
from rag_faq.interfaces.http.server import running
from rag_faq.settings import Settings
from scripts.browser import chromium, open_page, seconds_to_sources

# The other browser's question: answered by the model, at length.
LONG = "Please explain in detail what all the challenges in training such generative models are"
QUESTIONS = (
    "Which troubles come up when one trains a GAN?",
    "How does a picture become a text?",
    "May I use such a model in medicine?",
    "Why do models say things that are not true?",
    "What can be done against prejudice in the data?",
)


def measure(busy: Page, page: Page, times: int) -> list[float]:
    """Seconds of each question; the model is writing for `busy` when each is sent."""
    seconds = []
    for question in islice(cycle(QUESTIONS), times):
        if busy.locator('#now-answer [aria-busy="true"]').count() == 0:
            busy.locator("#question textarea").fill(LONG)
            busy.locator("#question textarea").press("Enter")
        busy.wait_for_function("document.querySelector('#now-answer .unchecked')?.textContent.trim()")
        seconds.append(seconds_to_sources(page, question))
        page.locator("#stop").click()
        page.locator("#now-answer .badge").wait_for()
        page.locator("#clear").click()
        page.locator(".welcome").wait_for()
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--llm", help="the language model (default: that of the settings)")
    parser.add_argument("--times", type=int, default=50, help="how many questions")
    parser.add_argument("--json", type=Path, help="also write all times here")
    asked = parser.parse_args()
    settings = Settings.load(llm=asked.llm, answer_style="composed")
    chatbot = load_chatbot(settings)
    try:
        chatbot.warm()
        chatbot.ask(QUESTIONS[0])  # loads the embedder
        with running(page_app(chatbot, settings), settings) as address, chromium() as browser:
            seconds = measure(open_page(browser, address), open_page(browser, address), asked.times)
    finally:
        chatbot.close()
    ordered = sorted(seconds)
    report = {
        "model": chatbot.model.name,
        "device": chatbot.model.device,
        "questions": len(seconds),
        "median_ms": round(1000 * statistics.median(seconds)),
        "p90_ms": round(1000 * ordered[int(0.9 * (len(ordered) - 1))]),
        "worst_ms": round(1000 * ordered[-1]),
    }
    sys.stdout.write("".join(f"{name:12} {value}\n" for name, value in report.items()))
    if asked.json:
        asked.json.write_text(json.dumps(report | {"seconds": seconds}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
