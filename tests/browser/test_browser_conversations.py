"""Several conversations in one browser: put aside, opened, named, deleted, handed out; and questions asked anew."""

import json

import pytest
from library_faq import GROUNDED, HALFWAY, REFUSED
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

OPEN_HOURS = "When is the library open?"
QUIET_ROOMS = "Which rooms are quiet?"


def settle(page: Page, question: str) -> None:
    expect(page.locator("#now h2.question")).to_contain_text(question)
    expect(page.locator("#now-answer .badge")).to_be_visible()


def begin_anew(page: Page) -> None:
    page.locator("#clear").click()
    expect(page.locator(".welcome")).to_be_visible()


def put_aside(page: Page, ask, question: str) -> None:
    ask(page, question)
    settle(page, question)
    begin_anew(page)


def open_shelf(page: Page) -> None:
    page.get_by_role("button", name="Conversations").click()
    expect(page.locator("dialog#shelf[open]")).to_be_visible()


def other(page: Page, title: str):
    return page.locator("#shelf .conversations").nth(1).locator("li", has_text=title)


def test_a_conversation_that_was_put_aside_can_be_opened_again_after_a_reload(visit, ask):
    page = visit()
    put_aside(page, ask, OPEN_HOURS)
    ask(page, QUIET_ROOMS)
    settle(page, QUIET_ROOMS)
    page.wait_for_timeout(200)
    page.reload()
    settle(page, QUIET_ROOMS)
    open_shelf(page)
    expect(page.locator("#shelf .conversations").first).to_contain_text(QUIET_ROOMS)
    other(page, OPEN_HOURS).locator("button.open").click()
    settle(page, OPEN_HOURS)
    expect(page.locator("dialog#shelf")).to_be_hidden()
    open_shelf(page)
    expect(other(page, QUIET_ROOMS)).to_have_count(1)
    expect(other(page, OPEN_HOURS)).to_have_count(0)


def test_a_conversation_is_renamed_and_its_name_is_text(visit, ask):
    page = visit()
    put_aside(page, ask, OPEN_HOURS)
    open_shelf(page)
    row = other(page, OPEN_HOURS)
    row.get_by_role("button", name="Rename").click()
    expect(row.locator("input")).to_be_focused()
    page.keyboard.type("never")
    page.keyboard.press("Escape")
    expect(row.locator("input")).to_be_hidden()
    expect(page.locator("dialog#shelf")).to_be_visible()
    row.get_by_role("button", name="Rename").click()
    row.locator("input").fill("<img src=x onerror=window.hacked=10>")
    page.keyboard.press("Enter")
    expect(other(page, "<img src=x").locator(".title")).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_a_deleted_conversation_can_be_brought_back(visit, ask):
    page = visit()
    put_aside(page, ask, OPEN_HOURS)
    open_shelf(page)
    other(page, OPEN_HOURS).get_by_role("button", name="Delete").click()
    expect(page.locator("#shelf")).to_contain_text("No other conversation is kept.")
    page.get_by_role("button", name="Undo").click()
    expect(other(page, OPEN_HOURS)).to_have_count(1)


def test_a_conversation_is_handed_out_as_a_file(visit, ask):
    page = visit()
    ask(page, OPEN_HOURS)
    settle(page, OPEN_HOURS)
    open_shelf(page)
    with page.expect_download() as markdown:
        page.get_by_role("button", name="as Markdown").click()
    assert markdown.value.suggested_filename == "when-is-the-library-open.md"
    text = markdown.value.path().read_text(encoding="utf-8")
    assert text.startswith(f"# {OPEN_HOURS}\n\n**{OPEN_HOURS}**\n\nThe library opens at nine")
    with page.expect_download() as as_json:
        page.get_by_role("button", name="as JSON").click()
    assert json.loads(as_json.value.path().read_text(encoding="utf-8"))["turns"][0]["answer"]["question"] == OPEN_HOURS


def test_an_earlier_question_is_edited_and_what_came_after_it_goes(visit, ask):
    page = visit()
    for question in (OPEN_HOURS, REFUSED, GROUNDED):
        ask(page, question)
        settle(page, question)
    page.locator("#past .turn").nth(1).locator("[data-edit]").click()
    box = page.locator("#question textarea")
    expect(box).to_have_value(REFUSED)
    expect(page.get_by_text("You are editing an earlier question.")).to_be_visible()
    box.fill(QUIET_ROOMS)
    page.keyboard.press("Enter")
    settle(page, QUIET_ROOMS)
    expect(page.locator("h2.question")).to_have_count(2)
    expect(page.locator("#past h2.question")).to_contain_text(OPEN_HOURS)
    expect(page.get_by_text("You are editing an earlier question.")).to_be_hidden()


def test_editing_can_be_given_up(visit, ask):
    page = visit()
    ask(page, OPEN_HOURS)
    settle(page, OPEN_HOURS)
    page.locator("#now-answer [data-edit]").click()
    page.get_by_role("button", name="Leave it as it was").click()
    expect(page.locator("#question textarea")).to_have_value("")
    ask(page, QUIET_ROOMS)
    settle(page, QUIET_ROOMS)
    expect(page.locator("h2.question")).to_have_count(2)


def test_a_new_conversation_stops_the_answer_of_the_old_one(visit, ask, model):
    page = visit()
    ask(page, HALFWAY)
    expect(page.locator("#now-answer .unchecked")).to_contain_text("three weeks. The")
    begin_anew(page)
    assert model.cancelled.wait(10)
    ask(page, QUIET_ROOMS)
    settle(page, QUIET_ROOMS)
    expect(page.locator("h2.question")).to_have_count(1)


def test_a_shelf_that_was_altered_is_left_out(visit, ask):
    page = visit()
    put_aside(page, ask, OPEN_HOURS)
    page.wait_for_timeout(200)
    page.evaluate("localStorage.setItem('rag-faq-shelf', 'broken')")
    page.reload()
    expect(page.locator(".welcome")).to_be_visible()
    open_shelf(page)
    expect(page.locator("#shelf")).to_contain_text("No other conversation is kept.")
