"""What is told an owner, worked out by hand over the small FAQ of pets."""

import time

import numpy as np
import pytest
from feedback_builders import CAGE, CATS, DOGS, answered, entry, refused
from small_faq import VOCABULARY, pet_retriever

from rag_faq.feedback.clusters import Question, clusters, counted, same
from rag_faq.feedback.gaps import EntryUse, Totals, find_gaps, near_duplicates
from rag_faq.feedback.store import FeedbackStore
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import build_index, open_index
from rag_faq.testing import FakeEmbedder


@pytest.fixture(scope="module")
def pets(tmp_path_factory) -> Retriever:
    return pet_retriever(tmp_path_factory.mktemp("pets"))


@pytest.fixture
def store(tmp_path):
    opened = FeedbackStore.open(tmp_path / "feedback.sqlite3")
    yield opened
    opened.close()


def asked(text: str, times: int = 1, last: float = 0.0) -> Question:
    return Question(text, times, last)


# -- questions


@pytest.mark.parametrize(
    "other", ["What do CATS eat?", " what do  cats eat", "What do cats eat?!…", "What do cats eat ?"]
)
def test_the_same_question_but_for_case_spaces_and_the_last_mark(other):
    assert same(other) == same("What do cats eat?") == "what do cats eat"


def test_the_most_often_asked_comes_first_as_it_was_last_asked(store):
    for question in ("Is it so?", "Why?", "why", "WHY ?"):
        store.log_answer(answered(question, CATS))
    assert [(q.text, q.times) for q in counted(store.asked())] == [("WHY ?", 3), ("Is it so?", 1)]


def test_a_follow_up_counts_as_what_it_was_understood_as(store):
    store.log_answer(refused("And dogs?", searched="What do dogs drink?"))
    assert [q.text for q in counted(store.asked())] == ["What do dogs drink?"]


# -- groups


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_no_question_and_one_question():
    assert clusters((), np.zeros((0, 3), dtype=np.float32)) == ()
    (one,) = clusters((asked("What is rain?", 2, 7.0),), unit((1, 0)))
    assert (one.name, one.words, one.times, one.last) == ("What is rain?", (), 2, 7.0)


def test_questions_on_one_subject_are_put_together_and_named_by_the_nearest_to_all():
    questions = (
        asked("Red shoes?", 1),
        asked("Where are the red shoes sold?", 2),
        asked("shoes", 1),
        asked("Rain?", 9),
    )
    # The cosines with the second: 0.8 and 0.8. Between the first and the third: 0.28.
    found = clusters(questions, unit((0.8, 0.6, 0), (1, 0, 0), (0.8, -0.6, 0), (0, 0, 1)), threshold=0.5)
    assert [(c.name, c.times, len(c.questions)) for c in found] == [
        ("Rain?", 9, 1),
        ("Where are the red shoes sold?", 4, 3),
    ]
    # "shoes" is in all three, "red" in two of three; "sold" only in one.
    assert found[1].words == ("shoes", "red")


def test_average_linkage_parts_what_is_only_chained():
    # Each is near its neighbour (0.87), but the first two and the last are 0.69 near on average.
    vectors = unit((1, 0), (np.cos(np.pi / 6), 0.5), (0.5, np.sin(np.pi / 3)))
    questions = (asked("a"), asked("b"), asked("c"))
    assert [len(c.questions) for c in clusters(questions, vectors, threshold=0.68)] == [3]
    assert sorted(len(c.questions) for c in clusters(questions, vectors, threshold=0.70)) == [1, 2]


# -- everything together


def test_an_empty_file_gives_empty_lists(store, pets):
    gaps = find_gaps(store, pets)
    assert gaps.totals == Totals(0, 0, 0, 0, 0, 0)
    assert (gaps.recent, gaps.asked, gaps.refused, gaps.gaps, gaps.complaints) == ((), (), (), (), ())
    assert [use.entry.number for use in gaps.never_used] == [1, 2, 3]


def test_the_subjects_that_the_faq_does_not_answer(store, pets):
    for question in ("Do dogs drink water?", "dogs, water", "do dogs drink water", "Who are you?"):
        store.log_answer(refused(question))
    store.log_answer(answered("Do cats eat?", CATS))
    gaps = find_gaps(store, pets)
    assert gaps.totals == Totals(asked=5, grounded=1, verbatim=0, refused=4, up=0, down=0)
    assert [(q.text, q.times) for q in gaps.refused] == [
        ("do dogs drink water", 2), ("Who are you?", 1), ("dogs, water", 1),
    ]  # fmt: skip
    first, second = gaps.gaps
    assert (first.cluster.name, first.cluster.words, first.cluster.times) == (
        "do dogs drink water",
        ("dogs", "water"),
        3,
    )
    assert (second.cluster.name, second.cluster.times) == ("Who are you?", 1)
    assert first.nearest is not None
    assert 0 < first.cosine < 1


