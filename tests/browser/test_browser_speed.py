"""How soon the sources stand on the screen, by the browser's own clock, while another answer is being written."""

import statistics

import pytest
from library_faq import GROUNDED, HALFWAY
from playwright.sync_api import expect

from scripts.browser import WATCH, seconds_to

pytestmark = pytest.mark.browser

# Not the figure that is aimed at (0.15 s, by benchmarks/page_speed.py on a quiet machine): much else may run beside the
# tests. An answer that had to wait for the other one would not come at all.
MOST_SECONDS = 5.0


def test_the_sources_are_there_at_once_while_another_answer_is_written(visit, ask):
    busy = visit()
    ask(busy, HALFWAY)
    expect(busy.locator("#now-answer .unchecked")).to_contain_text("three weeks. The")
    page = visit()
    page.evaluate(WATCH)
    seconds = []
    for _ in range(5):
        seconds.append(seconds_to(page, "sources", GROUNDED))
        expect(page.locator("#now-answer .answer.grounded")).to_be_visible()
        page.locator("#clear").click()
        expect(page.locator(".welcome")).to_be_visible()
    expect(busy.locator("#now-answer .status")).to_contain_text("Writing")
    assert statistics.median(seconds) < MOST_SECONDS
