"""Chromium in front of the page: how it is found and started, and how a view is brought to rest."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

# Runs in the page before its own scripts: the time from the click, or the Enter, that sends a question until the first
# source, and the first words of the answer, are painted: a task that is queued in the frame after the change runs once
# that frame was painted.
WATCH = """
const WATCHED = {
  sources: () => document.querySelector("#now-sources .card .text"),
  words: () => document.querySelector("#now-answer .unchecked")?.textContent.trim(),
};
window.paint = {};
const sent = (event) => {
  const click = event.type === "click" && event.target.closest?.("#send");
  const enter = event.key === "Enter" && event.target.closest?.("#question");
  if (click || enter) window.paint = { sent: event.timeStamp };
};
for (const kind of ["click", "keydown"]) document.addEventListener(kind, sent, true);
new MutationObserver(() => {
  const paint = window.paint;
  for (const [name, there] of Object.entries(WATCHED)) {
    if (!paint.sent || name in paint || !there()) continue;
    paint[name] = 0;
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => { paint[name] = performance.now(); };
      painted.port2.postMessage(null);
    });
  }
}).observe(document, { childList: true, subtree: true, characterData: true });
"""


def chromium_path() -> str | None:
    """Where Chromium is: `$CHROMIUM`, or the one of the system; None where there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser. Ends the program where there is none."""
    path = chromium_path()
    if path is None:
        sys.exit("There is no Chromium. To mend it: apt-get install -y chromium, or name one in $CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Browser, address: str, *, patience_ms: int = 180_000, **options: Any) -> Page:
    """The page in a browser profile that has never seen it; it measures its own times."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options}).new_page()
    page.set_default_timeout(patience_ms)
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_selector("html[data-arrived]", state="attached")
    return page


def seconds_to(page: Page, what: str, question: str) -> float:
    """Ask, and give the seconds from the Enter until the first "sources", or "words", stand on the screen."""
    page.locator("#question textarea").fill(question)
    page.locator("#question textarea").press("Enter")
    page.wait_for_function("what => window.paint[what] > 0", arg=what)
    times = page.evaluate("what => [window.paint.sent, window.paint[what]]", what)
    return float(times[1] - times[0]) / 1000
