"""Asking over HTTP: the answer that every door gives, whole or as it comes."""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext

import pytest
from http_doors import (
    ANSWER,
    QUESTION,
    SCRIPT,
    UNANSWERED,
    PacedGenerator,
    doors,
    events,
    scripted,
    settings_for,
    until,
)
from small_faq import pet_chatbot
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from rag_faq.errors import EngineError, IndexMissingError, RagFaqError
from rag_faq.interfaces.http.app import Mounted, Parts, make_app
from rag_faq.interfaces.http.schemas import ANSWER_EXAMPLE, AnswerShown, FeedbackBody, QueryBody
from rag_faq.interfaces.wire import answer_json
from rag_faq.testing import ScriptedGenerator

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def chatbot(tmp_path_factory):
    return pet_chatbot(tmp_path_factory.mktemp("pets"), scripted())


@pytest.fixture(scope="module")
def client(tmp_path_factory, chatbot):
    with doors(tmp_path_factory.mktemp("doors"), chatbot) as client:
        yield client


def ask(client: TestClient, question: str = QUESTION, **more: object):
    return client.post("/v1/query", json={"question": question, **more})


def test_the_answer_is_that_of_the_chatbot_with_its_citations(client, chatbot) -> None:
    given = ask(client).json()
    expected = answer_json(chatbot.ask(QUESTION))
    assert given["answer"] == ANSWER
    assert [given["answer"][c["start"] : c["end"]] for c in given["citations"]] == [
        "Cats eat fish and chicken.",
        "Most cats drink water.",
    ]
    assert [u["text"] for u in given["unsupported"]] == ["Cats eat 17 mice."]
    assert given["question"] == QUESTION
    for name in expected.keys() - {"timings"}:
        assert given[name] == expected[name]


def test_what_the_faq_does_not_answer_is_refused_with_the_nearest_questions(client) -> None:
    given = ask(client, UNANSWERED).json()
    assert (given["outcome"], given["citations"], given["sources"]) == ("refused", [], [])
    assert "What do cats eat?" in [item["question"] for item in given["related"]]


def test_options_are_for_one_question_and_kept_within_the_settings(client) -> None:
    assert ask(client, options={"answer_style": "verbatim"}).json()["outcome"] == "verbatim"
    assert ask(client, options={"strictness": 1}).json()["outcome"] == "refused"
    assert ask(client, options={"max_sources": 8, "strictness": 0.0}).json()["outcome"] == "grounded"
    assert ask(client).json()["outcome"] == "grounded"


def test_more_sources_than_the_settings_allow_are_not_given(tmp_path, chatbot) -> None:
    both = "What do cats eat? How long do dogs sleep?"
    with doors(tmp_path, chatbot, max_sources=1) as client:
        assert len(ask(client, both, options={"max_sources": 2}).json()["sources"]) == 1
    with doors(tmp_path, chatbot, max_sources=2) as client:
        assert len(ask(client, both, options={"max_sources": 2}).json()["sources"]) == 2


def test_the_history_is_heeded(tmp_path) -> None:
    generator = ScriptedGenerator(lambda prompt: "What do cats drink?" if not prompt.sources else SCRIPT)
    history = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    with doors(tmp_path, pet_chatbot(tmp_path, generator)) as client:
        assert ask(client, "And what do they drink?", history=history).json()["searched"] == "What do cats drink?"


@pytest.mark.parametrize("question", ["", "   ", "?!", "x" * 9000])
def test_a_question_that_cannot_be_worked_on_is_answered_with_what_is_wrong(client, question) -> None:
    given = ask(client, question)
    assert given.status_code == 200
    assert given.json()["outcome"] == "refused"


def test_the_stream_gives_sources_then_words_then_the_checked_answer(client) -> None:
    response = client.post("/v1/query/stream", json={"question": QUESTION})
    assert response.headers["content-type"].startswith("text/event-stream")
    told = [(name, json.loads(data)) for name, data in events(response.text)]
    assert [name for name, _ in told] == ["sources", "sources", *["delta"] * len(SCRIPT.split()), "answer"]
    assert [data["settled"] for name, data in told if name == "sources"] == [False, True]
    assert told[1][1]["sources"][0]["question"] == "What do cats eat?"
    assert "".join(data["text"] for name, data in told if name == "delta") == SCRIPT
    whole = ask(client).json()
    last = told[-1][1]
    assert {k: v for k, v in last.items() if k not in ("timings", "id")} == {
        k: v for k, v in whole.items() if k not in ("timings", "id")
    }


