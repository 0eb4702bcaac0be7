"""Which shorter forms a sentence has, and what each leaves out."""

import pytest

from rag_faq.grounding.shorten import shorter


def test_as_little_as_possible_of_a_sentence_is_left_out_first():
    sentence = "To help people, dogs fetch sticks, which is fun, so they live long."
    assert list(shorter(sentence)) == [
        ("To help people, dogs fetch sticks, which is fun.", "so they live long."),
        ("To help people, dogs fetch sticks.", "which is fun, so they live long."),
        ("Dogs fetch sticks, which is fun, so they live long.", "To help people,"),
        ("Dogs fetch sticks, which is fun.", "so they live long."),
        ("Dogs fetch sticks.", "which is fun, so they live long."),
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Cats eat fish.",
        "Dogs bark, which is loud.",  # two words are too few
        "All old cats, including mine, are asleep.",  # what they are would be gone
        "All old cats, such as mine, usually can sleep.",
    ],
)
def test_some_have_no_shorter_form(sentence):
    assert list(shorter(sentence)) == []


def test_a_sentence_that_has_its_verb_before_the_addition_can_go_without_it():
    assert list(shorter("Cats are asleep at noon, including mine, is what they say.")) == [
        ("Cats are asleep at noon.", "including mine, is what they say."),
    ]
