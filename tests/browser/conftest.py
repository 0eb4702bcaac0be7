"""A running page over the small library FAQ, and a browser in front of it."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from library_faq import LibraryModel, library_chatbot
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rag_faq.interfaces.gradio_app import running
from rag_faq.settings import Settings

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 30_000  # the machine may be busy; nothing here measures speed


@pytest.fixture(scope="module")  # not longer: Playwright keeps an event loop, which bars asyncio.run in other tests
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("There is no Chromium. To mend it: apt-get install -y chromium, or name one in $CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def model() -> LibraryModel:
    return LibraryModel()


@pytest.fixture(scope="session")
def address(model: LibraryModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    chatbot = library_chatbot(tmp_path_factory.mktemp("library"), model)
    with running(chatbot, Settings.load()) as where:
        yield where


@pytest.fixture
def visit(address: str, chromium: Browser, model: LibraryModel) -> Iterator[Callable[..., Page]]:
    """Opens the page in a browser profile of its own. In no visit may the page fail, or ask another host."""
    expect.set_options(timeout=PATIENCE_MS)
    model.released.clear()
    model.cancelled.clear()
    contexts, problems = [], []

    def open_page(path: str = "/", **options) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: problems.append(f"failed: {error}"))
        page.on("console", lambda m: problems.append(m.text) if "Content Security Policy" in m.text else None)
        context.on("request", lambda r: problems.append(f"asked {r.url}") if foreign(r.url, address) else None)
        page.goto(address + path)
        page.wait_for_selector("#question textarea", state="attached")
        page.wait_for_selector("html[data-arrived]", state="attached")
        return page

    yield open_page
    model.released.set()
    for context in contexts:
        context.close()
    assert problems == []


def foreign(url: str, address: str) -> bool:
    return not url.startswith((address, "data:", "blob:"))


@pytest.fixture
def ask() -> Callable[[Page, str], None]:
    """Types a question and sends it with Enter."""

    def send(page: Page, question: str) -> None:
        page.locator("#question textarea").fill(question)
        page.keyboard.press("Enter")

    return send
