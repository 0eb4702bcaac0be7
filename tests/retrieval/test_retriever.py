"""The search, on scores worked out by hand."""

import math
import threading
from dataclasses import replace

import pytest
from retrieval_pets import CHUNKS, ENTRIES, chunks_of, embedder, entry

from rag_faq.records import Chunk
from rag_faq.retrieval import retriever as module
from rag_faq.retrieval.retriever import Fusion, Retriever
from rag_faq.retrieval.store import build_index, open_index
from rag_faq.retrieval.vectors import FaissVectorIndex

MEANING = Fusion(entry=0.5, part=0.5, words=0, part_words=0)
WORDS = Fusion(entry=0, part=0, words=1, part_words=0)


def retriever(folder, entries=ENTRIES, chunks=CHUNKS, fusion=None) -> Retriever:
    fake = embedder()
    build_index(folder, entries, chunks, fake, corpus_files={}, repairs={})
    return Retriever(open_index(folder, fake), fake, fusion)


def numbers(hits):
    return [hit.entry.number for hit in hits]


def test_meaning_alone(tmp_path):
    hits = retriever(tmp_path / "i", fusion=MEANING).search("Is there a cat?")
    # Entry 1: its question is all cat, the whole is cat 2, fish 1, bird 1. Entry 2: the question is all dog, the
    # paragraph and the whole are cat 1, dog 1. Entry 3 has neither.
    assert numbers(hits) == [1, 2, 3]
    assert [hit.score for hit in hits] == pytest.approx([(1 + 2 / math.sqrt(6)) / 2, 1 / math.sqrt(2), 0.0])
    assert [hit.cosine for hit in hits] == pytest.approx([1.0, 1 / math.sqrt(2), 0.0])


def test_words_alone(tmp_path):
    found = retriever(tmp_path / "i", fusion=WORDS)
    index = found.index.lexical_entries
    scores = index.scores(index.concepts("nobody"))
    hits = found.search("nobody")
    assert numbers(hits) == [3, 1, 2]
    assert hits[0].score == pytest.approx(scores[2] / (scores[2] + WORDS.half * math.log(1 + 3.5 / 0.5)))
    assert (hits[1].score, hits[1].lexical, hits[1].coverage) == (0, 0, 0)


def test_the_hit_carries_its_best_part(tmp_path):
    found = retriever(tmp_path / "i")
    assert found.search("What does a cat eat?")[0].chunk.text == "What does a cat eat?"
    assert found.search("a bird")[0].chunk.text == "What does a cat eat?\nA cat may also eat a bird."


def test_a_hit_has_the_passage_that_matched_best_behind_a_question_too(tmp_path):
    bird = Chunk("pets#1/wording/0", "pets#1", "bird", "wording")
    hit = retriever(tmp_path / "i", chunks=(*CHUNKS, bird)).search("bird")[0]
    assert (hit.chunk, hit.passage and hit.passage.text) == (bird, "What does a cat eat?\nA cat may also eat a bird.")
    asked = retriever(tmp_path / "j").search("What does a cat eat?")[0]
    assert asked.matched == "What does a cat eat?"
    assert asked.passage is not None
    assert asked.passage.kind == "paragraph"


def test_ranks_count_from_one_and_scores_fall(tmp_path):
    hits = retriever(tmp_path / "i").search("cat or dog")
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_k_bounds_the_hits(tmp_path):
    found = retriever(tmp_path / "i")
    assert len(found.search("cat", k=1)) == 1
    assert len(found.search("cat", k=50)) == 3


def test_the_entrys_own_question_scores_about_one(tmp_path):
    for hit, one in zip(map(retriever(tmp_path / "i").search, (e.question for e in ENTRIES)), ENTRIES, strict=True):
        assert hit[0].entry == one
        assert 0.6 < hit[0].score < 1.2


def test_a_question_about_something_else_scores_low(tmp_path):
    hit = retriever(tmp_path / "i").search("What is a bird made of, in Mongolia?")[0]
    assert hit.coverage < 0.5
    assert retriever(tmp_path / "i").search("bird")[0].coverage == 1.0


@pytest.mark.parametrize("question", ["", "?!", "the of", "🙂", "x" * 100_000, "stone " * 2000, "a-" * 5000])
def test_odd_questions_are_searched_too(tmp_path, question):
    hits = retriever(tmp_path / "i").search(question)
    assert sorted(numbers(hits)) == [1, 2, 3]
    assert all(math.isfinite(hit.score) for hit in hits)
    assert all(-0.01 <= hit.score < 1.5 for hit in hits)


