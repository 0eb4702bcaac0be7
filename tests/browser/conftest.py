"""A running page over the small library FAQ, and a browser in front of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from library_faq import LibraryModel, library_chatbot
from playwright.sync_api import Browser, Page, expect

from rag_faq.feedback.store import FeedbackStore
from rag_faq.interfaces.http.app import page_app
from rag_faq.interfaces.http.server import running
from rag_faq.settings import Settings
from scripts.browser import chromium as started
from scripts.browser import chromium_path

PASSWORD = "open sesame"
PATIENCE_MS = 30_000  # the machine may be busy; nothing here measures speed


@pytest.fixture(scope="module")  # not longer: Playwright keeps an event loop, which bars asyncio.run in other tests
def chromium() -> Iterator[Browser]:
    if chromium_path() is None:
        pytest.fail("There is no Chromium. To mend it: apt-get install -y chromium, or name one in $CHROMIUM")
    with started() as browser:
        yield browser


@pytest.fixture(scope="session")
def model() -> LibraryModel:
    return LibraryModel()


@pytest.fixture(scope="session")
def feedback_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback") / "feedback.sqlite3"


@pytest.fixture
def store(feedback_file: Path) -> Iterator[FeedbackStore]:
    """What the owner's store has, read beside the running page."""
    opened = FeedbackStore.open(feedback_file)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def address(model: LibraryModel, feedback_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    chatbot = library_chatbot(tmp_path_factory.mktemp("library"), model)
    settings = Settings.load(feedback_file=feedback_file, admin_password=PASSWORD)
    with running(page_app(chatbot, settings), settings) as where:
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
