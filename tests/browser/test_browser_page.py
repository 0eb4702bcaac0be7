"""The page round the chat: browsing, links, what is kept, small and dark screens, and access for everyone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from library_faq import GROUNDED, REFUSED
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

DONE = "#now-answer .answer.grounded"


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    return [
        f"{v['id']}: {node['target']} {node['failureSummary']}"
        for v in found.response["violations"]
        for node in v["nodes"]
    ]


def test_the_conversation_is_there_after_a_reload(visit, ask):
    page = visit()
    ask(page, REFUSED)
    expect(page.locator("#now-answer .answer.refused")).to_be_visible()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    page.wait_for_timeout(200)
    page.reload()
    expect(page.locator("#past h2.question")).to_contain_text(REFUSED)
    expect(page.locator("#now h2.question")).to_contain_text(GROUNDED)
    page.locator(f"{DONE} .cite").first.hover()
    expect(page.locator(".card .quote.lit")).to_have_text("Books may be kept for three weeks.")


def test_a_new_conversation_forgets_the_old_one(visit, ask):
    page = visit()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    page.locator("#clear").click()
    expect(page.locator(".welcome")).to_be_visible()
    page.wait_for_timeout(200)
    page.reload()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator("h2.question")).to_have_count(0)


def test_a_kept_conversation_that_was_altered_is_left_out(visit, ask):
    page = visit()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    page.wait_for_timeout(200)
    page.evaluate("localStorage.setItem('rag-faq-conversation', 'broken')")
    page.reload()
    expect(page.locator(".welcome")).to_be_visible()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()


def test_browsing_filters_as_one_types_and_opens_entries(visit):
    page = visit()
    page.get_by_role("tab", name="Browse").click()
    expect(page.locator("#listing details.entry")).to_have_count(6)
    page.locator("#filter input, #filter textarea").press_sequentially("quiet att")
    expect(page.locator("#listing .count").first).to_have_text("1 question has these words")
    entry = page.locator("#listing details.entry").first
    entry.locator("summary").click()
    expect(entry.locator(".text")).to_contain_text("The attic and the cellar are quiet rooms.")
    expect(page).to_have_url(re.compile(r"\?entry=6$"))
    entry.locator("[data-ask]").click()
    expect(page.locator("#now-answer .answer.verbatim .text")).to_contain_text("The attic and the cellar")


def test_an_entry_that_was_opened_stays_open_when_the_list_is_drawn_anew(visit):
    page = visit()
    page.get_by_role("tab", name="Browse").click()
    box, entry = (
        page.locator("#filter input, #filter textarea"),
        page.locator("details.entry", has_text="Which rooms are"),
    )
    entry.locator("summary").click()
    box.press_sequentially("quiet att")
    expect(page.locator("#listing .count").first).to_have_text("1 question has these words")
    expect(entry.locator(".text")).to_be_visible()
    entry.locator("summary").click()
    box.press_sequentially("ic")
    expect(page.locator("#listing .count").first).to_have_text("1 question has these words")
    page.wait_for_timeout(300)
    expect(entry.locator(".text")).to_be_hidden()


def test_a_filter_without_a_match_says_so(visit):
    page = visit()
    page.get_by_role("tab", name="Browse").click()
    page.locator("#filter input, #filter textarea").press_sequentially("zzz")
    expect(page.locator("#listing .count").first).to_have_text("No question has these words.")


def test_a_permanent_link_opens_its_entry(visit):
    page = visit("/?entry=3")
    expect(page.locator("details.entry[open] .text")).to_contain_text("The library opens at nine")
    expect(page.locator("details.entry[open]")).to_be_in_viewport()


@pytest.mark.parametrize("value", ["99", "abc", "<img src=x onerror=window.hacked=9>", "-1", "8" * 5000])
def test_a_link_to_no_entry_says_so(visit, value):
    page = visit(f"/?entry={value}")
    expect(page.locator("#listing [role=alert]")).to_contain_text(f"There is no entry {value[:20]}")
    expect(page.locator("details.entry")).to_have_count(6)
    assert page.evaluate("window.hacked") is None


def test_a_link_can_ask_and_does_not_ask_again_on_reload(visit):
    page = visit("/?q=When is the library open%3F")
    expect(page.locator("#now-answer .answer.verbatim .text")).to_contain_text("The library opens at nine")
    page.wait_for_timeout(200)
    page.reload()
    expect(page.locator("#now-answer .answer.verbatim")).to_be_visible()
    page.wait_for_timeout(500)
    expect(page.locator("h2.question")).to_have_count(1)


def test_an_empty_question_in_a_link_says_so(visit):
    page = visit("/?q=")
    expect(page.get_by_text("The link asks an empty question.")).to_be_visible()


def test_a_source_opens_in_the_faq(visit, ask):
    page = visit()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    page.locator("#now .card .facts a").first.click()
    expect(page.locator("details.entry[open] summary")).to_contain_text("How long may I keep a book?")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_anybody(visit, ask, scheme):
    page = visit(color_scheme=scheme, reduced_motion="reduce")
    assert violations(page) == []
    ask(page, REFUSED)
    expect(page.locator("#now-answer .answer.refused")).to_be_visible()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    page.locator("#now-answer [data-verdict=down]").click()
    expect(page.locator("#now-answer .why")).to_be_visible()
    page.wait_for_timeout(300)
    assert violations(page) == []
    for tab, there in (("Browse", "details.entry"), ("Map", ".map .spot"), ("Settings", ".facts-list")):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(there).first).to_be_visible()
        if tab == "Browse":
            page.locator("details.entry summary").first.click()
        page.wait_for_timeout(300)
        assert (tab, violations(page)) == (tab, [])
    page.get_by_role("tab", name="Owner").click()
    expect(page.locator("#admin-password")).to_be_visible()
    assert violations(page) == []
    page.locator("#admin-password input").fill("open sesame")
    page.keyboard.press("Enter")
    expect(page.locator("#admin-view")).to_contain_text(REFUSED)
    page.wait_for_timeout(300)
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_dialog_bars_anybody(visit, ask, scheme):
    page = visit(color_scheme=scheme, reduced_motion="reduce")
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    page.locator("#clear").click()
    expect(page.locator(".welcome")).to_be_visible()
    page.get_by_role("button", name="Conversations").click()
    page.locator("#shelf [data-rename='1']").click()
    page.wait_for_timeout(300)
    assert violations(page) == []
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Press ? for shortcuts").click()
    expect(page.locator("#shortcuts")).to_be_visible()
    assert violations(page) == []


def test_dark_is_dark(visit):
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert max(visit(color_scheme="dark").evaluate(ground)) < 60
    assert min(visit(color_scheme="light").evaluate(ground)) > 200


@pytest.mark.parametrize("width", [320, 390, 3840])
def test_nothing_is_cut_off_at_any_width(visit, ask, width):
    page = visit(viewport={"width": width, "height": 800})
    fits = "document.documentElement.scrollWidth <= window.innerWidth"
    assert page.evaluate(fits)
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    assert page.evaluate(fits)
    page.get_by_role("tab", name="Browse").click()
    for summary in page.locator("details.entry summary").all():
        summary.click()
    assert page.evaluate(fits)
    for tab, there in (("Map", ".map .spot"), ("Settings", ".facts-list"), ("Owner", "#admin-password")):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(there).first).to_be_visible()
        assert (tab, page.evaluate(fits)) == (tab, True)
    page.get_by_role("button", name="Conversations").click()
    expect(page.locator("#shelf")).to_be_visible()
    assert page.locator("#shelf").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_the_keyboard_alone_is_enough(visit):
    page = visit()
    page.locator("header h1").click()
    page.keyboard.press("/")
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.type(GROUNDED)
    page.keyboard.press("Enter")
    expect(page.locator(DONE)).to_be_visible()
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen |= set(page.evaluate("[...document.activeElement.classList, document.activeElement.id]"))
    assert {"cite", "clear"} <= seen
