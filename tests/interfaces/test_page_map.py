"""The map as markup, worked out by hand: points, lines, the question, the list; and what hostile words become."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_elements import Elements

from rag_faq.interfaces.page import map_view
from rag_faq.interfaces.page.map_view import Asked, hull, map_page
from rag_faq.interfaces.page.texts import load_texts
from rag_faq.records import Answer, Chunk, Citation, FaqEntry, Hit, Related, Source
from rag_faq.retrieval.projection import EntryMap, Group

TEXTS = load_texts()


def entry(number: int, question: str) -> FaqEntry:
    return FaqEntry(f"pets#{number}", number, question, "Yes.", "pets.md", (number, number))


CATS, DOGS, TRAINS = entry(1, "Do cats eat?"), entry(2, "Do dogs sleep?"), entry(3, "Do trains fly?")
ENTRIES = (CATS, DOGS, TRAINS)
DRAWN = EntryMap(((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)), (Group(("cats", "dogs"), (0, 1)), Group(("trains",), (2,))))


def hits(*pairs: tuple[FaqEntry, float]) -> tuple[Hit, ...]:
    return tuple(Hit(e, s, Chunk(f"{e.id}/entry/0", e.id, "x", "entry"), i) for i, (e, s) in enumerate(pairs, 1))


def answered(*sources: FaqEntry, cited: tuple[FaqEntry, ...] = ()) -> Answer:
    return Answer(
        text="Yes.",
        outcome="grounded",
        question="Do they?",
        searched="Do they?",
        sources=tuple(Source(i, e, e.answer, 0.5) for i, e in enumerate(sources, 1)),
        citations=tuple(Citation(1, e.id, "Yes.", 0, 4, 1.0) for e in cited),
    )


def test_each_entry_is_a_link_at_its_place_of_which_one_is_reached_by_tab() -> None:
    points = Elements(map_page(DRAWN, ENTRIES, None, TEXTS)).of("a", "point")
    assert [(p["data-entry"], p["href"], p["aria-label"]) for p in points] == [
        ("pets#1", "?entry=1", "FAQ 1: Do cats eat?"),
        ("pets#2", "?entry=2", "FAQ 2: Do dogs sleep?"),
        ("pets#3", "?entry=3", "FAQ 3: Do trains fly?"),
    ]
    # 5 % are left free to the sides, 8 % above and below.
    assert [(p["data-x"], p["data-y"]) for p in points] == [("5.0", "8.0"), ("50.0", "50.0"), ("95.0", "92.0")]
    assert [p["tabindex"] for p in points] == ["0", "-1", "-1"]
    assert [p["class"] for p in points] == ["point g0", "point g0", "point g1"]


def test_an_id_with_marks_of_an_address_leads_to_its_entry_from_the_picture_and_from_the_list() -> None:
    odd = FaqEntry("a+b & 50%#1", 1, "Why?", "Yes.", "a+b & 50%.md", (1, 1))
    found = Elements(map_page(DRAWN, (CATS, odd, TRAINS), None, TEXTS)).found
    links = [a["href"] for tag, a in found if tag == "a" and a["data-entry"] == odd.id]
    assert links == ["?entry=a%2Bb %26 50%25%231"] * 2


def test_the_list_has_the_groups_with_their_words_and_entries() -> None:
    html = map_page(DRAWN, ENTRIES, None, TEXTS)
    listed = html[html.index('class="map-list"') :]
    assert re.sub(r"<[^>]+>", " ", listed[listed.index(">") + 1 :]).split() == (
        ["A", "cats,", "dogs", "Do", "cats", "eat?", "Do", "dogs", "sleep?", "B", "trains", "Do", "trains", "fly?"]
    )


def test_lines_lead_to_what_the_answer_cites_and_not_to_what_it_only_read() -> None:
    asked = Asked(answered(CATS, DOGS, cited=(DOGS,)), hits((TRAINS, 0.5)))
    found = Elements(map_page(DRAWN, ENTRIES, asked, TEXTS))
    ((line),) = found.of("line", "line")
    assert (line["x1"], line["y1"], line["x2"], line["y2"]) == ("92.50%", "87.00%", "50.0%", "50.0%")
    assert line["class"] == "line"
    assert [a["aria-label"] for a in found.of("g", "asked")] == ["Your last question: Do they?"]


def test_a_question_upon_the_entry_that_answers_it_steps_aside() -> None:
    asked = Asked(answered(CATS, cited=(CATS,)), hits((CATS, 0.5)))
    ((line),) = Elements(map_page(DRAWN, ENTRIES, asked, TEXTS)).of("line", "line")
    assert (line["x1"], line["y1"], line["x2"], line["y2"]) == ("7.50%", "13.00%", "5.0%", "8.0%")


def test_a_refusal_has_other_lines_and_says_so() -> None:
    refused = Answer("No.", "refused", "Why?", "Why?", related=(Related(CATS, 0.4), Related(TRAINS, 0.3)))
    html = map_page(DRAWN, ENTRIES, Asked(refused, hits((DOGS, 0.5))), TEXTS)
    assert [line["class"] for line in Elements(html).of("line", "line")] == ["line refused", "line refused"]
    assert "It has no answer in the FAQ" in html


@pytest.mark.parametrize("asked", [None, Asked(answered(CATS), ())])
def test_without_a_question_or_a_find_there_is_no_line(asked: Asked | None) -> None:
    html = map_page(DRAWN, ENTRIES, asked, TEXTS)
    assert Elements(html).of("line", "line") == []
    assert "Ask something, and your question appears on the map." in html


def test_sources_that_are_no_longer_in_the_faq_have_no_line() -> None:
    gone = entry(9, "Gone?")
    html = map_page(DRAWN, ENTRIES, Asked(answered(gone, cited=(gone,)), hits((CATS, 0.5), (gone, 0.9))), TEXTS)
    assert Elements(html).of("line", "line") == []
    assert len(Elements(html).of("g", "asked")) == 1


HOSTILE = (
    '"><img src=x onerror=alert(1)>',
    "</title></svg><script>alert(2)</script>",
    "\u202ee\x00vil [x](javascript:1)",
)


def test_hostile_words_are_text_everywhere() -> None:
    entries = tuple(FaqEntry(f"{w}#{i}", i, w, w, w, (1, 1)) for i, w in enumerate(HOSTILE, 1))
    drawn = EntryMap(DRAWN.places, (Group(HOSTILE, (0, 1, 2)),))
    answer = Answer(HOSTILE[0], "grounded", HOSTILE[1], HOSTILE[2], sources=(Source(1, entries[0], "x", 0.5),))
    html = map_page(drawn, entries, Asked(answer, hits((entries[1], 0.5))), TEXTS)
    found = Elements(html).found
    assert {tag for tag, _ in found}.isdisjoint({"img", "script", "title"})
    assert not [a for _, a in found if any(name.startswith("on") for name in a)]
    assert [a["href"] for t, a in found if t == "a" and not (a["href"] or "").startswith("?entry=")] == []
    assert "\u202e" not in html
    assert "\x00" not in html


def test_of_very_many_entries_the_points_are_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_view, "MOST_LINKS", 2)
    found = Elements(map_page(DRAWN, ENTRIES, None, TEXTS))
    assert found.of("a", "point") == []
    assert len(found.of("circle", "small")) == 3


def test_the_hull_of_a_square_with_something_in_it_is_the_square() -> None:
    assert hull([(0, 0), (1, 1), (1, 0), (0, 1), (0.5, 0.5), (0, 0)]) == [(0, 0), (1, 0), (1, 1), (0, 1)]
    assert hull([(0, 0), (1, 1)]) == [(0, 0), (1, 1)]
    assert hull([(2, 2)]) == [(2, 2)]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=30))
def test_no_point_lies_outside_the_hull(points: list[tuple[int, int]]) -> None:
    corners = hull(points)
    if len(corners) < 3:
        return
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        assert all((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) >= 0 for x, y in points)
