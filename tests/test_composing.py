"""A question in parts: each is answered from its own source, and checked against that alone."""

from threading import Event

import pytest
from small_faq import pet_retriever

from rag_faq.composing import Draft, check, joined, write
from rag_faq.generation.found import Share
from rag_faq.grounding.attribute import Grounded
from rag_faq.grounding.verify import Verifier
from rag_faq.records import Citation, Source, TextDelta, Timings, UnsupportedSentence
from rag_faq.testing import ScriptedGenerator

CATS, DOGS = "What do cats eat and drink?", "How long do grown dogs sleep?"


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    return pet_retriever(tmp_path_factory.mktemp("pets"))


@pytest.fixture(scope="module")
def verifier(retriever):
    return Verifier(retriever.embedder)


@pytest.fixture(scope="module")
def shares(retriever):
    cats, dogs, _ = retriever.index.entries
    return (
        Share(CATS, (Source(1, cats, cats.answer, 0.9),), 0.95),
        Share(DOGS, (Source(2, dogs, dogs.answer, 0.9),), 0.95),
    )


def by_part(prompt):
    return (
        "Cats eat fish and chicken." if CATS in prompt.messages[1].content else "Grown dogs sleep twelve hours a day."
    )


def run(steps):
    """The texts of the deltas, and what is returned."""
    deltas = []
    while True:
        try:
            event = next(steps)
        except StopIteration as ended:
            return deltas, ended.value
        assert isinstance(event, TextDelta)
        deltas.append(event.text)


def test_each_part_has_a_prompt_with_its_own_source(shares):
    model = ScriptedGenerator(by_part)
    deltas, draft = run(write(shares, model, 100, Draft(), None, start=0.0))
    assert draft.texts == ("Cats eat fish and chicken.", "Grown dogs sleep twelve hours a day.")
    assert "".join(deltas) == "\n\n".join(draft.texts)
    assert [[source.number for source in prompt.sources] for prompt in model.prompts] == [[1], [2]]
    assert not draft.stopped


def test_the_tokens_of_all_parts_are_counted_and_the_first_word_is_that_of_the_first(shares):
    _, alone = run(
        write(shares[:1], ScriptedGenerator(by_part), 100, Draft(timings=Timings(gate_s=1.0)), None, start=0.0)
    )
    _, both = run(write(shares, ScriptedGenerator(by_part), 100, Draft(timings=Timings(gate_s=1.0)), None, start=0.0))
    assert (alone.timings.new_tokens, both.timings.new_tokens) == (5, 12)
    assert both.timings.prompt_tokens > alone.timings.prompt_tokens
    assert both.timings.gate_s == 1.0
    assert both.timings.first_token_s is not None


def test_what_a_draft_lacks_is_written_behind_what_it_has(shares):
    model = ScriptedGenerator(by_part)
    _, first = run(write(shares[:1], model, 100, Draft(), None, start=0.0))
    deltas, draft = run(write(shares[1:], model, 100, first, None, start=0.0))
    _, at_once = run(write(shares, model, 100, Draft(), None, start=0.0))
    assert "".join(deltas) == "\n\nGrown dogs sleep twelve hours a day."
    assert draft.texts == at_once.texts
    assert draft.timings.first_token_s == first.timings.first_token_s
    assert (draft.timings.new_tokens, draft.timings.prompt_tokens) == (
        at_once.timings.new_tokens,
        at_once.timings.prompt_tokens,
    )


def test_what_is_stopped_in_the_first_part_never_comes_to_the_second(shares):
    cancel = Event()
    model = ScriptedGenerator(by_part)
    steps = write(shares, model, 100, Draft(), cancel, start=0.0)
    assert next(steps) == TextDelta("Cats ")
    cancel.set()
    deltas, draft = run(steps)
    assert (deltas, draft.texts, draft.stopped, len(model.prompts)) == ([], ("Cats ",), True, 1)


def test_each_part_is_cited_from_its_own_source(shares, verifier):
    draft = Draft(("Cats eat fish and chicken.", "Grown dogs sleep twelve hours a day."))
    composed = check(draft, shares, verifier)
    text = composed.grounded.text
    assert text == "Cats eat fish and chicken. [1]\n\nGrown dogs sleep twelve hours a day. [2]"
    assert [(c.number, text[c.start : c.end]) for c in composed.grounded.citations] == [
        (1, "Cats eat fish and chicken."),
        (2, "Grown dogs sleep twelve hours a day."),
    ]
    assert (composed.written, composed.open_parts) == (True, ())


def test_what_is_true_of_another_parts_source_does_not_hold(shares, verifier):
    draft = Draft(("Cats eat fish and chicken.", "Cats eat fish and chicken."))
    composed = check(draft, (shares[0], Share(DOGS, shares[1].sources, 0.6)), verifier)
    assert composed.grounded.text == "Cats eat fish and chicken. [1]"
    assert [sentence.text for sentence in composed.grounded.unsupported] == ["Cats eat fish and chicken."]


def test_a_part_of_which_nothing_holds_is_named_as_open(shares, verifier):
    draft = Draft(("Cats eat fish and chicken.", "The FAQ text does not mention that."))
    composed = check(draft, shares, verifier)
    assert composed.grounded.text == "Cats eat fish and chicken. [1]"
    assert composed.open_parts == (DOGS,)


def test_a_part_that_the_model_spoilt_gets_the_sources_own_text(shares, verifier):
    draft = Draft(("Cats eat fish and chicken.", "Dogs eat fish and drink water."))
    composed = check(draft, shares, verifier)
    assert composed.grounded.text == f"Cats eat fish and chicken. [1]\n\n{shares[1].sources[0].text} [2]"
    assert (composed.written, composed.open_parts) == (True, ())


def test_where_only_the_faqs_own_text_is_left_nothing_was_written(shares, verifier):
    composed = check(Draft(("Dogs eat fish and drink water.",)), shares[1:], verifier)
    assert not composed.written
    assert composed.grounded.text == f"{shares[1].sources[0].text} [2]"


def test_answers_are_joined_with_their_citations_in_place():
    one = Grounded("Yes. [1]", (Citation(1, "f#1", "Yes.", 0, 4, 1.0),), (UnsupportedSentence("No.", "it is not so"),))
    none = Grounded("", (), (UnsupportedSentence("Perhaps.", "it is not said"),))
    two = Grounded("So it is. [2]", (Citation(2, "f#2", "So it is.", 0, 9, 1.0),), ())
    whole = joined([one, none, two])
    assert whole.text == "Yes. [1]\n\nSo it is. [2]"
    assert [whole.text[c.start : c.end] for c in whole.citations] == ["Yes.", "So it is."]
    assert [sentence.text for sentence in whole.unsupported] == ["No.", "Perhaps."]
