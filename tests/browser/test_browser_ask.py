"""Asking in a real browser: what a person sees, in which order."""

import re

import pytest
from library_faq import GROUNDED, HALFWAY, HELD, MARKUP, REFUSED, SLOW, WEIGHED
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

QUOTE = "Books may be kept for three weeks."
DONE = "#now-answer .answer.grounded"


def test_the_question_and_the_sources_stand_there_before_the_first_word(visit, ask, model):
    page = visit()
    ask(page, HELD)
    expect(page.locator("#now h2.question")).to_contain_text(HELD)
    card = page.locator("#now .card").first
    expect(card).to_contain_text("How long may I keep a book?")
    expect(card.locator(".text")).to_contain_text(QUOTE)
    expect(page.locator("#now .status")).to_contain_text("Reading the sources")
    assert page.locator("#now-answer .unchecked").inner_text().strip() == ""
    model.released.set()
    expect(page.locator(f"{DONE} .text")).to_contain_text(QUOTE)


def test_what_was_found_can_be_read_while_it_is_judged_and_goes_with_a_refusal(visit, ask, model):
    page = visit()
    ask(page, WEIGHED)
    expect(page.locator("#now .sources h3")).to_have_text("Nearest in the FAQ")
    expect(page.locator("#now .status")).to_contain_text("Looking whether the FAQ answers this")
    expect(page.locator("#now .card details[open]")).to_have_count(1)  # the best one
    expect(page.locator("#now .card").first.locator(".text")).to_be_visible()
    model.released.set()
    expect(page.locator("#now-answer .answer.refused")).to_be_visible()
    expect(page.locator("#now .card")).to_have_count(0)


def test_words_come_one_by_one_and_are_said_to_be_unchecked(visit, ask, model):
    page = visit()
    ask(page, HALFWAY)
    expect(page.locator("#now-answer .unchecked")).to_have_text("Books may be kept for three weeks. The")
    expect(page.locator("#now .status")).to_contain_text("Writing")
    expect(page.locator("#now-answer .hint")).to_contain_text("Not checked yet")
    model.released.set()
    expect(page.locator(DONE)).to_be_visible()


def test_the_time_to_the_first_word_and_the_speed_are_told(visit, ask):
    page = visit()
    ask(page, SLOW)
    expect(page.locator(DONE)).to_be_visible()
    expect(page.locator("#now-answer .timings")).to_contain_text(re.compile(r"first word \d.* words a second"))


def test_each_sentence_has_its_number_and_what_no_source_supports_is_told(visit, ask):
    page = visit()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    expect(page.locator(f"{DONE} .said")).to_have_text(
        [QUOTE, "A loan is renewed twice when nobody waits for the book."]
    )
    assert page.locator(f"{DONE} .cite").evaluate_all("links => links.map(a => a.firstChild.data)") == ["[1]", "[1]"]
    expect(page.locator(".left-out summary")).to_have_text("1 sentence was left out because no source supports it.")
    page.locator(".left-out summary").click()
    expect(page.locator(".left-out li")).to_contain_text("The moon is made of cheese.")
    expect(page.locator("#now .supports")).to_have_text("Supports sentences 1, 2")


def test_pointing_at_a_number_lights_up_the_words_of_the_source(visit, ask):
    page = visit()
    ask(page, GROUNDED)
    page.locator(f"{DONE} .cite").nth(1).hover()
    expect(page.locator(".card .quote.lit")).to_have_text("A loan is renewed twice when nobody waits for the book.")
    expect(page.locator(f"{DONE} .said.lit")).to_have_count(1)
    page.locator("header").hover()
    expect(page.locator(".lit")).to_have_count(0)


def test_the_keyboard_reaches_a_number_and_its_source(visit, ask):
    page = visit(viewport={"width": 400, "height": 500})
    ask(page, GROUNDED)
    cite = page.locator(f"{DONE} .cite").first
    cite.focus()
    expect(page.locator(".card .quote.lit")).to_have_text(QUOTE)
    page.keyboard.press("Enter")
    card = page.locator("#now .card").first
    expect(card).to_be_focused()
    expect(card).to_be_in_viewport()
    expect(page.locator(".card .quote.lit")).to_have_text(QUOTE)


def test_a_click_on_a_number_scrolls_to_its_source_and_back_to_the_sentence(visit, ask):
    page = visit(viewport={"width": 400, "height": 500})
    ask(page, GROUNDED)
    page.locator(f"{DONE} .cite").nth(1).click()
    expect(page.locator("#now .card").first).to_be_in_viewport()
    page.locator("#now .supports a").first.click()
    expect(page.locator(f"{DONE} .said").first).to_be_in_viewport()
    expect(page.locator(f"{DONE} .said.lit")).to_have_text(QUOTE)
    assert page.url.count("#") == 0


def test_the_faqs_own_question_is_marked_as_its_own_words(visit, ask):
    page = visit()
    ask(page, "When is the library open?")
    expect(page.locator("#now-answer .badge")).to_have_text("The FAQ's own words")
    expect(page.locator("#now-answer .note")).to_contain_text("own answer")