def test_ties_keep_the_documents_order(tmp_path):
    entries = tuple(entry(n, f"Question {n}?", "A stone.") for n in (3, 1, 2))
    chunks = tuple(chunk for one in entries for chunk in chunks_of(one))
    found = retriever(tmp_path / "i", entries, chunks, MEANING)
    assert numbers(found.search("stone")) == [3, 1, 2]
    assert found.search("stone") == found.search("stone")


def test_the_order_of_the_chunks_does_not_matter(tmp_path):
    one, other = retriever(tmp_path / "one"), retriever(tmp_path / "other", chunks=CHUNKS[::-1])
    for question in ("cat", "a dog and a stone", "fish"):
        mine, theirs = one.search(question), other.search(question)
        assert [(h.entry, h.rank) for h in mine] == [(h.entry, h.rank) for h in theirs]
        assert [h.score for h in mine] == pytest.approx([h.score for h in theirs])


@pytest.mark.parametrize("kind", ["written", "wording"])
def test_another_question_leads_to_its_entry(tmp_path, kind):
    other = Chunk(f"pets#3/{kind}/0", "pets#3", "Which bird swallows pebbles?", kind)
    found = retriever(tmp_path / "i", chunks=(*CHUNKS, other))
    hit = found.search("pebbles swallowed by a bird")[0]
    assert (hit.entry.number, hit.chunk) == (3, other)
    assert hit.coverage == 1.0  # its words count as the entry's own
    assert hit.passage == CHUNKS[-1]  # what can be shown of the document is not this question
    assert hit.matched == "Who eats a stone?\nNobody."


def test_an_entry_without_a_whole_or_without_parts_is_judged_by_what_it_has(tmp_path):
    entries = (entry(1, "Q?", "A"), entry(2, "R?", "B"))
    chunks = (Chunk("a", "pets#1", "cat", "entry"), Chunk("b", "pets#2", "cat", "paragraph"))
    hits = retriever(tmp_path / "i", entries, chunks, MEANING).search("cat")
    assert [hit.score for hit in hits] == pytest.approx([1.0, 1.0])
    assert [hit.chunk.id for hit in hits] == ["a", "b"]


def test_an_entry_without_any_chunk_is_not_found(tmp_path):
    found = retriever(tmp_path / "i", chunks=[c for c in CHUNKS if c.entry_id != "pets#2"])
    assert numbers(found.search("dog")) == [1, 3]


def test_with_many_entries_only_the_likely_ones_are_scored(tmp_path, monkeypatch):
    animals = ("cat", "dog", "fish", "bird")
    entries = tuple(entry(n, f"Item {n}?", f"A {animals[n % 4]} called name{n}.") for n in range(60))
    chunks = tuple(chunk for one in entries for chunk in chunks_of(one))
    found = retriever(tmp_path / "i", entries, chunks)
    questions = ("name17", "a fish", "the dog called name9")
    everything = [found.search(question, 3) for question in questions]
    monkeypatch.setattr(FaissVectorIndex, "exact", property(lambda self: False))
    monkeypatch.setattr(module, "POOL_CHUNKS", 60)
    monkeypatch.setattr(module, "POOL_ENTRIES", 20)
    pooled = [found.search(question, 3) for question in questions]
    assert [hits[0] for hits in pooled] == [hits[0] for hits in everything]
    assert pooled[0][0].entry.number == 17
    assert pooled[2][0].entry.number == 9


def test_weights_can_be_changed_one_by_one(tmp_path):
    found = retriever(tmp_path / "i", fusion=replace(Fusion(), words=0.0, part_words=0.0))
    assert found.search("nobody")[0].score == pytest.approx(0.0)


def test_many_threads_search_one_index(tmp_path):
    found = retriever(tmp_path / "i")
    expected = found.search("cat and stone")
    results = []

    def work():
        results.extend(found.search("cat and stone") == expected for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 200


def test_of_a_text_in_pieces_the_first_is_the_whole_and_the_others_are_parts(tmp_path):
    one = entry(1, "Q?", "Long.")
    pieces = ("cat fish", "fish", "bird")
    chunks = tuple(Chunk(f"pets#1/entry/{i}", "pets#1", text, "entry") for i, text in enumerate(pieces))
    passage = Chunk("pets#1/paragraph/0", "pets#1", "stone", "paragraph")
    found = retriever(tmp_path / "i", (one,), (*chunks, passage), MEANING)
    assert found.search("fish")[0].score == pytest.approx((1 / math.sqrt(2) + 1) / 2)
    assert found.search("fish")[0].chunk == chunks[1]
    # The whole has half a cat, no part has any: it is a part only where there is no passage.
    assert found.search("cat")[0].score == pytest.approx(1 / math.sqrt(2) / 2)
    without = retriever(tmp_path / "j", (one,), chunks, MEANING)
    assert without.search("cat")[0].score == pytest.approx(1 / math.sqrt(2))
