"""The server ends in the middle of an answer, and comes back."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import library_faq
import pytest
from library_faq import GROUNDED, HALFWAY, REFUSED
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser


def start(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, library_faq.__file__, str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2])
    assert server.stderr is not None
    told = server.stderr.readline()
    assert told == f"rag-faq: the page is at http://127.0.0.1:{port} (Ctrl-C ends it)\n"
    return server


def test_what_was_written_stays_and_the_page_goes_on_with_the_new_server(chromium: Browser) -> None:
    expect.set_options(timeout=60_000)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    servers = [start(port)]
    page = chromium.new_context().new_page()
    try:
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("html[data-arrived]", state="attached")
        page.locator("#question textarea").fill(REFUSED)
        page.keyboard.press("Enter")
        expect(page.locator("#now-answer .refused .badge")).to_be_visible()
        page.locator("#question textarea").fill(HALFWAY)
        page.keyboard.press("Enter")
        expect(page.locator("#now-answer .unchecked")).to_have_text("Books may be kept for three weeks. The")
        servers[0].send_signal(signal.SIGINT)
        assert servers[0].wait(30) == 0
        assert servers[0].stderr is not None
        assert servers[0].stderr.read() == ""
        expect(page.locator("#now-answer .status")).to_have_text(re.compile("connection to the chatbot was lost"))
        expect(page.locator("#now-answer .unchecked")).to_have_text("Books may be kept for three weeks. The")
        expect(page.locator("#stop")).to_be_hidden()
        servers.append(start(port))
        page.locator("#question textarea").fill(GROUNDED)
        page.keyboard.press("Enter")
        expect(page.locator("#now-answer .answer.grounded")).to_be_visible()
        expect(page.locator("#past h2.question")).to_contain_text(REFUSED)
    finally:
        page.context.close()
        for server in servers:
            server.kill()
            server.wait()
