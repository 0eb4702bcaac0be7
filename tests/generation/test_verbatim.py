"""When is a question an entry's own? Exact words decide, or the same meaning in the entry that leads the search."""

import pytest

from rag_faq.generation.verbatim import own_question, verbatim_text
from rag_faq.records import Chunk, FaqEntry, Hit, Source


def hit(number, question, cosine, *, kind="question"):
    entry = FaqEntry(f"f#{number}", number, question, "Some text.", "f.md", (1, 2))
    chunk = Chunk(f"f#{number}/{kind}/0", entry.id, question, kind)
    return Hit(entry, 1.0 - number / 100, chunk, number, cosine=cosine)


TRAIN = hit(1, "What are the challenges in training models?", 0.86)
EFFICIENT = hit(2, "What makes models more efficient?", 0.82)


def test_the_same_content_words_decide_wherever_the_search_puts_the_entry():
    question = "the challenges in training models: what are they?"
    assert own_question(question, [EFFICIENT, TRAIN]) is TRAIN
    assert own_question(question, [EFFICIENT, TRAIN], nearly=False) is TRAIN


def test_the_leading_entry_of_next_to_the_same_meaning_is_it():
    assert own_question("What is hard about training models?", [TRAIN, EFFICIENT]) is TRAIN
    assert own_question("What is hard about training models?", [TRAIN, EFFICIENT], nearly=False) is None


@pytest.mark.parametrize(("other", "own"), [(0.82, True), (0.84, False)])
def test_a_question_between_two_of_the_faqs_is_neither(other, own):
    found = own_question("What is hard about training models?", [TRAIN, hit(2, "What is hard on models?", other)])
    assert found is (TRAIN if own else None)


def test_an_entry_that_the_search_does_not_put_first_is_not():
    assert own_question("What makes it difficult to train models?", [hit(3, "Limits?", 0.7), EFFICIENT, TRAIN]) is None


def test_what_another_text_of_the_entry_comes_near_to_is_no_question_of_its_own():
    assert own_question("What is hard about training?", [hit(1, "Any limits?", 0.9, kind="written")]) is None


def test_a_denial_or_another_number_is_another_question():
    assert own_question("What are not the challenges in training models?", [TRAIN]) is None
    assert own_question("What are the 3 challenges in training models?", [TRAIN]) is None


def test_nothing_found_is_nobodys_question():
    assert own_question("What?", []) is None


@pytest.mark.parametrize(
    ("text", "own", "lead"),
    [
        ("Yes, it can. Like this.", False, 'To "Can it fly?" the FAQ answers:\n\n'),
        ("No, it walks.", False, 'To "Can it fly?" the FAQ answers:\n\n'),
        ("Yes, it can. Like this.", True, ""),
        ("Nobody knows. Yes, nobody.", False, ""),
        ("I saw it fly.", False, "The FAQ's author writes:\n\n"),
        ("Yes, I saw it fly.", True, "The FAQ's author writes:\n\n"),
    ],
)
def test_a_text_that_says_yes_to_its_own_question_is_introduced_by_that(text, own, lead):
    entry = FaqEntry("f#1", 1, "Can it fly?", text, "f.md", (1, 2))
    written, citation = verbatim_text(Source(2, entry, text, 1.0), own=own)
    assert written == f"{lead}{text} [2]"
    assert (written[citation.start : citation.end], citation.quote) == (text, text)
