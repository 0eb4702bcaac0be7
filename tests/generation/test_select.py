"""As few sources as the evidence needs."""

from rag_faq.generation.select import interleave, number_sources
from rag_faq.records import Chunk, FaqEntry, Hit


def hit(number, score):
    entry = FaqEntry(f"f#{number}", number, f"Question {number}?", f"Answer {number}.", "f.md", (1, 2))
    return Hit(entry, score, Chunk(f"f#{number}/question/0", entry.id, entry.question, "question"), number)


def test_rankings_take_turns_and_no_entry_comes_twice():
    one, two, three = hit(1, 1.0), hit(2, 0.9), hit(3, 0.8)
    assert interleave([[one, two], [two, three]], most=3) == (one, two, three)
    assert interleave([[one, two], [three]], most=2) == (one, three)
    assert interleave([], most=3) == ()


def test_sources_are_numbered_in_order_and_each_entry_once():
    sources = number_sources((hit(7, 0.9), hit(2, 0.8), hit(7, 0.5)), cut=lambda h: h.entry.answer.upper())
    assert [(s.number, s.entry.number, s.text, s.score) for s in sources] == [
        (1, 7, "ANSWER 7.", 0.9),
        (2, 2, "ANSWER 2.", 0.8),
    ]