def test_a_model_that_breaks_down_in_the_stream_is_told_in_the_stream(tmp_path) -> None:
    def broken(_) -> str:
        raise EngineError("The model is gone", mend="load it again")

    class Chatbot:
        options = pet_chatbot(tmp_path, None).options

        def stream(self, question, history, cancel):
            yield from ()
            broken(question)

    with doors(tmp_path) as client:
        client.app.state.service.open(Chatbot())
        [(name, data)] = events(client.post("/v1/query/stream", json={"question": QUESTION}).text)
        assert (name, json.loads(data)["status"], json.loads(data)["mend"]) == ("error", 503, "load it again")
        refused = ask(client)
        assert (refused.status_code, refused.json()["found"]) == (503, "The model is gone")
        assert 'rag_faq_outcomes_total{door="http",outcome="failed"} 2.0' in client.get("/metrics").text


def test_search_gives_the_nearest_entries_best_first(client, chatbot) -> None:
    given = client.get("/v1/search", params={"q": "dogs sleep", "limit": 2}).json()
    assert given["searched"] == "dogs sleep"
    assert [hit["rank"] for hit in given["hits"]] == [1, 2]
    first = chatbot.search("dogs sleep")[0]
    assert given["hits"][0] == {
        "rank": 1,
        "entry": 2,
        "id": "pets#2",
        "question": "How long do dogs sleep?",
        "score": round(first.score, 4),
        "matched": first.chunk.text,
    }


def test_a_search_for_what_has_no_words_finds_nothing(client) -> None:
    assert client.get("/v1/search", params={"q": "?!"}).json()["hits"] == []
    assert client.get("/v1/search", params={"q": "x" * 9000}).status_code == 422


def test_entries_are_listed_in_pages_and_read_one_by_one(client) -> None:
    listed = client.get("/v1/entries", params={"offset": 1, "limit": 1}).json()
    assert (listed["total"], [entry["question"] for entry in listed["entries"]]) == (3, ["How long do dogs sleep?"])
    one = client.get("/v1/entries/3").json()
    assert one == {
        "entry": 3,
        "id": "pets#3",
        "question": "Which cage do you use for parrots?",
        "source": "pets.md",
        "lines": [12, 14],
        "answer": "I use a steel cage with three perches.",
    }
    assert client.get("/v1/entries/3?source=pets.md").json() == one
    assert client.get("/v1/entries/3?source=plants.md").status_code == 404
    assert client.get("/v1/entries/4").json()["expected"] == "one of GET /v1/entries"


def test_feedback_goes_to_the_answer_that_was_given(client) -> None:
    number = ask(client).json()["id"]
    sent = client.post("/v1/feedback", json={"id": number, "verdict": "down", "reason": "No fish."})
    assert (sent.status_code, sent.json()) == (200, {"kept": True})
    [judged] = [a for a in client.app.state.service.feedback.asked() if a.id == number]
    assert (judged.verdict, judged.reason, judged.question, judged.door) == ("down", "No fish.", QUESTION, "http")
    assert client.post("/v1/feedback", json={"id": "none", "verdict": "up"}).status_code == 404


