"""Write the pictures of the page: `python -m scripts.screenshots [--scripted] [VIEW …]` → docs/screenshots/*.png.

The page really runs, with the settings' index and model. With `--scripted` no weights are needed: the model then
repeats the first sentences of its first source, and the search compares words.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page

from rag_faq.assembly import load_chatbot
from rag_faq.chatbot import FaqChatbot, Options
from rag_faq.corpus.chunking import chunk_entries
from rag_faq.corpus.reader import read_corpus
from rag_faq.grounding.sentences import split_sentences
from rag_faq.grounding.verify import Verifier
from rag_faq.interfaces.http.app import page_app
from rag_faq.interfaces.http.server import running
from rag_faq.records import Prompt
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import build_index, open_index
from rag_faq.settings import Settings
from rag_faq.testing import FakeEmbedder, ScriptedGenerator
from scripts.browser import chromium, open_page

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "screenshots"
PHONE: Final[dict[str, Any]] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
PASSWORD = "of the pictures"

QUESTION = "What goes wrong when one trains a GAN?"
OUTSIDE = "Who won the 2022 World Cup?"
# Asked before the owner's tab is opened: what people ask and the FAQ does not answer.
ASKED = (OUTSIDE, "Which team won the World Cup?", "How do I cook an egg?", "What is mode collapse?")


def main() -> None:
    """Start the page and take the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("views", nargs="*", choices=[[], *VIEWS], help="which pictures (default: all)")
    parser.add_argument("--scripted", action="store_true", help="use no weights")
    parser.add_argument("--threads", type=int, help="threads of the model")
    parser.add_argument("--to", type=Path, default=FOLDER, help="the folder for the pictures")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(scratch) / "feedback.sqlite3"  # the pictures show no person's questions
        settings = Settings.load(threads=asked.threads, feedback_file=kept, admin_password=PASSWORD)
        with (
            chatbot_for(settings, scripted=asked.scripted) as chatbot,
            running(page_app(chatbot, settings), settings) as address,
            chromium() as browser,
        ):
            chatbot.ask(QUESTION)  # the first answer after a start reads weights: the pictures show a chatbot in use
            for name in asked.views or VIEWS:
                VIEWS[name](browser, address, asked.to / f"{name}.png")


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
    return FaqChatbot(retriever, Verifier(embedder), ScriptedGenerator(first_sentences, choices=in_the_faq), Options())


def in_the_faq(prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
    """Only what speaks of the FAQ's subject: of the questions here, those that say neither "cup" nor "egg"."""
    asked = prompt.messages[-1].content.lower()
    return (0.02, 0.98) if "world cup" in asked or "an egg" in asked else (0.98, 0.02)


def first_sentences(prompt: Prompt) -> str:
    """The first sentences of the first source; the question itself where there is no source."""
    if not prompt.sources:
        return prompt.messages[-1].content
    text = prompt.sources[0].text
    return text[: split_sentences(text)[:4][-1].end]


def page_at(browser: Browser, address: str, **options: Any) -> Page:
    """The page in a browser that has never seen it, with nothing that moves."""
    return open_page(browser, address, reduced_motion="reduce", **options)


def welcome(browser: Browser, address: str, path: Path) -> None:
    """The page before anything was asked."""
    shoot(page_at(browser, address), path)


def answered(browser: Browser, address: str, path: Path, **options: Any) -> None:
    """An answer with the words that bear out one of its sentences."""
    page = page_at(browser, address, **options)
    answer(page, QUESTION)
    page.locator("#now-answer .cite").first.hover()
    shoot(page, path)


def dark(browser: Browser, address: str, path: Path) -> None:
    """The same in the dark."""
    answered(browser, address, path, color_scheme="dark")


def phone(browser: Browser, address: str, path: Path) -> None:
    """The same on a small screen."""
    answered(browser, address, path, **PHONE)


def spanish(browser: Browser, address: str, path: Path) -> None:
    """The same for a Spanish browser."""
    answered(browser, address, path, locale="es-ES")


def refusal(browser: Browser, address: str, path: Path) -> None:
    """A question that the FAQ does not answer."""
    page = page_at(browser, address)
    answer(page, OUTSIDE)
    shoot(page, path)


def browse(browser: Browser, address: str, path: Path) -> None:
    """The FAQ, filtered, with one entry open."""
    page = page_at(browser, address)
    page.locator('#tabs [role="tab"]').nth(1).click()
    page.locator("#filter :is(input, textarea)").press_sequentially("train")
    page.wait_for_timeout(600)
    page.locator("#listing details.entry summary").first.click()
    page.mouse.move(0, 0)
    shoot(page, path)


def corpus_map(browser: Browser, address: str, path: Path) -> None:
    """The map, with a question on it and one point named."""
    page = page_at(browser, address, viewport={"width": 1280, "height": 900})
    answer(page, QUESTION)
    page.locator('#tabs [role="tab"]').nth(2).click()
    page.locator(".map .spot").last.hover()
    shoot(page, path)


def settings(browser: Browser, address: str, path: Path) -> None:
    """What can be chosen, and what answers."""
    page = page_at(browser, address, viewport={"width": 1280, "height": 1240})
    page.locator('#tabs [role="tab"]').nth(3).click()
    page.locator("#choose-style input").first.wait_for()
    shoot(page, path)


def conversations(browser: Browser, address: str, path: Path) -> None:
    """All conversations of a browser."""
    page = page_at(browser, address)
    for question in (QUESTION, OUTSIDE):
        answer(page, question)
        page.locator("#clear").click()
        page.locator(".welcome").wait_for()
    answer(page, "What is mode collapse?")
    page.locator('[data-dialog="shelf"]').click()
    shoot(page, path)


def admin(browser: Browser, address: str, path: Path) -> None:
    """The owner's tab: what was asked, and what the FAQ lacks."""
    page = page_at(browser, address, viewport={"width": 1280, "height": 1400})
    for question in ASKED:
        answer(page, question)
    page.locator("#now-answer [data-verdict=down]").click()
    page.locator('#tabs [role="tab"]').nth(4).click()
    page.locator("#admin-password input").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#admin-view table").first.wait_for()
    shoot(page, path)


VIEWS: Final[dict[str, Callable[[Browser, str, Path], None]]] = {
    "welcome": welcome,
    "answer": answered,
    "refusal": refusal,
    "browse": browse,
    "map": corpus_map,
    "settings": settings,
    "conversations": conversations,
    "admin": admin,
    "phone": phone,
    "dark": dark,
    "spanish": spanish,
}


def answer(page: Page, question: str) -> None:
    """Ask, and wait for the checked answer."""
    page.locator("#question textarea").fill(question)
    page.keyboard.press("Enter")
    page.locator("#now h2.question", has_text=question).wait_for()
    page.locator("#now-answer .badge").wait_for()
    page.locator("#question textarea").blur()


def shoot(page: Page, path: Path) -> None:
    """Write what is in sight, once it has come to rest."""
    page.wait_for_timeout(600)
    page.screenshot(path=path)
    sys.stderr.write(f"{path}\n")


if __name__ == "__main__":
    main()
