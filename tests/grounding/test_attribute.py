import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag_faq.grounding.attribute import BLIND, CLAIMED, CUT_OFF, NO_SOURCE, Grounded, ground
from rag_faq.grounding.sentences import Span
from rag_faq.grounding.verify import Asked, Support
from rag_faq.records import FaqEntry, Source, UnsupportedSentence


class WordsWithin:
    """Supports a sentence whose words are all words of the source; a foreign word is a capitalised one that is not."""

    threshold = 0.5

    def check(self, sentence: str, source_text: str, question: str, asked: str = "") -> Support:
        words = re.findall(r"\w+", sentence.lower())
        held = set(re.findall(r"\w+", source_text.lower()))
        share = sum(word in held for word in words) / max(1, len(words))
        if not words or share < 1:
            return Support(share / 2, False, "", Span(0, 0), "words are missing")
        return Support(0.9, True, source_text, Span(0, len(source_text)), "")

    def foreign(self, text: str, source_text: str, question: str) -> str:
        alien = [w for w in re.findall(r"\b[A-Z]\w+", text)[1:] if w not in source_text]
        return f'the name "{alien[0]}" is not in the source' if alien else ""

    foreign_asked = foreign


def source(number: int, text: str) -> Source:
    return Source(number, FaqEntry(f"faq#{number}", number, "What is it?", text, "faq.md", (1, 2)), text, 1.0)


CATS = source(1, "Yes, cats purr and cats sleep all day.")
DOGS = source(2, "Dogs bark. Dogs fetch sticks.")


def grounded(text: str) -> Grounded:
    return ground(text, [CATS, DOGS], WordsWithin())


def test_each_sentence_gets_the_number_of_its_source() -> None:
    result = grounded("Cats purr. Dogs bark [1].")
    assert result.text == "Cats purr. [1] Dogs bark. [2]"
    assert [(c.number, c.entry_id, result.text[c.start : c.end]) for c in result.citations] == [
        (1, "faq#1", "Cats purr."),
        (2, "faq#2", "Dogs bark."),
    ]
    assert result.citations[0].quote == CATS.text
    assert result.citations[0].support == 0.9
    assert result.unsupported == ()


def test_a_sentence_without_support_is_left_out_and_listed() -> None:
    result = grounded("Cats purr. Cats fly.\n\nBirds sing. Dogs bark.")
    assert result.text == "Cats purr. [1]\n\nDogs bark. [2]"
    assert result.unsupported == (
        UnsupportedSentence("Cats fly.", "words are missing"),
        UnsupportedSentence("Birds sing.", "words are missing"),
    )


def test_a_sentence_over_two_sources_gets_both_numbers() -> None:
    result = grounded("Cats sleep all day, while dogs fetch sticks.")
    assert result.text == "Cats sleep all day, while dogs fetch sticks. [1][2]"
    assert [(c.number, c.start, c.end) for c in result.citations] == [(1, 0, 44), (2, 0, 44)]


def test_both_halves_must_be_supported() -> None:
    assert grounded("Cats sleep all day, while birds sing loud songs.").citations == ()


@pytest.mark.parametrize(
    ("question", "written", "text", "reasons"),
    [
        ("Is it so that cats purr?", "Yes, cats purr.", "Yes, cats purr. [1]", []),
        ("Is it so that Dogs purr?", "Yes, cats purr.", "Cats purr. [1]", [BLIND]),  # Dogs: neither said nor quoted
        ("Is it so that Dogs purr?", "Yes. Cats purr.", "Cats purr. [1]", [BLIND]),
        ("cats sleep all day, right?", "Yes, cats purr.", "Yes, cats purr. [1]", []),
        ("cats bark, don't they?", "Yes, cats purr.", "Cats purr. [1]", [CLAIMED]),
        ("cats bark, is that right?", "Yes. Cats purr.", "Cats purr. [1]", [CLAIMED]),
        ("do cats bark?", "Yes, cats purr.", "Yes, cats purr. [1]", []),  # no claim
        ("Is it so that Dogs purr?", "Cats purr.", "Cats purr. [1]", []),
    ],
)
def test_a_yes_to_a_question_about_something_else_goes_and_the_fact_stays(
    question: str, written: str, text: str, reasons: list[str]
) -> None:
    result = ground(written, [CATS], WordsWithin(), Asked(question))
    assert result.text == text
    assert [sentence.reason for sentence in result.unsupported] == reasons


def test_a_lead_in_stays_while_an_item_stays_and_lists_are_numbered_afresh() -> None:
    result = grounded(
        "The facts are:\n\n1. Cats fly.\n2. Cats purr.\n3. Dogs bark.\n\nMore:\n- Birds sing.\n- Bees hum."
    )
    assert result.text == "The facts are:\n\n1. Cats purr. [1]\n2. Dogs bark. [2]"
    assert [sentence.text for sentence in result.unsupported] == ["Cats fly.", "More:", "Birds sing.", "Bees hum."]


def test_a_lead_in_with_a_foreign_name_goes() -> None:
    result = grounded("Facts from Atlantis:\n- Cats purr.")
    assert result.text == "- Cats purr. [1]"
    assert result.unsupported == (
        UnsupportedSentence("Facts from Atlantis:", 'the name "Atlantis" is not in the source'),
    )


