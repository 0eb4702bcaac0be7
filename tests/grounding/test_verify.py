import re

import pytest

from rag_faq.generation.odds import logit
from rag_faq.grounding.verify import Asked, Support, Verifier
from rag_faq.grounding.weigh import Told
from rag_faq.testing import FakeEmbedder

# A source about something else than the FAQ that ships with the package.
QUESTION = "How does the water mill at Ely work?"
SOURCE = (
    "The mill was built by John Rennie in 1786. Its wheel turns two stones, and a sluice controls the flow of water."
    "\n\n"
    "- Grinding: The upper stone rotates, while the lower stone never moves.\n"
    "- Storage: Flour is kept in dry bins. This prevents mould and increases shelf life.\n"
    "- ModelT-3: A steam engine called ModelT-3 replaced the wheel, but it is not used any more."
)
# Every word has a dimension of its own: no two words are alike.
VOCABULARY = sorted(
    set(re.findall(r"\w+", (QUESTION + SOURCE).lower())) | {"unicorns", "eat", "hay", "cause", "storing"}
)


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(FakeEmbedder(VOCABULARY))


def check(verifier: Verifier, sentence: str) -> Support:
    return verifier.check(sentence, SOURCE, QUESTION)


@pytest.mark.parametrize(
    "sentence",
    [
        "The mill was built by John Rennie in 1786.",
        "John Rennie built the mill.",
        "The wheel turns two stones.",
        "The upper stone rotates, while the lower stone never moves.",
        "**Storage:** Flour is kept in dry bins.",
        "According to the FAQ, a sluice controls the flow of water.",
        "Overall, storing flour in dry bins prevents mould.",
        "ModelT-3 is not used any more.",
    ],
)
def test_what_the_source_says_is_supported(verifier: Verifier, sentence: str) -> None:
    support = check(verifier, sentence)
    assert (support.supported, support.reason) == (True, "")
    assert support.score >= verifier.threshold
    assert support.quote == SOURCE[support.quote_span.start : support.quote_span.end] != ""


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The mill was built by John Rennie in 1787.", 'the number "1787" is not in the source'),
        ("The wheel turns five stones.", 'the number "five" is not in the source'),
        ("The mill was built by James Watt in 1786.", 'the name "James" is not in the source'),
        ("A steam engine called ModelT-4 replaced the wheel.", 'the name "ModelT-4" is not in the source'),
        ("The upper stone never rotates.", 'it denies "rotates", which the source states'),
        ("The lower stone moves.", 'it states "moves", which the source denies'),
        ("Dry bins cause mould.", '"cause" contradicts the source\'s "prevents"'),
        ("It prevents mould and reduces shelf life.", '"reduces" contradicts the source\'s "increases"'),
        ("The mill is open to visitors on Sundays for a fee.", 'the name "Sundays" is not in the source'),
        ("Unicorns eat hay.", 'the source does not speak of "Unicorns", "eat", "hay"'),
        ("The FAQ's author built the mill in 1786.", "no author speaks in the source"),
        ("I built the mill in 1786.", "no author speaks in the source"),
        ("It is so.", "it says nothing that could be checked"),
    ],
)
def test_what_the_source_does_not_say_is_not(verifier: Verifier, sentence: str, reason: str) -> None:
    support = check(verifier, sentence)
    assert (support.supported, support.reason) == (False, reason)
    assert support.score < verifier.threshold


@pytest.mark.parametrize("source", ["I keep flour in dry bins.", "Flour is kept in dry bins by the FAQ's author."])
@pytest.mark.parametrize("sentence", ["The FAQ's author keeps flour in dry bins.", "I keep flour in dry bins."])
def test_where_the_author_speaks_or_is_named_something_may_be_said_of_the_author(verifier, source, sentence):
    assert verifier.check(sentence, source, QUESTION).supported


def test_the_users_claims_are_no_evidence_and_the_entrys_question_is(verifier: Verifier) -> None:
    support = verifier.check("This is the water mill at Ely.", "It turns.", QUESTION)
    assert support.supported
    assert support.in_question
    assert support.quote == QUESTION


@pytest.mark.parametrize(
    "sentence",
    [
        "ModelT-3 prevents mould and increases shelf life.",
        "Flour replaced the wheel, but it is not used any more.",
    ],
)
def test_the_sources_own_words_put_together_differently(verifier: Verifier, sentence: str) -> None:
    assert not check(verifier, sentence).supported


def test_a_count_of_the_list_lines_is_no_unknown_number(verifier: Verifier) -> None:
    assert "number" not in check(verifier, "The mill has three parts.").reason


def test_acronyms_and_long_forms_find_each_other(verifier: Verifier) -> None:
    long, short = "It uses Natural Language Processing.", "It uses NLP."
    assert verifier.check(short, long, "What does it use?").reason == ""
    assert verifier.check(long, short, "What does it use?").reason != 'the name "Language" is not in the source'


def test_spellings_are_one(verifier: Verifier) -> None:
    assert verifier.check("The colours are optimized.", "The colors are optimised.", "How?").supported


def test_an_empty_source_supports_nothing(verifier: Verifier) -> None:
    assert not verifier.check("The mill turns.", "", "").supported


