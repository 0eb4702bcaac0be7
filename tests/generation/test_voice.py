"""Where the document says "I", the answer says who that is."""

import pytest

from rag_faq.generation.voice import as_author, speaks_as_author


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I utilize grid search.", "The FAQ's author utilizes grid search."),
        ("I led a project.", "The FAQ's author led a project."),
        ("Here I often teach; I do it well.", "Here the FAQ's author often teaches; the FAQ's author does it well."),
        ("I've tackled it.", "The FAQ's author has tackled it."),
        ("My models help me.", "Their models help them."),
        ("I used GANs. I can use more.", "The FAQ's author used GANs. The FAQ's author can use more."),
    ],
)
def test_first_person_becomes_the_author(text, said):
    assert as_author(text) == said


def test_other_text_is_left_alone():
    text = "AI models in phase II are IID; Be My Eyes reads images. My friend says I/O is slow."
    assert not speaks_as_author(text)


def test_a_name_keeps_its_words():
    assert as_author("I like Be My Eyes.") == "The FAQ's author likes Be My Eyes."
