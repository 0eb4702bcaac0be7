"""Two searches joined into one: scores, places, and what only one of them found."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from retrieval_pets import CHUNKS, ENTRIES

from rag_faq.records import Hit
from rag_faq.retrieval.second import SecondLook, weighed

CAT, DOG, STONE = ENTRIES


class Listed:
    """A retriever that finds these entries with these scores, whatever is asked."""

    def __init__(self, *found):
        self.found = found
        self.index = SimpleNamespace(entries=ENTRIES)
        self.asked = []

    def search(self, question, k=10):
        self.asked.append((question, k))
        chunks = {chunk.entry_id: chunk for chunk in CHUNKS}
        hits = [Hit(entry, score, chunks[entry.id], rank) for rank, (entry, score) in enumerate(self.found, start=1)]
        return tuple(hits[:k])


def found(look, k=10):
    return [(hit.entry.number, round(hit.score, 6), hit.rank) for hit in look.search("q", k)]


def test_the_scores_are_weighed_and_the_places_follow():
    first, second = Listed((CAT, 0.8), (DOG, 0.6), (STONE, 0.1)), Listed((DOG, 0.9), (CAT, 0.4), (STONE, 0.2))
    # 0.4 · 0.6 + 0.6 · 0.9 = 0.78; 0.4 · 0.8 + 0.6 · 0.4 = 0.56; 0.4 · 0.1 + 0.6 · 0.2 = 0.16
    assert found(SecondLook(first, second, 0.6)) == [(2, 0.78, 1), (1, 0.56, 2), (3, 0.16, 3)]
    assert found(SecondLook(first, second, 0.6), 1) == [(2, 0.78, 1)]


@pytest.mark.parametrize(("share", "order"), [(0.0, [1, 2, 3]), (1.0, [2, 1, 3])])
def test_at_either_end_one_of_them_decides(share, order):
    first, second = Listed((CAT, 0.8), (DOG, 0.6), (STONE, 0.1)), Listed((DOG, 0.9), (CAT, 0.4), (STONE, 0.2))
    assert [number for number, _, _ in found(SecondLook(first, second, share))] == order


def test_what_only_one_found_counts_as_the_last_of_the_other():
    first, second = Listed((CAT, 0.8), (DOG, 0.2)), Listed((STONE, 1.0), (CAT, 0.6))
    # cat 0.5 · 0.8 + 0.5 · 0.6, stone 0.5 · 0.2 + 0.5 · 1.0, dog 0.5 · 0.2 + 0.5 · 0.6
    assert found(SecondLook(first, second, 0.5)) == [(1, 0.7, 1), (3, 0.6, 2), (2, 0.4, 3)]


def test_of_equals_the_first_in_the_document_comes_first():
    assert [n for n, _, _ in found(SecondLook(Listed((DOG, 0.5), (CAT, 0.5)), Listed((DOG, 0.5), (CAT, 0.5))))] == [
        1,
        2,
    ]


@pytest.mark.parametrize(("first", "second"), [(Listed(), Listed((CAT, 1.0))), (Listed((CAT, 1.0)), Listed())])
def test_where_one_finds_nothing_the_first_stands(first, second):
    assert found(SecondLook(first, second)) == [(entry.number, score, 1) for entry, score in first.found]


def test_the_second_one_searches_in_the_threads_that_are_given():
    names = []
    second = Listed((CAT, 0.4))
    second.search = lambda question, k: names.append(threading.current_thread().name) or ()
    with ThreadPoolExecutor(1, "slowly") as threads:
        SecondLook(Listed((CAT, 0.8)), second, threads=threads).search("q")
    assert names == ["slowly_0"]


def test_both_look_further_than_was_asked_for():
    first, second = Listed((CAT, 0.8)), Listed((CAT, 0.4))
    SecondLook(first, second).search("cats?", 3)
    assert first.asked == second.asked == [("cats?", 50)]


def test_weighed_hits_are_those_of_the_first_search_in_a_new_order():
    first, second = Listed((CAT, 0.8), (DOG, 0.6)).search("q"), Listed((DOG, 0.8), (STONE, 0.4)).search("q")
    # dog 0.25 · 0.6 + 0.75 · 0.8, stone 0.25 · 0.6 + 0.75 · 0.4, cat 0.25 · 0.8 + 0.75 · 0.4
    assert [(hit.entry.number, round(hit.score, 6), hit.rank) for hit in weighed(first, second, 0.75)] == [
        (2, 0.75, 1),
        (1, 0.5, 2),
        (3, 0.45, 3),
    ]
    assert weighed((), second, 0.5) == ()
    assert weighed(first, (), 0.5) == first
