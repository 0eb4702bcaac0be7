"""The catalogue of texts: the same in every language; and which language a browser gets."""

import re
import string

import pytest

from rag_faq.interfaces.page.texts import load_catalogue, preferred

CATALOGUE = load_catalogue()


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_the_first_languages_are_english_and_spanish() -> None:
    assert list(CATALOGUE)[:2] == ["en", "es"]


@pytest.mark.parametrize("language", list(CATALOGUE))
def test_every_language_has_the_same_texts_with_the_same_names_in_them(language: str) -> None:
    texts, english = CATALOGUE[language].entries, CATALOGUE["en"].entries
    assert texts.keys() == english.keys()
    assert {n: placeholders(t) for n, t in texts.items()} == {n: placeholders(t) for n, t in english.items()}
    assert [name for name, text in texts.items() if not text.strip()] == []


def test_counted_texts_have_both_forms() -> None:
    names = CATALOGUE["en"].entries
    assert {n[:-4] for n in names if n.endswith("_one")} == {n[:-5] for n in names if n.endswith("_many")}


def test_spanish_is_not_english_left_over() -> None:
    english, spanish = CATALOGUE["en"].entries, CATALOGUE["es"].entries
    same = {name for name in english if english[name] == spanish[name] and re.search("[a-z]{3}", english[name])}
    assert same <= {"entry", "export_markdown", "key_escape"}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en-GB,en;q=0.9,es;q=0.8", "en"),
        ("de,fr;q=0.9", "en"),
        ("de,es;q=0.5,en;q=0.4", "es"),
        ("en;q=0.1, ES;q=0.2", "es"),
        ("es;q=0", "en"),
        ("es;q=x", "en"),
        (";;;=,es;;q", "en"),
        ("*", "en"),
    ],
)
def test_a_browser_gets_the_language_it_likes_best(header: str, language: str) -> None:
    assert preferred(header, CATALOGUE) == language
