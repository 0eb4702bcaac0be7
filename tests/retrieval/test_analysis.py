"""Text to terms."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_faq.retrieval.analysis import Analyser, analyse


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("?!… — 🙂", ()),
        ("What is the", ()),
        ("Please tell us", ()),
        ("Cats chasing cats", ("cat", "chase", "cat")),
        ("The model's limits", ("model", "limit")),
        ("The model’s limits", ("model", "limit")),
        ("don't, isn’t", ()),
        ("fine-tuning", ("fine", "tune", "finetun")),
        ("fine\u2011tuning", ("fine", "tune", "finetun")),
        ("GPT-4 and DALL-E", ("gpt", "4", "gpt4", "dall", "e", "dall")),
        ("the state-of-the-art", ("state", "art", "stateoftheart")),
        ("Fréchet FRECHET", ("frechet", "frechet")),
        ("ＧＡＮ", ("gan",)),
        ("snake_case", ("snake", "case")),
        ("StyleGAN2", ("stylegan2",)),
    ],
)
def test_terms(text, terms):
    assert analyse(text) == terms


def test_other_scripts_are_kept():
    assert analyse("что такое ИИ") == ("что", "такое", "ии")
    assert analyse("人工知能") == ("人工知能",)


@given(st.text(max_size=200))
def test_any_text_gives_terms_without_spaces(text):
    assert all(term and not term.isspace() for term in analyse(text))


@given(st.text(max_size=100))
def test_case_does_not_matter_to_ascii(text):
    if text.isascii():
        assert analyse(text.upper()) == analyse(text.lower())


def test_one_analyser_serves_many_threads():
    analyser = Analyser()
    text = "generative modelling of synthesised distributions " * 20
    expected = analyser.terms(text)
    found = []

    def work():
        found.extend(analyser.terms(text) == expected for _ in range(30))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 120