def test_a_refusal_offers_questions_that_can_be_clicked(visit, ask):
    page = visit()
    ask(page, REFUSED)
    expect(page.locator("#now-answer .answer.refused .badge")).to_have_text("Not in the FAQ")
    expect(page.locator("#now .card")).to_have_count(0)
    offer = page.locator("#now-answer .offer", has_text="When is the library open?")
    expect(page.locator("#now-answer .text li")).to_have_count(3)  # the questions stand there once, as buttons
    offer.click()
    expect(page.locator("#now-answer .answer.verbatim .text")).to_contain_text("The library opens at nine")
    expect(page.locator("#past .turn.refused")).to_have_count(1)


def test_an_example_is_asked_by_a_click(visit):
    page = visit()
    example = page.locator(".welcome .offer").first
    question = example.inner_text()
    example.click()
    expect(page.locator("#now h2.question")).to_contain_text(question)
    expect(page.locator("#now-answer .badge")).to_be_visible()


def test_stop_keeps_what_was_written_and_checks_it(visit, ask):
    page = visit()
    ask(page, HALFWAY)
    expect(page.locator("#now-answer .unchecked")).to_contain_text("three weeks. The")
    page.locator("#stop").click()
    expect(page.locator(f"{DONE} .text")).to_have_text(f"{QUOTE}\u2060[1] source of this sentence")
    expect(page.locator("#now-answer .note")).to_have_text("Stopped before the end.")
    expect(page.locator("#send")).to_be_visible()
    expect(page.locator("#stop")).to_be_hidden()


def test_closing_the_page_stops_the_model(visit, ask, model):
    page = visit()
    ask(page, HELD)
    expect(page.locator("#now .card").first).to_be_visible()
    page.close()
    assert model.cancelled.wait(10)


def test_ask_again_replaces_the_answer_and_edit_brings_the_question_back(visit, ask):
    page = visit()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    page.locator("#now-answer [data-again]").click()
    expect(page.locator("#now-answer [data-again]")).to_be_visible()
    expect(page.locator("h2.question")).to_have_count(1)
    page.locator("#now-answer [data-edit]").click()
    expect(page.locator("#question textarea")).to_have_value(GROUNDED)
    expect(page.locator("#question textarea")).to_be_focused()


def test_what_is_typed_stays_when_a_button_asks(visit, ask):
    page = visit()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    page.locator("#question textarea").fill("And then")
    page.locator("#now-answer [data-again]").click()
    expect(page.locator("#now-answer [aria-busy='true']")).to_have_count(0)
    expect(page.locator(DONE)).to_be_visible()
    expect(page.locator("#question textarea")).to_have_value("And then")


def test_copying_gives_markdown_with_the_sources(visit, ask):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    ask(page, GROUNDED)
    page.locator("#now-answer [data-copy]").click()
    expect(page.locator("#now-answer [data-copy]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == (
        f"**{GROUNDED}**\n\n{QUOTE} [1] A loan is renewed twice when nobody waits for the book. [1]\n\n"
        "Sources:\n\n[1] How long may I keep a book? (library.md, FAQ 1)\n"
        f"    > {QUOTE}\n    > A loan is renewed twice when nobody waits for the book.\n"
    )


def test_two_people_ask_at_once_and_each_gets_the_own_answer(visit, ask, model):
    one, other = visit(), visit()
    ask(one, HELD)
    expect(one.locator("#now .card").first).to_be_visible()
    ask(other, REFUSED)
    expect(other.locator("#now-answer .answer.refused")).to_be_visible()
    ask(other, HELD)
    expect(other.locator("#now .status")).to_have_text("One answer is ahead of yours")
    model.released.set()
    expect(one.locator(DONE)).to_be_visible()
    expect(other.locator(DONE)).to_be_visible()
    expect(one.locator("h2.question")).to_have_count(1)
    expect(other.locator("h2.question")).to_have_count(2)


@pytest.mark.parametrize(
    "question",
    [
        MARKUP,
        '<img src=x onerror="window.hacked=5"> Where is the printer? </h2></div><script>window.hacked=6</script>',
        "Who {{constructor}} ${window.hacked=7} `x` **won** [it](javascript:window.hacked=8)?",
        "W" * 7000,
        "\u202eWho won?\u202c \x07 \u0645\u0646",
    ],
)
def test_markup_is_shown_as_text_wherever_it_comes_from(visit, ask, question):
    page = visit()
    ask(page, question)
    expect(page.locator("#now-answer .badge")).to_be_visible()
    expect(page.locator("#now-answer .status")).to_have_count(0)
    asked = page.locator("#now h2.question bdi").inner_text()
    assert asked.startswith(re.sub("[\x07\u202c\u202e]", "\ufffd", question)[:40])
    assert page.evaluate("window.hacked") is None
    assert page.locator("#now-answer, #now-sources").locator("img, script, a[href^=javascript]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("question", ["   ", "?!", "Q" * 30_000])
def test_a_question_that_cannot_be_worked_on_is_answered_with_why(visit, ask, question):
    page = visit()
    ask(page, question)
    if question.strip():
        expect(page.locator("#now-answer .answer.refused")).to_be_visible()
    else:
        page.wait_for_timeout(300)
        expect(page.locator(".welcome")).to_be_visible()


def test_an_answer_whose_stream_was_lost_comes_all_the_same(visit, ask):
    page = visit()
    page.wait_for_timeout(500)
    lost = 'data: {"msg": "close_stream"}\n\n'
    page.route("**/queue/data*", lambda r: r.fulfill(content_type="text/event-stream", body=lost), times=1)
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