def test_another_language_is_judged_by_its_words(verifier: Verifier) -> None:
    spanish = "El molino fue construido en 1786 por John Rennie."
    assert verifier.check("El molino fue construido por John Rennie.", spanish, "¿Qué es?").supported
    assert not verifier.check("El molino fue construido en 1790.", spanish, "¿Qué es?").supported


def test_a_source_is_embedded_once() -> None:
    embedder = FakeEmbedder(VOCABULARY)
    verifier = Verifier(embedder)
    check(verifier, "The wheel turns two stones.")
    embedder.encoded.clear()
    check(verifier, "The wheel turns two stones.")
    assert embedder.encoded == ["The wheel turns two stones."]


@pytest.mark.parametrize("probed", [False, True])
def test_where_wording_leaves_a_doubt_the_models_word_decides(probed: bool) -> None:
    swapped = "The sluice turns two stones, and a wheel controls the flow of water."
    asked = []

    def word(told: float):
        def say(sentence: str, text: str, question: str) -> Told:
            asked.append((sentence, text, question))
            return Told(told, probed)

        return say

    assert check(Verifier(FakeEmbedder(VOCABULARY), word(6.0)), swapped).supported
    assert not check(Verifier(FakeEmbedder(VOCABULARY), word(-6.0)), swapped).supported
    assert asked == [(swapped, SOURCE, QUESTION)] * 2


@pytest.mark.parametrize(
    ("asked", "objection"),
    [
        ("Which six parts does the mill have?", ""),  # counts what is asked for
        ("Which 6 parts does the mill have?", 'the number "6" is not in the source'),
        ("Did Smeaton build the mill?", 'the name "Smeaton" is not in the source'),
    ],
)
def test_a_small_number_in_words_in_a_question_names_nothing(verifier: Verifier, asked: str, objection: str) -> None:
    assert verifier.foreign_asked(asked, SOURCE, QUESTION) == objection


def test_the_models_word_does_not_outweigh_a_wrong_number_or_name() -> None:
    verifier = Verifier(FakeEmbedder(VOCABULARY), lambda *_: Told(8.0))
    assert not check(verifier, "The mill was built by John Rennie in 1787.").supported
    assert not check(verifier, "The mill was built by James Watt in 1786.").supported


def test_a_model_that_cannot_say_leaves_it_to_the_wording() -> None:
    alone = Verifier(FakeEmbedder(VOCABULARY))
    silent = Verifier(FakeEmbedder(VOCABULARY), lambda *_: None)
    for sentence in ("John Rennie built the mill.", "The wheel prevents mould."):
        assert check(silent, sentence).score == check(alone, sentence).score


def test_a_name_whose_number_stands_apart_is_the_same_name(verifier: Verifier) -> None:
    objections = [verifier.evidence(f"It is called ModelT {n}.", SOURCE, QUESTION).objection for n in (3, 4)]
    assert objections == ["", 'the name "ModelT" is not in the source']


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("The upper stone rotates.", "The upper stone rotates, while the lower stone never moves."),
        # One word, "mould", stands in the sentence before.
        (
            "A steam engine called ModelT-3 replaced the wheel, is not used any more, mould.",
            "A steam engine called ModelT-3 replaced the wheel, but it is not used any more.",
        ),
        ("John Rennie built it in 1786, and its wheel turns two stones.", SOURCE[: SOURCE.index("\n\n")]),
    ],
)
def test_the_quote_is_no_longer_than_the_sentence_needs(verifier: Verifier, sentence: str, quote: str) -> None:
    assert quote in check(verifier, sentence).quote
    assert len(check(verifier, sentence).quote) < len(quote) + 20


def test_words_that_came_with_the_question_and_not_from_the_source_speak_against_a_sentence(verifier: Verifier) -> None:
    sentence = "Unicorns turn the wheel of the mill."
    asked = "Do unicorns turn the wheel?"
    alone = verifier.check(sentence, SOURCE, QUESTION).score
    assert verifier.check(sentence, SOURCE, QUESTION, Asked(asked)).score < alone
    assert verifier.check(sentence, SOURCE, QUESTION, Asked("What turns the wheel?")).score == pytest.approx(alone)


def test_a_doubt_whether_the_source_answers_at_all_speaks_against_a_sentence(verifier: Verifier) -> None:
    sentence, question = "The wheel turns the stones.", "What turns the stones?"
    certain = verifier.check(sentence, SOURCE, QUESTION, Asked(question)).score
    assert verifier.check(sentence, SOURCE, QUESTION, Asked(question, 0.9)).score == pytest.approx(certain)
    doubted = verifier.check(sentence, SOURCE, QUESTION, Asked(question, 0.5)).score
    assert logit(doubted) == pytest.approx(logit(certain) - logit(0.9))


@pytest.mark.parametrize("verb", ["stands for", "is short for", "is"])
def test_a_name_that_the_source_spells_out_may_be_said_to_stand_for_that(verifier: Verifier, verb: str) -> None:
    """Though the source's own "stand" is another one, in another place."""
    source = "- EM (Ely Mill): It turns two stones.\n- RS (River Stone): The stand of the lower stone never moves."
    support = verifier.check(f"EM {verb} Ely Mill.", source, QUESTION)
    assert (support.supported, support.quote) == (True, "EM (Ely Mill): It turns two stones.")
