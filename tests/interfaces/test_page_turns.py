"""What the page shows of an answer, worked out by hand."""

import re
from dataclasses import replace

import pytest

from rag_faq.interfaces.page import turns
from rag_faq.interfaces.page.conversation import (
    MOST_TURNS,
    Conversation,
    Turn,
    as_markdown,
    load_conversation,
)
from rag_faq.interfaces.page.sources import source_cards
from rag_faq.interfaces.page.texts import load_texts
from rag_faq.records import Answer, Citation, FaqEntry, ModelInfo, Related, Source, Timings, UnsupportedSentence

TEXTS = load_texts()
CATS = FaqEntry("pets#1", 1, "What do <cats> eat?", "Cats eat fish. Cats drink water.", "pets.md", (3, 5))
DOGS = FaqEntry("pets#2", 2, "Do dogs sleep?", "- Dogs sleep.", "pets.md", (7, 9))
SOURCES = (Source(1, CATS, CATS.answer, 0.876), Source(2, DOGS, DOGS.answer, 0.4))
TEXT = "Cats eat fish. [1] Both rest. [1][2]"
ANSWER = Answer(
    text=TEXT,
    outcome="grounded",
    question="What & when?",
    searched="What & when?",
    citations=(
        Citation(1, "pets#1", "Cats eat fish.", 0, 14, 0.9),
        Citation(1, "pets#1", "Cats drink water.", 19, 29, 0.8),
        Citation(2, "pets#2", "Dogs sleep.", 19, 29, 0.8),
    ),
    sources=SOURCES,
    timings=Timings(first_token_s=0.42, total_s=1.26),
    model=ModelInfo("m", device="cpu"),
)


