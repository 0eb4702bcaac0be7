"""The map, the settings, the keys, the language, the thumbs and the owner's tab, as a person meets them."""

import re

import pytest
from conftest import PASSWORD
from library_faq import GROUNDED, REFUSED
from playwright.sync_api import Page, expect

from rag_faq.chatbot import Options
from rag_faq.interfaces.page.choices import Choices, load_choices
from rag_faq.interfaces.page.settings_tab import choices_said

pytestmark = pytest.mark.browser

DONE = "#now-answer .answer.grounded"
OPEN_HOURS = "When is the library open?"


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


# -- map


def test_the_map_has_every_entry_and_a_click_opens_one(visit):
    page = visit()
    tab(page, "Map")
    expect(page.locator(".map a.point")).to_have_count(6)
    expect(page.locator(".told")).to_have_text("Ask something, and your question appears on the map.")
    point = page.get_by_role("link", name=f"FAQ 3: {OPEN_HOURS}")
    point.hover()
    expect(page.locator(".map-tip")).to_have_text(f"FAQ 3: {OPEN_HOURS}")
    point.click()
    expect(page.locator("details.entry[open] .text")).to_contain_text("The library opens at nine")
    expect(page).to_have_url(re.compile(r"\?entry=3$"))


def test_the_question_stands_on_the_map_with_lines_to_its_sources(visit, ask):
    page = visit()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    tab(page, "Map")
    expect(page.locator(".told")).to_have_text(
        f"Your last question: {GROUNDED} Lines lead to the sources of its answer."
    )
    expect(page.locator(".map .asked")).to_have_count(1)
    expect(page.locator(".map .line")).to_have_count(1)
    ends = page.locator(".map .line").evaluate("line => [line.getAttribute('x2'), line.getAttribute('y2')]")
    spot = page.locator('.map a[data-entry="library#1"] .spot')
    assert ends == spot.evaluate("spot => [spot.getAttribute('cx'), spot.getAttribute('cy')]")


def test_a_refused_question_has_dashed_lines_to_what_is_nearest(visit, ask):
    page = visit()
    ask(page, REFUSED)
    expect(page.locator("#now-answer .answer.refused")).to_be_visible()
    tab(page, "Map")
    expect(page.locator(".told")).to_contain_text("It has no answer in the FAQ")
    expect(page.locator(".map .line.refused")).to_have_count(3)


def test_the_arrow_keys_lead_from_point_to_point_and_enter_opens(visit):
    page = visit()
    tab(page, "Map")
    points = page.locator(".map a.point")
    expect(points).to_have_count(6)
    assert points.evaluate_all("all => all.filter(p => p.tabIndex === 0).length") == 1
    page.locator('.map a.point[tabindex="0"]').focus()
    seen = set()
    for key in ["ArrowLeft"] * 6 + ["ArrowUp"] * 6 + ["ArrowRight", "ArrowDown"] * 12 + ["ArrowLeft", "ArrowUp"] * 6:
        page.keyboard.press(key)
        seen.add(page.evaluate("document.activeElement.dataset.entry"))
    assert len(seen) >= 4
    expect(page.locator(".map-tip")).to_be_visible()
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    expect(page.locator("details.entry[open] summary")).to_contain_text(name.split(": ", 1)[1][:40])


def test_the_list_beside_the_map_leads_to_every_entry(visit):
    page = visit()
    tab(page, "Map")
    expect(page.locator(".map-list a")).to_have_count(6)
    page.locator(".map-list a", has_text=OPEN_HOURS).click()
    expect(page.locator("details.entry[open] .text")).to_contain_text("The library opens at nine")


# -- settings


def test_a_setting_holds_for_the_next_question_and_after_a_reload(visit, ask):
    page = visit()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    tab(page, "Settings")
    page.get_by_label("Always the FAQ's own words").check()
    tab(page, "Ask")
    ask(page, GROUNDED)
    expect(page.locator("#now-answer .answer.verbatim")).to_be_visible()
    page.wait_for_timeout(200)
    page.reload()
    page.wait_for_selector("html[data-arrived]", state="attached")
    tab(page, "Settings")
    expect(page.get_by_label("Always the FAQ's own words")).to_be_checked()
    page.get_by_role("button", name="As the owner has set it").click()
    expect(page.get_by_label("Written, but the FAQ's own words for its own questions")).to_be_checked()


def chosen(page: Page, owner: Options, *controls: object) -> Choices:
    return load_choices(page.evaluate(f"controls => ({choices_said(owner)})(...controls)", list(controls)))


OWNER = Options(answer_style="auto", max_sources=3, strictness=0.5)


def test_what_the_owner_has_set_is_no_choice(visit):
    assert chosen(visit(), OWNER, "auto", 3, 50, True, "browser") == Choices()


