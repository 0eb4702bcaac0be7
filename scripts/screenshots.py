"""Write the pictures of the page: `python -m scripts.screenshots [--scripted]` → docs/screenshots/*.png.

The page really runs, with the settings' index and model. With `--scripted` no weights are needed: the model then
repeats the first sentences of its first source, and the search compares words.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from rag_faq.assembly import load_chatbot
from rag_faq.chatbot import FaqChatbot, Options
from rag_faq.corpus.chunking import chunk_entries
from rag_faq.corpus.reader import read_corpus
from rag_faq.grounding.sentences import split_sentences
from rag_faq.grounding.verify import Verifier
from rag_faq.interfaces.gradio_app import running
from rag_faq.records import Prompt
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import build_index, open_index
from rag_faq.settings import Settings
from rag_faq.testing import FakeEmbedder, ScriptedGenerator

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "screenshots"
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PATIENCE_MS = 180_000

QUESTION = "What goes wrong when one trains a GAN?"
OUTSIDE = "Who won the 2022 World Cup?"


def main() -> None:
    """Start the page and take every picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scripted", action="store_true", help="use no weights")
    parser.add_argument("--threads", type=int, help="threads of the model")
    parser.add_argument("--to", type=Path, default=FOLDER, help="the folder for the pictures")
    asked = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("There is no Chromium. To mend it: apt-get install -y chromium, or name one in $CHROMIUM")
    asked.to.mkdir(parents=True, exist_ok=True)
    settings = Settings.load(threads=asked.threads)
    with (
        chatbot_for(settings, scripted=asked.scripted) as chatbot,
        running(chatbot, settings) as address,
        sync_playwright() as playwright,
    ):
        chatbot.ask(QUESTION)  # the first answer after a start reads weights: the pictures show a chatbot in use
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        take_all(browser, address, asked.to)
        browser.close()


@contextmanager
def chatbot_for(settings: Settings, *, scripted: bool) -> Iterator[FaqChatbot]:
    """The settings' chatbot, or one over the settings' corpus that needs no weights."""
    with tempfile.TemporaryDirectory() as folder:
        chatbot = scripted_chatbot(settings, Path(folder)) if scripted else load_chatbot(settings)
        try:
            yield chatbot
        finally:
            chatbot.close()


def scripted_chatbot(settings: Settings, folder: Path) -> FaqChatbot:
    """Search by shared words; answers are the first sentences of the first source."""
    corpus = read_corpus(settings.corpus)
    words = {w for e in corpus.entries for w in re.findall(r"\w+", f"{e.question} {e.answer}".lower())}
    embedder = FakeEmbedder(sorted(words))
    chunks = chunk_entries(corpus.entries, embedder.count_tokens, embedder.max_tokens)
    hashes = {d.name: d.sha256 for d in corpus.documents}
    build_index(folder / "index", corpus.entries, chunks, embedder, corpus_files=hashes, repairs=corpus.repairs)
    retriever = Retriever(open_index(folder / "index", embedder, hashes), embedder)
    return FaqChatbot(retriever, Verifier(embedder), ScriptedGenerator(first_sentences), Options())


def first_sentences(prompt: Prompt) -> str:
    """The first sentences of the first source; the question itself where there is no source."""
    if not prompt.sources:
        return prompt.messages[-1].content
    text = prompt.sources[0].text
    return text[: split_sentences(text)[:4][-1].end]


def take_all(browser: Browser, address: str, folder: Path) -> None:
    """Every view once."""
    page = open_page(browser, address)
    shoot(page, folder / "welcome.png")
    answer(page, QUESTION)
    page.locator("#now-answer .cite").first.hover()
    shoot(page, folder / "answer.png")
    page.get_by_role("tab", name="Browse").click()
    page.locator("#filter :is(input, textarea)").press_sequentially("train")
    page.locator("#listing details.entry summary").first.click()
    page.mouse.move(0, 0)
    shoot(page, folder / "browse.png")

    page = open_page(browser, address)
    answer(page, OUTSIDE)
    shoot(page, folder / "refusal.png")

    for name, options in (("dark", {"color_scheme": "dark"}), ("phone", {"viewport": PHONE, "device_scale_factor": 2})):
        page = open_page(browser, address, **options)
        answer(page, QUESTION)
        page.locator("#now-answer .cite").first.hover()
        shoot(page, folder / f"{name}.png")


def open_page(browser: Browser, address: str, **options: object) -> Page:
    """The page in a browser that has never seen it."""
    page = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options}).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.locator(".welcome").wait_for()
    return page


def answer(page: Page, question: str) -> None:
    """Ask, and wait for the checked answer."""
    page.locator("#question textarea").fill(question)
    page.keyboard.press("Enter")
    page.locator("#now-answer .badge").wait_for()
    page.locator("#question textarea").blur()


def shoot(page: Page, path: Path) -> None:
    """Write what is in sight, once it has come to rest."""
    page.wait_for_timeout(600)
    page.screenshot(path=path)
    sys.stderr.write(f"{path}\n")


if __name__ == "__main__":
    main()
