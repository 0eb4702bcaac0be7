"""The list of the whole FAQ: links, filter and order."""

import pytest

from rag_faq.interfaces.page.browse import entry_list, find_entry, link_to, with_words
from rag_faq.interfaces.page.texts import load_texts
from rag_faq.records import FaqEntry


def entry(id_: str, number: int, question: str, answer: str = "Yes.") -> FaqEntry:
    return FaqEntry(id_, number, question, answer, "pets.md", (number, number))


CATS = entry("pets#1", 1, "Do cats eat?", "Fish & <chips>.")
DOGS = entry("pets#2", 2, "Do dogs sleep?", "At night.")
BIRDS = entry("more#1", 1, "Do birds fly?")
ALL = (CATS, DOGS, BIRDS)


@pytest.mark.parametrize(
    ("asked", "found"),
    [("2", DOGS), (" 2 ", DOGS), ("1", CATS), ("more#1", BIRDS), ("3", None), ("", None), ("-1", None), ("x", None)],
)
def test_a_link_names_an_entry_by_number_or_id(asked: str, found: FaqEntry | None) -> None:
    assert find_entry(ALL, asked) == found


def test_a_link_is_the_number_where_that_is_enough() -> None:
    assert [link_to(e, ALL) for e in ALL] == ["1", "2", "more#1"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ALL),
        ("do", ALL),
        ("DOGS", (DOGS,)),
        ("do sl", (DOGS,)),
        ("fish", (CATS,)),
        ("ogs", ()),
        ("cats dogs", ()),
        ("?.*(", ALL),
    ],
)
def test_every_typed_word_must_begin_a_word(typed: str, found: tuple[FaqEntry, ...]) -> None:
    assert with_words(ALL, typed) == found


def test_an_entry_is_escaped_linked_and_opened() -> None:
    html = entry_list((CATS, BIRDS), load_texts(), heading="2 & more", every=ALL, opened="more#1")
    assert "Fish &amp; &lt;chips&gt;." in html
    assert '<h3 class="count">2 &amp; more</h3>' in html
    assert '<details class="entry" id="entry-pets#1" data-link="1">' in html
    assert '<details class="entry" id="entry-more#1" data-link="more%231" open>' in html
    assert '<a href="?entry=more%231" data-permanent>' in html


def test_what_the_search_found_best_comes_first() -> None:
    assert with_words(ALL, "do", first=(BIRDS, CATS)) == (BIRDS, CATS, DOGS)
    assert with_words(ALL, "eat", first=(BIRDS, CATS)) == (CATS,)
