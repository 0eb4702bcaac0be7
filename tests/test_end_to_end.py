"""The whole chatbot on real weights: default embedder, default language model, the FAQ and its shipped index."""

import json

import pytest

from rag_faq.assembly import load_chatbot, load_embedder
from rag_faq.chatbot import FaqChatbot
from rag_faq.grounding.verify import Verifier
from rag_faq.interfaces.wire import answer_json
from rag_faq.records import SourcesFound, TextDelta
from rag_faq.settings import Settings

pytestmark = [pytest.mark.weights, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def chatbot():
    bot = load_chatbot(Settings.load())
    assert bot.model.name == Settings.load().llm, bot.model.detail  # no silent fall-back to the FAQ's own text
    yield bot
    bot.close()


def test_a_detail_of_one_bullet_is_answered_and_cited(chatbot: FaqChatbot):
    events = list(chatbot.stream("What is mode collapse?"))
    answer = events[-1]
    assert isinstance(events[0], SourcesFound)
    assert any(isinstance(event, TextDelta) for event in events)
    assert answer.outcome == "grounded"
    assert "limited varieties" in answer.text
    cited = {s.entry.number for s in answer.sources if any(c.number == s.number for c in answer.citations)}
    assert cited == {8}
    for citation in answer.citations:
        source = answer.sources[citation.number - 1]
        assert citation.quote in source.text
        assert answer.text[citation.end :].lstrip().startswith(f"[{citation.number}]")


def test_an_app_for_blind_people_is_found_in_its_bullet(chatbot: FaqChatbot):
    wire = answer_json(chatbot.ask("Which app helps blind people?"))
    assert "Be My Eyes" in wire["answer"]
    assert 15 in {citation["entry"] for citation in wire["citations"]}
    assert json.loads(json.dumps(wire)) == wire


def test_what_the_faq_does_not_say_is_refused(chatbot: FaqChatbot):
    answer = chatbot.ask("Who won the 2022 World Cup?")
    assert answer.outcome == "refused"
    assert "Argentina" not in answer.text
    assert len(answer.related) == 3


def test_each_of_the_faqs_own_questions_finds_and_cites_its_own_entry(chatbot: FaqChatbot):
    answers = [(entry, chatbot.ask(entry.question)) for entry in chatbot.entries]
    assert len(answers) == 35
    first = sum(bool(a.sources) and a.sources[0].entry == entry for entry, a in answers)
    cited = sum(any(c.entry_id == entry.id for c in a.citations) for entry, a in answers)
    assert first >= 34
    assert cited >= 33


@pytest.mark.parametrize("word", ["mode collapse", "StyleGAN2", "temperature", "phishing", "Hyro", "point clouds"])
def test_a_word_of_one_bullet_only_finds_its_entry(chatbot: FaqChatbot, word: str):
    expected = {e.number for e in chatbot.entries if word.lower() in f"{e.question} {e.answer}".lower()}
    assert chatbot.search(word)[0].entry.number in expected


def test_what_the_source_says_of_one_thing_is_not_cited_for_another(chatbot: FaqChatbot):
    verifier = Verifier(load_embedder(Settings.load()))
    apps = next(entry for entry in chatbot.entries if entry.number == 15)
    assert verifier.check("SkinVision helps with early detection of skin cancer.", apps.answer, apps.question).supported
    assert not verifier.check("Hyro helps with skin cancer.", apps.answer, apps.question).supported