def test_a_subject_that_the_faq_has_an_entry_for_by_now_is_no_gap(store, pets):
    store.log_answer(refused("how long do dogs sleep"))
    gaps = find_gaps(store, pets)
    assert gaps.gaps == ()
    assert [q.text for q in gaps.refused] == ["how long do dogs sleep"]


def test_entries_are_counted_where_they_were_shown_cited_and_judged(store, pets):
    store.add_feedback(store.log_answer(answered("a", CATS, shown=(DOGS,))), "down", "wrong")
    store.add_feedback(store.log_answer(answered("b", CATS)), "up")
    store.log_answer(answered("c", CATS, DOGS))
    gaps = find_gaps(store, pets)
    assert [(u.entry.number, u.shown, u.cited, u.up, u.down) for u in gaps.entries] == [
        (1, 3, 3, 1, 1),
        (2, 2, 1, 0, 0),
        (3, 0, 0, 0, 0),
    ]
    assert [use.entry.number for use in gaps.never_used] == [3]
    assert [(use.entry.number, use.share_down) for use in gaps.badly_used] == [(1, 0.5)]
    assert [(one.question, one.reason) for one in gaps.complaints] == [("a", "wrong")]


def test_an_entry_that_has_another_number_by_now_keeps_its_counts(store, pets):
    store.log_answer(answered("a", entry(1, "How long do dogs sleep?"), entry(9, "An entry that is gone?")))
    assert [use.cited for use in find_gaps(store, pets).entries] == [0, 1, 0]


def test_only_the_last_days(store, pets, monkeypatch):
    with monkeypatch.context() as past:
        now = time.time()
        past.setattr(time, "time", lambda: now - 3 * 86_400)
        store.log_answer(answered("old", CATS))
    store.log_answer(answered("new", CATS))
    assert [q.text for q in find_gaps(store, pets, days=2).asked] == ["new"]
    assert find_gaps(store, pets).totals.asked == find_gaps(store, pets, days=4).totals.asked == 2


def test_one_angry_person_does_not_make_the_worst_entry():
    once = EntryUse(CATS, 1, 1, 0, 1)
    often = EntryUse(DOGS, 10, 10, 2, 8)
    assert once.surely_down == pytest.approx(0.2065, abs=1e-3)
    assert often.surely_down == pytest.approx(0.4902, abs=1e-3)
    assert (EntryUse(CAGE, 5, 5, 0, 0).share_down, EntryUse(CAGE, 5, 5, 0, 0).surely_down) == (None, 0.0)


def test_entries_that_say_nearly_the_same(tmp_path):
    from rag_faq.corpus.chunking import chunk_entries

    same_twice = (entry(1, "cats?", "eat fish"), entry(2, "fish?", "eat cats"), entry(3, "dogs?", "sleep"))
    embedder = FakeEmbedder(VOCABULARY)
    chunks = chunk_entries(same_twice, embedder.count_tokens, embedder.max_tokens)
    build_index(tmp_path / "i", same_twice, chunks, embedder, corpus_files={}, repairs={})
    (pair,) = near_duplicates(open_index(tmp_path / "i", embedder))
    assert (pair.first.number, pair.second.number, round(pair.cosine, 4)) == (1, 2, 1.0)


def test_entries_that_differ_are_no_duplicates(pets):
    assert near_duplicates(pets.index) == ()


@pytest.mark.weights
def test_questions_in_other_words_fall_into_their_subjects():
    from rag_faq.assembly import load_embedder
    from rag_faq.settings import Settings

    subjects = (
        ("How much does ChatGPT cost?", "What is the price of ChatGPT Plus?", "chatgpt subscription price"),
        ("How do I reset my password?", "I forgot my password", "password reset"),
        (
            "How do I train a model on my own GPU?",
            "Can I train an LLM on a gaming GPU?",
            "What GPU is best for training?",
        ),
        ("Who won the world cup in 2022?", "which country won the football world cup"),
    )
    questions = [asked(text) for subject in subjects for text in subject]
    found = clusters(questions, load_embedder(Settings.load()).encode([one.text for one in questions]))
    assert {frozenset(one.text for one in c.questions) for c in found} == {frozenset(s) for s in subjects}
