"""What of a question is searched for."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.retrieval import query


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("  What\n is\ta GAN?  ", "What is a GAN?"),
        ("<b>What</b> is a <i>GAN</i>?", "What is a GAN ?"),
        ("<script>alert(1)</script>What is a GAN?", "What is a GAN?"),
        ("What is &lt;b&gt;a GAN?", "What is a GAN?"),
        ("**What** is a [GAN](http://example.org)?", "What is a GAN?"),
        ("## What is a `GAN`?", "What is a GAN?"),
        ("What\u200b is\x00 a GAN?", "What is a GAN?"),
        ("Ｗｈａｔ is a GAN？", "What is a GAN?"),
        ("WHAT IS MODE COLLAPSE!!!", "what is mode collapse!!!"),
        ("HOW DO GPT-4 and BERT COMPARE IN LENGTH?", "how do gpt-4 and bert compare in length?"),
        ("GAN?", "GAN?"),
        ("GAN or VAE?", "GAN or VAE?"),
        ("", ""),
    ],
)
def test_plain_text_is_left(question, text):
    assert query.plain(question) == text


@given(st.text(max_size=200))
def test_plain_text_is_one_line_without_control_characters(question):
    text = query.plain(question)
    assert text == " ".join(text.split())
    assert not [character for character in text if unicodedata.category(character)[0] == "C"]


@pytest.mark.parametrize(
    ("text", "there"), [("a GAN", True), ("42", True), ("?!", False), ("a b c", False), ("", False)]
)
def test_words_are_two_letters_or_digits_in_a_row(text, there):
    assert query.has_words(text) is there


def test_a_short_question_is_searched_for_as_it_is():
    assert query.candidates("I like tea. What is a GAN?") == ("I like tea. What is a GAN?",)


def test_of_a_long_text_the_sentences_that_ask_are_candidates():
    ramble = "I went to the market and bought some apples. " * 10
    assert query.candidates(f"{ramble}So what is a GAN? {ramble}") == ("So what is a GAN?",)


def test_without_a_question_mark_the_words_that_ask_are_looked_for():
    ramble = "I went to the market and bought apples. " * 10
    assert query.candidates(f"{ramble}Explain GANs to me.") == ("Explain GANs to me.",)


def test_a_long_text_that_asks_nothing_gives_its_beginning():
    assert query.candidates("apples " * 100) == (" ".join(["apples"] * 60),)


@given(st.text(max_size=2000))
def test_there_is_always_something_to_search_for_and_it_is_short(question):
    found = query.candidates(question)
    assert 1 <= len(found) <= 32
    assert found == (question,) or all(len(text.split()) <= 60 for text in found)


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What is a GAN and how does it work?", ("What is a GAN?", "how does it work?")),
        ("What does it do and how does a GAN work?", ("What does it do and how does a GAN work?",)),
        ("Say how a GAN works and explain a VAE to me.", ("Say how a GAN works?", "explain a VAE to me?")),
        ("Is it safe, or what should I check?", ("Is it safe, or what should I check?",)),
        ("What is a GAN and why?", ("What is a GAN and why?",)),
        ("What is a GAN and what is a VAE?", ("What is a GAN?", "what is a VAE?")),
        ("What do cats eat? Where do dogs sleep?", ("What do cats eat?", "Where do dogs sleep?")),
        ("What is a GAN? Thanks!", ("What is a GAN? Thanks!",)),
        ("How do cats and dogs sleep?", ("How do cats and dogs sleep?",)),
    ],
)
def test_a_question_falls_into_parts_of_which_the_first_can_be_understood_alone(question, parts):
    assert query.parts(question) == parts


@pytest.mark.parametrize(
    ("part", "refers"), [("how does it work?", True), ("which one is better?", True), ("what is a VAE?", False)]
)
def test_a_part_refers_back_with_a_word_that_stands_for_another(part, refers):
    assert query.refers_back(part) is refers


@pytest.mark.parametrize(
    ("question", "two"),
    [
        ("What do cats and dogs eat?", True),
        ("Compare cats with dogs.", True),
        ("cats/dogs?", True),
        ("What do cats eat?", False),
        ("Is there a band for sand?", False),
    ],
)
def test_a_question_may_name_two_things_side_by_side(question, two):
    assert query.coordinates(question) is two


@pytest.mark.parametrize(
    ("question", "things"),
    [
        ("What's the difference between DALL-E and Codex?", ("DALL-E", "Codex")),
        ("whats the differences between a cat and the dog", ("cat", "dog")),
        ("Please compare cats, dogs and parrots.", ("cats", "dogs", "parrots")),
        ("Compare cats with dogs: which sleep longer?", ("cats", "dogs")),
        ("How do I tell cats and dogs apart?", ("cats", "dogs")),
        ("How is a cat different from a dog?", ("cat", "dog")),
        ("How does Codex compare to GPT-4?", ("Codex", "GPT-4")),
        ("cats vs. dogs", ("cats", "dogs")),
        ("GAN versus VAE, please", ("GAN", "VAE")),
        ("Tell me about cats and dogs", ()),
        ("What is a cat?", ()),
        ("Can you tell me what cats and dogs do all day long?", ()),
        ("What difference does it make?", ()),
        ("Compare a, b, c, d and e", ()),
        ("", ()),
    ],
)
def test_things_that_are_compared_are_asked_about_one_by_one(question, things):
    assert query.compared(question) == tuple(f"What is {thing}?" for thing in things)


@pytest.mark.parametrize(
    "text", ["thanks!", "Hello there", "ok, got it", "you are great", "That was very good, thank you"]
)
def test_polite_words_alone_are_no_question(text):
    assert query.is_courtesy(text)


@pytest.mark.parametrize(
    "text", ["good?", "is that good", "thanks, and why?", "hello kitty", "you", "so much data", ""]
)
def test_with_any_other_word_or_a_question_mark_they_may_be_one(text):
    assert not query.is_courtesy(text)


@pytest.mark.parametrize(
    "text",
    [
        "are you a human?",
        "Are you human or am I talking to a machine?",
        "r u a bot",
        "hey, is this a real person",
        "so you're just a chatbot?",
        "Am I chatting with an AI here?",
        "is there someone at the other end?",
    ],
)
def test_whether_a_human_answers_is_asked_of_the_chatbot(text):
    assert query.is_about_the_chatbot(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is AI?",
        "is it human?",
        "is this a human right?",
        "Are you going to explain what a GAN is?",
        "Is there a program that draws?",
        "is this model alive to the risks",
        "what is a language model",
        "Is AI conscious?",
        "a human",
        "",
    ],
)
def test_a_question_of_anything_else_is_not_about_the_chatbot(text):
    assert not query.is_about_the_chatbot(text)
