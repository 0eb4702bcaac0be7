"""A stand-alone question is made only when that is needed."""

import re

import pytest

from rag_faq.errors import EngineError
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
        "How do transformers work in NLP today?",
    )
    assert model.prompts == []


def test_a_follow_up_is_rewritten_or_may_be_read_behind_the_question_before_it():
    model = ScriptedGenerator("How is mode collapse avoided in GANs?")
    assert Rewriter(model).stand_alone("How is it avoided?", HISTORY) == (
        "How is mode collapse avoided in GANs?",
        "What is mode collapse? How is it avoided?",
    )


def test_words_that_nobody_said_are_not_believed():
    model = ScriptedGenerator("Which football teams won yesterday evening?")
    assert Rewriter(model).stand_alone("How is it avoided?", HISTORY) == ("What is mode collapse? How is it avoided?",)


def test_a_rewriting_that_asks_once_more_what_was_answered_is_not_believed():
    model = ScriptedGenerator("What is mode collapse")
    assert Rewriter(model).stand_alone("and the other type?", HISTORY) == (
        "What is mode collapse? and the other type?",
    )


def test_without_a_model_the_last_question_is_put_before():
    assert Rewriter(None).stand_alone("why?", HISTORY) == ("What is mode collapse? why?",)


def test_without_history_nothing_is_rewritten():
    assert Rewriter(ScriptedGenerator("x")).stand_alone("why?", ()) == ("why?",)


def test_another_language_is_translated():
    model = ScriptedGenerator("What is generative AI?")
    assert Rewriter(model).stand_alone("¿Qué es la IA generativa y para qué se usa?", ()) == ("What is generative AI?",)


QUESTIONS = tuple(f"What is thing {n}?" for n in range(1, 31))


def test_a_question_is_put_in_the_documents_terms():
    model = ScriptedGenerator("How is mode collapse avoided?")
    assert Rewriter(model, QUESTIONS).in_the_documents_terms("it keeps making the same face") == (
        "How is mode collapse avoided?"
    )
    (prompt,) = model.prompts
    listed = re.findall(r"- What is thing (\d+)\?", prompt.messages[0].content)
    assert listed == ["1", "3", "5", "7", "9", "11", "13", "15", "17", "19", "21", "23"]
    assert prompt.messages[1].content == "User: it keeps making the same face\nRewritten:"


@pytest.mark.parametrize(("questions", "listed"), [(QUESTIONS[:5], 5), (QUESTIONS[:12], 12), (QUESTIONS * 9, 12)])
def test_it_is_shown_questions_from_all_over_the_document_but_not_many(questions, listed):
    model = ScriptedGenerator("x")
    Rewriter(model, questions).in_the_documents_terms("q")
    assert model.prompts[0].messages[0].content.count("\n- ") == listed


@pytest.mark.parametrize("written", ["", "  ", "?!", "what IS latent space"])
def test_what_is_no_other_question_is_none(written):
    assert Rewriter(ScriptedGenerator(written), QUESTIONS).in_the_documents_terms("What is latent space?") is None


def test_without_a_model_or_a_document_there_are_no_other_terms():
    model = ScriptedGenerator("never asked")
    assert Rewriter(None, QUESTIONS).in_the_documents_terms("q") is None
    assert Rewriter(model).in_the_documents_terms("q") is None
    assert model.prompts == []


def test_a_model_that_breaks_down_has_no_other_terms():
    def broken(prompt):
        raise EngineError("The server is gone")

    assert Rewriter(ScriptedGenerator(broken), QUESTIONS).in_the_documents_terms("q") is None


def test_what_can_be_prepared_begins_like_what_is_asked():
    model = ScriptedGenerator("What about mode collapse?")
    rewriter = Rewriter(model, QUESTIONS)
    rewriter.stand_alone("and that?", HISTORY)
    rewriter.in_the_documents_terms("q")
    ahead = rewriter.prompts_ahead(in_the_documents_terms=True)
    assert [prompt.messages[0] for prompt in ahead] == [p.messages[0] for p in model.prompts]
    assert rewriter.prompts_ahead(in_the_documents_terms=False) == ahead[:1]
    assert len(Rewriter(model).prompts_ahead(in_the_documents_terms=True)) == 1
