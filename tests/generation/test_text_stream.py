"""Bytes of tokens → text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.generation.text_stream import TextStream


def test_a_character_is_given_when_its_last_byte_came():
    stream = TextStream()
    owl = "🦉".encode()
    assert [stream.feed(owl[i : i + 1]) for i in range(4)] == ["", "", "", "🦉"]


def test_bytes_that_never_become_a_character_are_dropped_at_the_end():
    stream = TextStream()
    assert stream.feed(b"so \xf0\x9f") == "so "
    assert stream.end() == ""


def test_what_might_begin_a_stop_string_is_held_back_until_it_is_certain():
    stream = TextStream(("\n\nQ",))
    assert stream.feed(b"yes\n") == "yes"
    assert stream.feed(b"\n") == ""
    assert stream.feed(b"no") == "\n\nno"
    assert stream.feed(b"\n") == ""
    assert stream.end() == "\n"


def test_nothing_of_a_stop_string_or_after_it_is_given():
    stream = TextStream(("END", "STOP"))
    assert stream.feed(b"one ST") == "one "
    assert stream.feed(b"OP two END") == ""
    assert stream.stopped
    assert stream.feed(b"three") == ""
    assert stream.end() == ""


def test_the_stop_string_that_begins_first_counts():
    assert TextStream(("c", "b")).feed(b"abcd") == "a"


def test_an_empty_stop_string_stops_nothing():
    stream = TextStream(("",))
    assert stream.feed(b"all") == "all"
    assert not stream.stopped


@pytest.mark.parametrize("word", ["aab", "aa", "é!"])
@given(text=st.text(alphabet="ab é!🦉", max_size=40), cuts=st.lists(st.integers(0, 80), max_size=8))
def test_however_the_bytes_are_cut_the_text_up_to_the_stop_string_comes_out(word, text, cuts):
    raw = text.encode()
    bounds = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    stream = TextStream((word,))
    out = "".join(stream.feed(raw[a:b]) for a, b in pairwise(bounds)) + stream.end()
    assert out == text.partition(word)[0]
    assert stream.stopped == (word in text)
