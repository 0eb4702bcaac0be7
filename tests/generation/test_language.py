"""Foreign languages are told by their function words."""

import pytest

from rag_faq.generation.language import foreign_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿Qué es la IA generativa y para qué se usa?", "Spanish"),
        ("Quel matériel faut-il pour entraîner de grands modèles ?", "French"),
        ("Was ist eine generative KI und wie funktioniert sie?", "German"),
        ("что такое генеративный ИИ", "another script"),
        ("生成AIとは何ですか", "another script"),
    ],
)
def test_foreign(text, language):
    assert foreign_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "What is Generative AI?",
        "how could criminals abuse generative AI, e.g. in e-mail?",
        "GAN",
        "",
        "mode collapse ???",
    ],
)
def test_english_and_what_cannot_be_told(text):
    assert foreign_language(text) is None