def test_what_differs_is_kept(visit):
    assert chosen(visit(), OWNER, "composed", 1, 75, False, "es") == Choices("composed", 1, 0.75, "es", keys=False)


def test_the_owners_bounds_are_the_bounds_of_the_controls(visit):
    page = visit()
    tab(page, "Settings")
    sources, evidence = page.locator("#choose-sources input[type=range]"), page.locator("#choose-strictness")
    expect(sources).to_have_attribute("max", "3")
    expect(evidence.locator("input[type=range]")).to_have_attribute("min", "50")


def test_what_answers_is_told_in_facts(visit):
    page = visit()
    tab(page, "Settings")
    told = page.locator(".facts-list")
    for fact in ("scripted", "library.md", "Entries of the FAQ", "fake"):
        expect(told).to_contain_text(fact)


# -- keys


def test_the_keys_are_listed_on_a_question_mark_and_the_focus_stays_in_the_list(visit):
    page = visit()
    page.locator("header h1").click()
    page.keyboard.press("?")
    dialog = page.locator("dialog#shortcuts[open]")
    expect(dialog).to_be_visible()
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("2")  # no key reaches the page behind
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("tab", name="Ask")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("2")
    expect(page.get_by_role("tab", name="Browse")).to_have_attribute("aria-selected", "true")


def test_while_one_types_a_key_is_a_letter(visit):
    page = visit()
    page.locator("#question textarea").click()
    page.keyboard.type("?n1/c")
    expect(page.locator("#question textarea")).to_have_value("?n1/c")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_single_keys_can_be_turned_off(visit):
    page = visit()
    tab(page, "Settings")
    page.get_by_label("Single keys are shortcuts").uncheck()
    expect(page.locator('[data-keys="off"]')).to_be_attached()
    page.locator("header h1").click()
    page.keyboard.press("1")
    page.keyboard.press("?")
    expect(page.get_by_role("tab", name="Settings")).to_have_attribute("aria-selected", "true")
    expect(page.locator("dialog[open]")).to_have_count(0)


# -- language


def test_a_spanish_browser_gets_a_spanish_page(visit, ask):
    page = visit(locale="es-ES")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page).to_have_title("Pregunta al FAQ")
    expect(page.get_by_role("tab", name="Explorar")).to_be_visible()
    expect(page.locator("#question textarea")).to_have_attribute("placeholder", "Escribe tu pregunta")
    ask(page, GROUNDED)
    expect(page.locator("#now-answer .badge")).to_have_text("Comprobado con el FAQ")
    expect(page.locator("#now .sources h3")).to_have_text("Fuentes")
    tab(page, "Mapa")
    expect(page.locator("#map-part h2").first).to_have_text("El FAQ como mapa")


def test_the_language_can_be_chosen_and_stays_chosen(visit, ask):
    page = visit()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    tab(page, "Settings")
    page.get_by_label("Español").check()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    tab(page, "Preguntar")
    expect(page.locator("#now-answer .badge")).to_have_text("Comprobado con el FAQ")
    page.wait_for_timeout(200)
    page.reload()
    expect(page.get_by_role("tab", name="Preguntar")).to_be_visible()
    expect(page.locator("#now-answer .badge")).to_have_text("Comprobado con el FAQ")


# -- thumbs and the owner's tab


def test_a_thumb_and_its_reason_are_stored_with_the_answer(visit, ask, store):
    page = visit()
    ask(page, GROUNDED)
    expect(page.locator(DONE)).to_be_visible()
    page.locator("#now-answer [data-verdict=down]").click()
    expect(page.locator("#now-answer .said-of-thumbs")).not_to_be_empty()
    page.locator("#now-answer .why input").fill("Too short <b>by far</b>")
    page.keyboard.press("Enter")
    expect(page.locator("#now-answer .why")).to_be_hidden()
    page.wait_for_timeout(500)
    asked = store.asked()[0]
    assert (asked.question, asked.outcome, asked.verdict) == (GROUNDED, "grounded", "down")
    assert asked.reason == "Too short <b>by far</b>"


def test_without_the_password_nothing_that_was_asked_reaches_the_browser(visit, ask):
    page = visit()
    ask(page, REFUSED)
    expect(page.locator("#now-answer .answer.refused")).to_be_visible()
    stranger = visit()
    tab(stranger, "Owner")
    stranger.locator("#admin-password input").fill("sesame")
    stranger.keyboard.press("Enter")
    expect(stranger.locator("#admin-said [role=alert]")).to_be_visible()
    assert REFUSED not in stranger.content()
    stranger.locator("#admin-password input").fill(PASSWORD)
    stranger.keyboard.press("Enter")
    expect(stranger.locator("#admin-view")).to_contain_text(REFUSED)
    assert stranger.evaluate("window.hacked") is None