def without_tags(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_each_cited_sentence_is_marked_and_each_number_leads_to_its_source() -> None:
    html = turns.answer("t1", Turn(ANSWER), TEXTS)
    unseen = '<span class="unseen"> source of this sentence</span></a>'
    assert (
        '<div class="text"><p dir="auto">'
        '<span class="said" id="t1-c1" data-for="t1-c1">Cats eat fish.</span>'
        f'&#8288;<a class="cite" href="#t1-s1" data-cite="t1-c1">[1]{unseen} '
        '<span class="said" id="t1-c2" data-for="t1-c2 t1-c3">Both rest.</span>'
        f'&#8288;<a class="cite" href="#t1-s1" data-cite="t1-c2">[1]{unseen}'
        f'&#8288;<a class="cite" href="#t1-s2" data-cite="t1-c3">[2]{unseen}'
        "</p></div>"
    ) in html
    assert "Checked against the FAQ" in html


def test_the_number_behind_a_passage_in_quotation_marks_leads_to_its_source_too() -> None:
    answer = replace(
        ANSWER, text='The FAQ writes: "Cats eat fish." [1]', citations=(replace(ANSWER.citations[0], start=17, end=31),)
    )
    html = turns.answer("t1", Turn(answer), TEXTS)
    assert (
        'The FAQ writes: "<span class="said" id="t1-c1" data-for="t1-c1">Cats eat fish.</span>"'
        '&#8288;<a class="cite" href="#t1-s1" data-cite="t1-c1">[1]<span class="unseen">'
    ) in html.replace("&quot;", '"')


def test_a_number_in_brackets_that_is_no_citation_stays_text() -> None:
    answer = replace(
        ANSWER, text="See [7]. Cats eat fish. [1]", citations=(replace(ANSWER.citations[0], start=9, end=23),)
    )
    html = turns.answer("t1", Turn(answer), TEXTS)
    assert '<p dir="auto">See [7]. <span class="said"' in html
    assert html.count('class="cite"') == 1


def test_a_card_shows_the_words_that_support_and_the_sentences_that_rest_on_it() -> None:
    html = source_cards("t1", SOURCES, ANSWER, TEXTS)
    assert '<span class="quote" data-for="t1-c1">Cats eat fish.</span>' in html
    assert '<span class="quote" data-for="t1-c2">Cats drink water.</span>' in html
    assert '<li dir="auto"><span class="quote" data-for="t1-c3">Dogs sleep.</span></li>' in html
    assert (
        'Supports sentences <a href="#t1-c1" data-cite="t1-c1">1</a>, <a href="#t1-c2" data-cite="t1-c2">2</a>' in html
    )
    assert 'Supports sentence <a href="#t1-c2" data-cite="t1-c3">2</a>' in html
    assert "What do &lt;cats&gt; eat?" in html
    assert "match 88 %" in html


def test_a_quote_of_the_question_is_marked_there() -> None:
    answer = replace(ANSWER, citations=(Citation(1, "pets#1", "<cats> eat", 0, 14, 0.9),))
    html = source_cards("t1", SOURCES, answer, TEXTS)
    assert 'What do <span class="quote" data-for="t1-c1">&lt;cats&gt; eat</span>?' in html


def test_a_source_that_nothing_rests_on_is_closed_and_says_so_only_once_there_is_an_answer() -> None:
    answer = replace(ANSWER, citations=ANSWER.citations[:1])
    answered = source_cards("t1", SOURCES, answer, TEXTS)
    assert answered.count("<details open>") == 1
    assert answered.count("nothing in the answer rests on it") == 1
    before = source_cards("t1", SOURCES, None, TEXTS)
    assert before.count("<details open>") == 2
    assert "rests" not in before
    assert "Supports" not in before


def test_a_refusal_shows_each_related_question_once_as_a_button() -> None:
    answer = Answer(
        text="The FAQ does not answer this. These come nearest:\n\n- What do <cats> eat?\n- Do dogs sleep?",
        outcome="refused",
        question="Why?",
        searched="Why?",
        related=(Related(CATS, 0.3), Related(DOGS, 0.2)),
    )
    html = turns.answer("t1", Turn(answer), TEXTS)
    assert html.count("What do &lt;cats&gt; eat?</button>") == 1
    assert '<button type="button" class="offer" data-ask="Do dogs sleep?" dir="auto">Do dogs sleep?</button>' in html
    assert without_tags(html).startswith("Not in the FAQ The FAQ does not answer this. These come nearest: What do")
    assert turns.sources("t1", (), answer, TEXTS) == ""


def test_what_was_left_out_is_counted_and_given_with_its_reason() -> None:
    one = replace(ANSWER, unsupported=(UnsupportedSentence("The <moon> is cheese.", "no source"),))
    html = turns.answer("t1", Turn(one), TEXTS)
    assert "1 sentence was left out because no source supports it." in html
    assert "<s>The &lt;moon&gt; is cheese.</s> <span>Reason: no source</span>" in html
    two = replace(ANSWER, unsupported=one.unsupported * 2)
    assert "2 sentences were left out" in turns.answer("t1", Turn(two), TEXTS)


def test_timings_name_what_is_known() -> None:
    assert "first word 0.4 s · 1.3 s in all · 12 words a second · m, cpu" in turns.answer(
        "t1", Turn(ANSWER, 12.3), TEXTS
    )
    unwritten = replace(ANSWER, timings=Timings(total_s=0.034))
    assert '<p class="timings">0.03 s in all</p>' in turns.answer("t1", Turn(unwritten), TEXTS)


@pytest.mark.parametrize(
    ("searched", "shown"),
    [("What & when?", False), ("  What  &\nwhen? ", False), ("", False), ("What & when do cats eat?", True)],
)
def test_the_rewritten_question_is_shown_where_it_differs(searched: str, shown: bool) -> None:
    assert ("Understood as:" in turns.question("t1", "What & when?", searched, TEXTS)) is shown


def test_copied_markdown_has_the_text_and_the_cited_sources_with_their_words() -> None:
    answer = replace(ANSWER, citations=ANSWER.citations[:2])
    assert as_markdown(answer, TEXTS) == (
        "**What & when?**\n\nCats eat fish. [1] Both rest. [1][2]\n\nSources:\n\n"
        "[1] What do <cats> eat? (pets.md, FAQ 1)\n    > Cats eat fish.\n    > Cats drink water.\n"
    )


def test_a_conversation_comes_back_from_the_browser_as_it_went() -> None:
    conversation = Conversation().with_turn(Turn(ANSWER, 3.5), longest=100)
    assert load_conversation(conversation.dump()) == conversation
    assert conversation.history == (("user", "What & when?"), ("assistant", TEXT))


def test_the_oldest_turns_go_and_the_others_keep_their_numbers() -> None:
    conversation = Conversation()
    for _ in range(MOST_TURNS + 2):
        conversation = conversation.with_turn(Turn(ANSWER), longest=100)
    assert len(conversation.turns) == MOST_TURNS
    assert [n for n, _ in conversation.numbered()][:1] == [3]
    assert conversation.next_number == MOST_TURNS + 3


def test_of_a_question_that_is_far_too_long_only_the_start_is_kept() -> None:
    turn = Turn(replace(ANSWER, question="q" * 5000, searched="s" * 5000))
    (kept,) = Conversation().with_turn(turn, longest=10).turns
    assert (kept.answer.question, kept.answer.searched) == ("q" * 10 + " …", "s" * 10 + " …")


GOOD = Conversation().with_turn(Turn(ANSWER), longest=100).dump()


@pytest.mark.parametrize(
    "stored",
    [
        "broken",
        [],
        7,
        {},
        {**GOOD, "format": 0},
        {**GOOD, "first": "1"},
        {**GOOD, "first": 0},
        {**GOOD, "turns": [{}]},
        {**GOOD, "turns": "x"},
        {**GOOD, "turns": [{"answer": {**GOOD["turns"][0]["answer"], "outcome": "<b>"}}]},
        {**GOOD, "turns": [{"answer": {**GOOD["turns"][0]["answer"], "sources": []}}]},
        {**GOOD, "turns": [{"answer": {**GOOD["turns"][0]["answer"], "text": "short"}}]},
    ],
)
def test_a_kept_conversation_that_was_altered_is_not_read(stored: object) -> None:
    assert load_conversation(stored) is None


@pytest.mark.parametrize("stored", [None, ""])
def test_a_browser_that_kept_nothing_starts_anew(stored: object) -> None:
    assert load_conversation(stored) == Conversation()