def test_without_the_setting_no_feedback_is_kept(tmp_path, chatbot) -> None:
    with doors(tmp_path, chatbot, feedback=False) as client:
        assert ask(client).json()["id"] is None
        assert client.post("/v1/feedback", json={"id": "x", "verdict": "up"}).status_code == 409
    assert not (tmp_path / "feedback.sqlite3").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "the body is no JSON"),
        (b"[]", "the body: input should be a valid"),
        (b"null", "the body: input should be a valid"),
        (b'{"question": 1}', "question: input should be a valid string"),
        (b'{"question": null}', "question: input should be a valid string"),
        (b'{"question": "a", "answer": 1}', "answer: extra inputs are not permitted"),
        (b'{"question": "a", "options": {"style": 1}}', "options.style: extra inputs are not permitted"),
        (b'{"question": "a", "options": {"max_sources": "2"}}', "options.max_sources: input should be a valid integer"),
        (b'{"question": "a", "options": {"strictness": NaN}}', "options.strictness: "),
        (b'{"question": "a", "history": [{"role": "system", "content": ""}]}', "history.0.role: input should be"),
        (b'{"question": "a", "history": {}}', "history: input should be a valid list"),
        (b'{"question": "\\ud83d"}', "question: value error, half a character"),
        (b"\xff\xfe", ""),
        (b"[" * 50_000, ""),
    ],
)
def test_malformed_requests_are_told_what_is_wrong(client, body: bytes, said: str) -> None:
    response = client.post("/v1/query", content=body, headers={"content-type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == PROBLEM
    assert said in response.json()["found"]


def test_what_is_sent_is_not_repeated_in_the_complaint(client) -> None:
    assert "hunter2" not in ask(client, history="hunter2").text


def test_a_body_that_says_it_is_no_json_is_refused(client) -> None:
    """Or else any page on the Web could send it, from a form."""
    response = client.post("/v1/query", content=b'{"question": "a"}', headers={"content-type": "text/plain"})
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/v1/query", 405), ("GET", "/v1/query", 405), ("GET", "/v1/nothing", 404), ("GET", "/v1/query/", 404)],
)
def test_other_methods_and_paths_are_refused_as_problems(client, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert (response.status_code, response.headers["content-type"]) == (status, PROBLEM)
    assert status != 405 or response.headers["allow"] == "POST"


def test_the_document_describes_what_is_given() -> None:
    assert set(ANSWER_EXAMPLE) == set(AnswerShown.model_fields)
    AnswerShown.model_validate(ANSWER_EXAMPLE)
    for body in (QueryBody, FeedbackBody):
        for example in body.model_json_schema()["examples"]:
            body.model_validate(example)


def test_counters_say_how_many_and_how_long_and_not_what(client) -> None:
    ask(client, UNANSWERED)
    client.get("/v1/nothing")
    text = client.get("/metrics").text
    for line in (
        'rag_faq_outcomes_total{door="http",outcome="refused"} ',
        "rag_faq_queue_length 0.0",
        "rag_faq_ready 1.0",
    ):
        assert line in text
    assert 'rag_faq_refusals_total{status="404"}' in text
    assert 'rag_faq_first_word_seconds_bucket{door="http",le="0.05"}' in text
    assert "chess" not in text


def test_too_many_in_line_are_told_when_to_come_back(tmp_path) -> None:
    generator = PacedGenerator()
    generator.turn.acquire()  # nobody gets on
    with doors(tmp_path, pet_chatbot(tmp_path, generator), max_waiting=1) as client:
        answers: list[int] = []
        threads = [threading.Thread(target=lambda: answers.append(ask(client).status_code)) for _ in range(2)]
        for thread in threads:
            thread.start()
        until(lambda: "rag_faq_queue_length 2.0" in client.get("/metrics").text)
        refused = ask(client)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/v1/search?q=cats").status_code == 503
        assert client.get("/v1/entries").status_code == 200  # waits for nobody
        generator.pace = 0
        generator.turn.release()
        for thread in threads:
            thread.join(20)
        assert answers == [200, 200]
        assert ask(client).status_code == 200


def test_the_server_answers_while_the_model_is_loaded(tmp_path, chatbot) -> None:
    loaded = threading.Event()

    def load():
        assert loaded.wait(20)
        return chatbot

    def page(*_):
        answers = Starlette(routes=[Route("/", lambda _: PlainTextResponse("the page"))])
        return Mounted("/", answers, nullcontext, guarded=False)

    parts = Parts(load, (page,))
    with TestClient(make_app(settings_for(tmp_path), parts), base_url="http://127.0.0.1") as client:
        assert client.get("/healthz").json() == {"alive": True}
        for refused in (client.get("/readyz"), ask(client), client.get("/v1/entries"), client.get("/config")):
            assert refused.status_code == 503
            assert refused.headers["content-type"] == PROBLEM
            assert int(refused.headers["retry-after"]) >= 1
        told = client.get("/?q=cats")
        assert (told.status_code, told.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert 'http-equiv="refresh"' in told.text
        loaded.set()
        until(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/readyz").json()["entries"] == 3
        assert ask(client).json()["answer"] == ANSWER
        assert client.get("/").text == "the page"


def test_what_cannot_be_loaded_is_handed_to_whoever_runs_the_server(tmp_path) -> None:
    told: list[RagFaqError] = []

    def load():
        raise IndexMissingError("There is no index")

    app = make_app(settings_for(tmp_path), Parts(load, failed=told.append))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        until(lambda: told)
        assert client.get("/readyz").status_code == 503
    assert [str(error) for error in told] == ["There is no index."]


def test_an_error_of_another_kind_is_handed_over_as_well(tmp_path, chatbot) -> None:
    told: list[BaseException] = []

    def page(*_):
        raise ImportError("no such page")

    app = make_app(settings_for(tmp_path), Parts(lambda: chatbot, (page,), told.append))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        until(lambda: told)
        assert client.get("/readyz").status_code == 503
    assert [str(error) for error in told] == ["no such page"]
