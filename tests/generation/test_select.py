"""As few sources as the evidence needs."""

from rag_faq.generation.select import number_sources, select_hits
from rag_faq.records import Chunk, FaqEntry, Hit


def hit(number, score):
    entry = FaqEntry(f"f#{number}", number, f"Question {number}?", f"Answer {number}.", "f.md", (1, 2))
    return Hit(entry, score, Chunk(f"f#{number}/question/0", entry.id, entry.question, "question"), number)


def test_one_source_where_one_clearly_leads():
    hits = (hit(1, 1.0), hit(2, 0.7), hit(3, 0.6))
    assert select_hits(hits, most=3, near=0.9) == hits[:1]


def test_near_ones_join_up_to_the_most():
    hits = (hit(1, 1.0), hit(2, 0.95), hit(3, 0.94), hit(4, 0.93))
    assert select_hits(hits, most=3, near=0.9) == hits[:3]


def test_nothing_found_is_no_source():
    assert select_hits((), most=3) == ()


def test_sources_are_numbered_in_order_and_each_entry_once():
    sources = number_sources((hit(7, 0.9), hit(2, 0.8), hit(7, 0.5)), cut=lambda h: h.entry.answer.upper())
    assert [(s.number, s.entry.number, s.text, s.score) for s in sources] == [
        (1, 7, "ANSWER 7.", 0.9),
        (2, 2, "ANSWER 2.", 0.8),
    ]
