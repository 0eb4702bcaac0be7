"""Chunks: what is searched, and the window round one of them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_faq.corpus.chunking import chunk_entries, window
from rag_faq.corpus.reader import Corpus
from rag_faq.records import FaqEntry


def words(text: str) -> int:
    """One token a word, and two special ones."""
    return len(text.split()) + 2


def entry(answer: str, question: str = "Why?") -> FaqEntry:
    return FaqEntry("faq#1", 1, question, answer, "faq.md", (1, 9))


def chunks(answer: str, most: int = 100, question: str = "Why?") -> list[tuple[str, str]]:
    return [(chunk.id, chunk.text) for chunk in chunk_entries([entry(answer, question)], words, most)]


def test_the_question_the_entry_its_paragraphs_and_its_items() -> None:
    assert chunks("First.\n\nThe list of it all follows:\n\n- one\n- two\n  - nested") == [
        ("faq#1/question/0", "Why?"),
        ("faq#1/entry/0", "Why?\nFirst.\n\nThe list of it all follows:\n\n- one\n- two\n  - nested"),
        ("faq#1/paragraph/0", "Why?\nFirst."),
        ("faq#1/paragraph/1", "Why?\nThe list of it all follows:"),
        ("faq#1/bullet/0", "Why?\none"),
        ("faq#1/bullet/1", "Why?\ntwo\n  - nested"),
    ]


def test_an_answer_of_one_paragraph_is_not_repeated() -> None:
    assert [chunk_id for chunk_id, _ in chunks("Because.")] == ["faq#1/question/0", "faq#1/entry/0"]


def test_items_that_say_the_same_are_one_chunk() -> None:
    assert [chunk_id for chunk_id, _ in chunks("- one\n- one\n- two")] == [
        "faq#1/question/0",
        "faq#1/entry/0",
        "faq#1/bullet/0",
        "faq#1/bullet/1",
    ]


def test_a_label_over_a_list_goes_with_each_of_its_items() -> None:
    texts = [text for chunk_id, text in chunks("Linux:\n\n- apt\n- snap\n\nMac:\n\n- brew") if "entry" not in chunk_id]
    assert texts == ["Why?", "Why?\nLinux: apt", "Why?\nLinux: snap", "Why?\nMac: brew"]


def test_a_long_entry_is_cut_at_its_joints_each_piece_under_the_question() -> None:
    answer = "One two three four. Five six seven.\n\nEight nine ten, eleven twelve thirteen fourteen fifteen."
    assert chunks(answer, most=10) == [
        ("faq#1/question/0", "Why?"),
        ("faq#1/entry/0", "Why?\nOne two three four. Five six seven."),
        ("faq#1/entry/1", "Why?\nEight nine ten,"),
        ("faq#1/entry/2", "Why?\neleven twelve thirteen fourteen fifteen."),
    ]


def test_a_question_that_is_too_long_is_cut_and_gives_half_of_each_chunk() -> None:
    question = "one two three four five six seven eight nine ten eleven twelve?"
    found = chunks("a b c d e f g h", most=10, question=question)
    assert [text for chunk_id, text in found if "question" in chunk_id] == [
        "one two three four five six seven eight",
        "nine ten eleven twelve?",
    ]
    assert [text for chunk_id, text in found if "entry" in chunk_id] == [
        "one two three four\na b c d",
        "one two three four\ne f g h",
    ]


def test_a_word_is_never_torn() -> None:
    characters = chunk_entries([entry("a " + "b" * 50 + " c")], len, 20)
    assert ("entry", "Why?\n" + "b" * 50) in [(chunk.kind, chunk.text) for chunk in characters]


def test_ids_depend_on_the_entry_alone(real_corpus: Corpus) -> None:
    together = chunk_entries(real_corpus.entries, words, 256)
    alone = [chunk for each in real_corpus.entries for chunk in chunk_entries([each], words, 256)]
    assert list(together) == alone
    assert len({chunk.id for chunk in together}) == len(together)
    assert chunk_entries([], words, 256) == ()


def test_kinds_of_the_real_document(real_corpus: Corpus) -> None:
    kinds = Counter(chunk.kind for chunk in chunk_entries(real_corpus.entries, words, 256))
    assert kinds["question"] == 35
    assert kinds["entry"] == 35 + sum(words(f"{e.question}\n{e.answer}") > 256 for e in real_corpus.entries)
    assert kinds["bullet"] == 88


TEXT = st.lists(
    st.sampled_from(["word", "other,", "end.", "Why?", "a;", "b:", "\n\n", "\n- ", "\n\n- ", "\n1. ", "longerword"]),
    min_size=1,
    max_size=60,
).map(" ".join)


def uneven(text: str) -> int:
    """Tokens that are not the sum of their parts: one for each four characters, begun ones too."""
    return 2 + -(-len(text) // 4)


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT.filter(str.split), st.integers(8, 40), st.sampled_from([words, uneven]))
def test_no_chunk_is_too_long_and_no_word_is_lost(answer: str, question: str, most: int, count: object) -> None:
    assert callable(count)
    answer = answer.strip() or "word"
    question = " ".join(question.split())
    found = chunk_entries([entry(answer, question)], count, most)
    for chunk in found:
        lines = chunk.text.split("\n", 1)
        assert count(chunk.text) <= most or len(lines[-1].split()) == 1, chunk
    assert set(answer.split()) <= {word for chunk in found if chunk.kind == "entry" for word in chunk.text.split()}
    assert len({chunk.text for chunk in found}) == len(found)
    assert len({chunk.id for chunk in found}) == len(found)


# --- window ---

LONG = "Intro of five words here.\n\n- one one one\n- two two two\n- three three three\n\nThe end of it."


def test_an_answer_that_fits_is_its_own_window() -> None:
    assert window(entry(LONG), "Why?\ntwo two two", words, 100) == LONG


def test_the_window_grows_by_whole_blocks_the_one_before_first() -> None:
    def at(most: int) -> str:
        return window(entry(LONG), "Why?\ntwo two two", words, most)

    assert at(6) == "- two two two"
    assert at(10) == "- one one one\n- two two two"
    assert at(14) == "- one one one\n- two two two\n- three three three"
    assert at(19) == "Intro of five words here.\n\n- one one one\n- two two two\n- three three three"


def test_a_window_round_a_question_chunk_is_the_beginning() -> None:
    assert window(entry(LONG), "Why?", words, 8) == "Intro of five words here."


def test_a_block_that_is_too_long_gives_the_sentences_round_the_chunk() -> None:
    answer = "A a a. B b b. C c c. D d d.\n\nOther."
    assert window(entry(answer), "Why?\nC c c.", words, 8) == "B b b. C c c."


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    assert window(entry("a b c d e f g"), "Why?\na b c d", words, 5) == "a b c"


@settings(max_examples=200, deadline=None)
@given(TEXT, st.integers(4, 40), st.integers(0, 30))
def test_a_window_is_a_piece_of_the_answer_that_fits(answer: str, most: int, which: int) -> None:
    from rag_faq.corpus.blocks import answer_blocks, render

    answer = render(answer_blocks(answer)) or "word"
    found = chunk_entries([entry(answer)], words, max(most, 8))
    shown = window(entry(answer), found[which % len(found)].text, words, most)
    assert shown
    assert shown in answer
    assert words(shown) <= most or len(shown.split()) == 1


@pytest.mark.parametrize("most", [40, 80, 160])
def test_the_window_holds_the_chunk_in_the_real_document(real_corpus: Corpus, most: int) -> None:
    for each in real_corpus.entries:
        for chunk in chunk_entries([each], words, most):
            if chunk.kind in ("paragraph", "bullet"):
                body = chunk.text.removeprefix(f"{each.question}\n")
                shown = window(each, chunk.text, words, most)
                assert body.split("\n")[0].removeprefix("Here's") in shown or words(body) > most
