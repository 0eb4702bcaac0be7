"""What is prepared before anybody asks."""

import pytest
from small_faq import pet_retriever

from rag_faq.generation.prompt import standalone_prompt
from rag_faq.grounding.verify import Verifier
from rag_faq.preparing import Preparation
from rag_faq.testing import ScriptedGenerator


@pytest.fixture
def model():
    return ScriptedGenerator("")


@pytest.fixture
def preparation(tmp_path, model):
    retriever = pet_retriever(tmp_path)
    return Preparation(retriever.index, retriever, Verifier(retriever.embedder), model, lambda hit: hit.entry.answer)


def prepared(model):
    return [tuple(source.entry.number for source in prompt.sources) for prompt in model.warmed]


def test_every_entry_comes_first_then_each_with_its_two_neighbours(preparation, model):
    preparation.start()
    preparation.wait()
    assert prepared(model)[:3] == [(1,), (2,), (3,)]
    assert sorted(prepared(model)[3:]) == [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)]


def test_the_beginnings_of_other_prompts_come_after_the_entries(tmp_path, model):
    retriever, other = pet_retriever(tmp_path), standalone_prompt("", ())
    verifier = Verifier(retriever.embedder)
    preparation = Preparation(retriever.index, retriever, verifier, model, lambda hit: hit.entry.answer, [other])
    preparation.start()
    preparation.wait()
    assert model.warmed[3] == other


def test_when_it_is_stopped_nothing_more_than_the_entries_is_handed_over(preparation, model):
    preparation.stop()
    preparation.start()
    preparation.wait()
    assert prepared(model) == [(1,), (2,), (3,)]


def test_the_checks_are_prepared_without_a_model_too(tmp_path):
    retriever = pet_retriever(tmp_path)
    verifier = Verifier(retriever.embedder)
    seen = []
    verifier.prepare = lambda text, question: seen.append(question)
    preparation = Preparation(retriever.index, retriever, verifier, None, lambda hit: hit.entry.answer)
    preparation.start()
    preparation.wait()
    assert seen == [entry.question for entry in retriever.index.entries]


def test_stopping_before_it_started_is_harmless(preparation, model):
    preparation.stop()
    assert prepared(model) == []
