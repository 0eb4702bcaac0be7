"""What of an entry a source shows."""

from __future__ import annotations

from rag_faq.assembly import source_cut
from rag_faq.records import Chunk, FaqEntry, Hit
from rag_faq.settings import Settings
from rag_faq.testing import ScriptedGenerator

CATS, DOGS = ("Cats " + "purr " * 49).strip(), ("Dogs " + "bark " * 49).strip()
ENTRY = FaqEntry("pets#1", 1, "What do they do?", f"{CATS}\n\n{DOGS}", "pets.md", (1, 5))
WORDING = Chunk("pets#1/wording/0", "pets#1", "what is it that they do all night", "wording")
PASSAGES = tuple(Chunk(f"pets#1/paragraph/{i}", "pets#1", text, "paragraph") for i, text in enumerate((CATS, DOGS)))
# Of 1148 tokens, 384 are for the answer and 700 for the rest of the prompt: 64 words are left, a paragraph and a bit.
TIGHT = ScriptedGenerator("", context_tokens=1148)
SETTINGS = Settings(max_sources=1, max_new_tokens=384)


def test_of_a_long_answer_the_part_round_the_best_passage_is_shown_however_the_entry_was_found() -> None:
    cut = source_cut(SETTINGS, TIGHT)
    assert cut(Hit(ENTRY, 1.0, PASSAGES[1], 1, passage=PASSAGES[1])) == DOGS
    assert cut(Hit(ENTRY, 1.0, WORDING, 1, passage=PASSAGES[1])) == DOGS
    assert cut(Hit(ENTRY, 1.0, WORDING, 1, passage=PASSAGES[0])) == CATS


def test_an_answer_that_fits_is_shown_whole() -> None:
    cut = source_cut(SETTINGS, ScriptedGenerator("", context_tokens=4096))
    assert cut(Hit(ENTRY, 1.0, WORDING, 1, passage=PASSAGES[1])) == ENTRY.answer