def test_nested_lists_keep_their_shape() -> None:
    result = grounded(
        "1. **Cats:**\n   - Cats purr.\n   - Cats fly.\n2. **Birds:**\n   - Birds sing.\n3. **Dogs:**\n   - Dogs bark."
    )
    assert result.text == "1. **Cats:**\n   - Cats purr. [1]\n2. **Dogs:**\n   - Dogs bark. [2]"


def test_a_heading_stays_with_its_text() -> None:
    assert grounded("## Cats\nCats purr.\n\n## Birds\nBirds sing.").text == "## Cats\nCats purr. [1]"


def test_a_line_that_lost_its_first_sentence_keeps_its_marker() -> None:
    assert grounded("- Cats fly. Cats purr.\n- Dogs bark.").text == "- Cats purr. [1]\n- Dogs bark. [2]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes. Cats purr.", "Yes. Cats purr. [1]"),
        ("No. Cats purr.", "Cats purr. [1]"),  # the source begins with "Yes"
        ("Yes. Cats fly.", ""),
    ],
)
def test_a_bare_reply(text: str, expected: str) -> None:
    assert grounded(text).text == expected


@pytest.mark.parametrize(
    ("written", "kept", "left_out"),
    [
        ("Dogs fetch sticks, which makes owners happy.", "Dogs fetch sticks. [2]", "which makes owners happy."),
        ("To please their owners, dogs fetch sticks.", "Dogs fetch sticks. [2]", "To please their owners,"),
        (
            "- Cats sleep all day, which helps, so they live long.",
            "- Cats sleep all day. [1]",
            "which helps, so they live long.",
        ),
    ],
)
def test_what_a_model_puts_round_a_fact_goes_and_the_fact_stays(written: str, kept: str, left_out: str) -> None:
    result = grounded(written)
    assert result.text == kept
    assert result.unsupported == (UnsupportedSentence(left_out, CUT_OFF),)


def test_a_beginning_that_is_not_supported_does_not_stay() -> None:
    assert grounded("Birds sing at dawn, which cats like.").text == ""


class NearestWords(WordsWithin):
    """Like WordsWithin, and always tells the source's text as what comes nearest."""

    def check(self, sentence: str, source_text: str, question: str, asked: str = "") -> Support:
        support = super().check(sentence, source_text, question)
        return (
            support if support.supported else replace(support, quote=source_text, quote_span=Span(0, len(source_text)))
        )


EYES = source(1, "- Be My Eyes: converting images to text for blind people")


def test_a_sentence_that_took_a_passage_over_wrongly_gives_way_to_the_passage_once() -> None:
    written = (
        "Be My Eyes invents text by converting images for blind people. Be My Eyes paints blind people in text images."
    )
    result = ground(written, [EYES], NearestWords())
    assert result.text == "Be My Eyes: converting images to text for blind people. [1]"
    assert [c.quote for c in result.citations] == [EYES.text]
    assert [u.text for u in result.unsupported] == [
        "Be My Eyes invents text by converting images for blind people.",
        "Be My Eyes paints blind people in text images.",
    ]


def test_a_sentence_with_little_of_a_passage_does_not() -> None:
    assert ground("Be My Eyes was bought by a bank.", [EYES], NearestWords()).text == ""


def test_a_passage_that_says_i_names_its_author() -> None:
    mine = source(1, "I use grid search, random search and Bayesian optimisation.")
    result = ground("He loves grid search, random search and Bayesian optimisation.", [mine], NearestWords())
    assert result.text == 'The FAQ\'s author writes: "I use grid search, random search and Bayesian optimisation." [1]'


def test_without_sources_nothing_stays() -> None:
    assert ground("Cats purr.", [], WordsWithin()) == Grounded("", (), (UnsupportedSentence("Cats purr.", NO_SOURCE),))


def test_an_empty_answer() -> None:
    assert grounded("  \n ") == Grounded("", (), ())


PIECES = ["Cats purr.", "Dogs bark.", "Cats fly.", "Yes.", "The facts are:", "1. ", "2. ", "- ", "  - ", "\n", "\n\n"]
PIECES += ["## Cats", "**Dogs**", " ", "[1]", "Source 2: ", "Cats purr, and dogs fetch sticks.", "```", "|", "…"]


@settings(deadline=None)
@example("## Cats ``` [1] Yes. Cats purr.")
@example("## Cats ``` [1] Yes. ``` Cats purr.")
@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join), st.text()))
def test_what_every_answer_keeps_to(text: str) -> None:
    verifier = WordsWithin()
    result = ground(text, [CATS, DOGS], verifier)
    by_end: dict[int, list[int]] = {}
    for citation in result.citations:
        sentence = result.text[citation.start : citation.end]
        assert sentence == sentence.strip() != ""
        assert 1 <= citation.number <= 2
        assert citation.quote in (CATS, DOGS)[citation.number - 1].text
        assert citation.support >= verifier.threshold
        by_end.setdefault(citation.end, []).append(citation.number)
    # Every [n] belongs to a citation, and every citation has its [n] right behind its sentence.
    marks = {match.start(): match.group() for match in re.finditer(r"(?:\[\d+\])+", result.text)}
    assert marks == {end + 1: "".join(f"[{n}]" for n in numbers) for end, numbers in by_end.items()}
    assert result.text == result.text.strip()
    assert "\n\n\n" not in result.text
