"""Slips of the pen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.retrieval.near import NearWords, distance

WORDS = NearWords(
    ["augmentation", "augment", "training", "straining", "hallucination", "temperature", "python", "flora"]
)


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("", "", 0),
        ("a", "", 1),
        ("cat", "cat", 0),
        ("cat", "cut", 1),
        ("cat", "cats", 1),
        ("cat", "at", 1),
        ("cat", "act", 1),  # two changed round
        ("abcd", "badc", 2),
        ("kitten", "sitting", 3),
    ],
)
def test_distance(one, other, slips):
    assert distance(one, other) == slips
    assert distance(other, one) == slips


@given(st.text(max_size=8), st.text(max_size=8))
def test_distance_is_bounded_by_the_longer_word(one, other):
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("augmentaton", ("augmentation",)),
        ("trianing", ("training",)),
        ("halucinaton", ("hallucination",)),  # two slips in a long word
        ("temprature", ("temperature",)),
        ("pythn", ()),  # too short to be sure
        ("pyhton", ("python",)),
        ("pyhtno", ()),  # two slips in a short word
        ("lora", ()),
        ("xtraining", ()),  # the first letter is right nearly always
        ("training", ("training",)),
        ("gpt4444", ()),
    ],
)
def test_the_nearest_known_words_are_found(written, meant):
    assert WORDS.find(written) == meant


def test_no_words_find_nothing():
    assert NearWords([]).find("anything") == ()
