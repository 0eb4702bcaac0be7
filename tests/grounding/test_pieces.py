"""An answer cut into pieces, sentences made shorter, and the text that is put together again from what stays."""

from dataclasses import replace

import pytest

from rag_faq.grounding.layout import laid_out
from rag_faq.grounding.pieces import Piece, led_by, pieces_of
from rag_faq.grounding.sentences import Span
from rag_faq.grounding.verify import Support
from rag_faq.records import Citation, FaqEntry, Source


def test_an_answer_is_cut_into_its_sentences_each_with_what_stands_before_it() -> None:
    assert pieces_of("The pets are:\n\n  1. Cats purr. They sleep.\n- Dogs bark.") == [
        Piece(before="\n", marker="", body="The pets are:"),
        Piece(before="\n\n  ", marker="1. ", body="Cats purr."),
        Piece(before=" ", marker="", body="They sleep."),
        Piece(before="\n", marker="- ", body="Dogs bark."),
    ]
    assert pieces_of(" \n") == []


@pytest.mark.parametrize(
    ("text", "place", "led"),
    [
        ("The pets are:\n- Cats.\n- Dogs.\n\nThat is all.", 0, ["Cats.", "Dogs."]),
        ("In short: Cats purr. Dogs bark.\n- More.", 0, []),  # no lead-in is at its own end
        ("Cats:\nThey purr. They sleep.", 0, ["They purr."]),
        ("## Cats\nThey purr.\n\n- They sleep.\n\n## Dogs\nThey bark.", 0, ["They purr.", "They sleep."]),
        ("1. Cats:\n   - They purr.\n   - They sleep.\n2. Dogs:\n   - They bark.", 0, ["They purr.", "They sleep."]),
    ],
)
def test_a_lead_in_announces_its_list_or_the_next_sentence_or_its_section(
    text: str, place: int, led: list[str]
) -> None:
    pieces = pieces_of(text)
    announced = led_by(pieces, place) if pieces[place].leads_in else []
    assert [piece.body for piece in announced] == led


def test_what_stays_is_numbered_afresh_and_cited_where_it_stands() -> None:
    text = "Cats purr."
    source = Source(2, FaqEntry("faq#7", 7, "What is it?", text, "faq.md", (1, 2)), text, 1.0)
    support = Support(0.9, True, text, Span(0, len(text)), "")
    lead_in, first, second, third = pieces_of("Facts:\n\n1. Cats fly.\n2. Cats purr.\n\n\n3. Dogs bark.")
    kept = replace(second, kept=True, supports=((source, support),))
    assert laid_out([replace(lead_in, kept=True), first, kept, replace(third, kept=True)]) == (
        "Facts:\n\n1. Cats purr. [2]\n\n2. Dogs bark.",
        (Citation(2, "faq#7", "Cats purr.", 11, 21, 0.9),),
    )
