"""A stand-alone question is made only when that is needed."""

import pytest

from rag_faq.generation.rewrite import Rewriter, leans_on_history
from rag_faq.testing import ScriptedGenerator

HISTORY = (("user", "What is mode collapse?"), ("assistant", "GANs generate limited varieties of outputs."))


@pytest.mark.parametrize(
    "question",
    [
        "How is it avoided?", "and for images?", "why?", "What about the second one?", "give me more of those please",
        "what comes after that step?", "How about medicine?", "the other type?", "you mentioned bias, which kind?",
    ],
)  # fmt: skip
def test_leans_on_what_was_said(question):
    assert leans_on_history(question)


@pytest.mark.parametrize(
    "question",
    [
        "How can Generative AI be used in healthcare?", "What are models that write code good for?",
        "Never mind. How does attention improve generative models?", "What is GPT-4?",
        "Is it possible to detect frauds?",
    ],
)  # fmt: skip
def test_stands_alone(question):
    assert not leans_on_history(question)


def test_a_question_that_stands_alone_costs_nothing():
    model = ScriptedGenerator("never asked")
    assert Rewriter(model).stand_alone("How do transformers work in NLP today?", HISTORY) == (
        "How do transformers work in NLP today?"
    )
    assert model.prompts == []


def test_a_follow_up_is_rewritten():
    model = ScriptedGenerator("How is mode collapse avoided in GANs?")
    assert Rewriter(model).stand_alone("How is it avoided?", HISTORY) == "How is mode collapse avoided in GANs?"


def test_words_that_nobody_said_are_not_believed():
    model = ScriptedGenerator("Which football teams won yesterday evening?")
    assert Rewriter(model).stand_alone("How is it avoided?", HISTORY) == "What is mode collapse? How is it avoided?"


def test_a_rewriting_that_asks_once_more_what_was_answered_is_not_believed():
    model = ScriptedGenerator("What is mode collapse")
    assert Rewriter(model).stand_alone("and the other type?", HISTORY) == "What is mode collapse? and the other type?"


def test_without_a_model_the_last_question_is_put_before():
    assert Rewriter(None).stand_alone("why?", HISTORY) == "What is mode collapse? why?"


def test_without_history_nothing_is_rewritten():
    assert Rewriter(ScriptedGenerator("x")).stand_alone("why?", ()) == "why?"


def test_another_language_is_translated():
    model = ScriptedGenerator("What is generative AI?")
    assert Rewriter(model).stand_alone("¿Qué es la IA generativa y para qué se usa?", ()) == "What is generative AI?"
