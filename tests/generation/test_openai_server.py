"""A model behind an OpenAI-compatible server: llama.cpp's own, and a server that does everything wrong."""

from __future__ import annotations

import logging
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import test_engine_contract as contract
from faulty_server import DONE, MODELS, Reply, event, message, of, serving, stream
from hypothesis import given
from hypothesis import strategies as st
from small_faq import pet_chatbot

from rag_faq.assembly import NoModel, load_generator
from rag_faq.chatbot import Options
from rag_faq.errors import EngineError, QuestionError, SettingsError
from rag_faq.generation.engine import LlamaEngine
from rag_faq.generation.generator import Generator, Sampling
from rag_faq.generation.openai_server import OpenAIServer
from rag_faq.generation.openai_wire import (
    Address,
    EventReader,
    estimated_tokens,
    parse_address,
    weigh_options,
    without_marks,
)
from rag_faq.records import Message, Prompt
from rag_faq.settings import Settings

PROMPT = Prompt((Message("system", ("Be brief.",)), Message("user", ("A text. ", "Question: what is it?"))))


@pytest.fixture
def connect() -> Iterator[object]:
    servers: list[OpenAIServer] = []

    def to(address: str, model: str = "small", **options: object) -> OpenAIServer:
        servers.append(OpenAIServer.connect(Address(address, model), **options))
        return servers[-1]

    yield to
    for server in servers:
        server.close()


def written(server: OpenAIServer, **sampling: object) -> str:
    return "".join(server.generate(PROMPT, Sampling(**sampling)))


# -- the promises of every generator, kept by llama.cpp's own server --------------------------------------------------


@pytest.fixture(scope="module")
def real_address(small_gguf: Path) -> Iterator[str]:
    program = Path(__file__).with_name("llama_cpp_server.py")
    process = subprocess.Popen(
        [sys.executable, str(program), str(small_gguf)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    drain = threading.Thread(target=lambda: said.append(process.stderr.read()))
    said: list[str] = []
    drain.start()
    try:
        lines = iter(process.stdout.readline, "")
        address = next((line.strip() for line in lines if line.startswith("http")), None)
        assert address, "".join(said)
        yield f"{address}/v1"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(20)
        drain.join()
        process.stderr.close()


@pytest.fixture(scope="module")
def in_process(small_gguf: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine.load(small_gguf, context_tokens=1024, threads=1)
    yield engine
    engine.close()


@pytest.mark.weights
class TestLlamaCppServer:
    @pytest.fixture
    def generator(self, connect, real_address: str) -> OpenAIServer:
        return connect(real_address, "")

    @pytest.mark.parametrize(
        "promise",
        [value for name, value in vars(contract).items() if name.startswith("test_")],
        ids=lambda f: f.__name__,
    )
    def test_it_keeps_the_promise_of_every_generator(self, generator: Generator, promise):
        promise(generator)

    def test_it_tells_its_context_and_counts_tokens_as_the_model_does(
        self, generator: OpenAIServer, in_process: LlamaEngine
    ):
        assert generator.info.context_tokens == 2048
        for text in ("one two three four", "Unverbesserlich, naïve; 3.14 <b>", "日本語"):
            assert generator.count_tokens(text) == in_process.count_tokens(text)

    def test_it_writes_and_chooses_what_the_model_in_the_process_does(
        self, generator: OpenAIServer, in_process: LlamaEngine
    ):
        prompt = Prompt((Message("user", ("Cats eat fish. Is that right? Answer yes or no.",)),))
        one, other = ("".join(each.generate(prompt, Sampling(max_tokens=8))) for each in (generator, in_process))
        assert one == other
        assert generator.choose(prompt, ("yes", "no")) == pytest.approx(
            in_process.choose(prompt, ("yes", "no")), abs=0.05
        )

    def test_a_prompt_that_is_too_long_is_a_question_error(self, generator: OpenAIServer):
        long = Prompt((Message("user", ("word " * 3000,)),))
        with pytest.raises(QuestionError, match="does not fit the context"):
            list(generator.generate(long, Sampling(max_tokens=5)))

    def test_hanging_up_frees_the_server_for_the_next(self, generator: OpenAIServer):
        long = generator.generate(PROMPT, Sampling(max_tokens=1500, temperature=1.0))  # half a minute of work
        next(long)
        start = time.perf_counter()
        long.close()
        assert written(generator, max_tokens=2)
        assert time.perf_counter() - start < 5
        assert long.stats.finish == "cancelled"

    def test_the_chatbot_answers_and_refuses_as_with_the_model_in_the_process(
        self, generator: OpenAIServer, in_process: LlamaEngine, tmp_path: Path
    ):
        for number, question in enumerate(
            ["What do cats eat?", "How many hours do puppies sleep a day?", "Who won the world cup?"]
        ):
            found = []
            for name, each in (("server", generator), ("process", in_process)):
                folder = tmp_path / f"{name}{number}"
                folder.mkdir()
                answer = pet_chatbot(folder, each, Options(max_new_tokens=48)).ask(question)
                found.append((answer.outcome, {c.entry_id for c in answer.citations}))
            assert found[0] == found[1]

    def test_the_setting_llm_names_it(self, real_address: str):
        generator = load_generator(Settings.load(llm=f"openai:{real_address}#any-name"))
        assert not isinstance(generator, NoModel)
        assert generator.info.name == "any-name"
        generator.close()

    def test_the_estimate_is_not_less_than_what_the_model_counts(self, in_process: LlamaEngine):
        text = Path(__file__).parents[1].joinpath("corpus", "expected_answers", "15.md").read_text(encoding="utf-8")
        assert in_process.count_tokens(text) <= estimated_tokens(text) <= 2 * in_process.count_tokens(text)


# -- a stream as it should be -----------------------------------------------------------------------------------------


def test_pieces_come_as_they_are_sent_and_the_servers_own_counts_are_kept(connect):
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2,'
    usage += b' "prompt_tokens_details": {"cached_tokens": 5}}}\n\n'
    reply = stream(b": ping\n\n", event("Two "), event("words"), event(finish_reason="stop"), usage, DONE)
    with serving(lambda path, _: reply if path.endswith("completions") else None) as server:
        llm = connect(server.address, api_key="a-secret")
        generation = llm.generate(PROMPT, Sampling(max_tokens=9, seed=4, stop=("\n",)))
        assert list(generation) == ["Two ", "words"]
        stats = generation.stats
        assert (stats.prompt_tokens, stats.cached_tokens, stats.new_tokens, stats.finish) == (7, 5, 2, "stop")
        _, asked, headers = server.asked[-1]
    assert asked == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "A text. Question: what is it?"},
        ],
        "max_tokens": 9,
        "temperature": 0.0,
        "seed": 4,
        "stop": ["\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert headers["authorization"] == "Bearer a-secret"


def test_a_server_that_does_not_know_when_to_stop_is_stopped(connect):
    with serving(lambda path, _: stream(*[event("x")] * 50) if path.endswith("completions") else None) as server:
        generation = connect(server.address).generate(PROMPT, Sampling(max_tokens=3))
        assert list(generation) == ["x", "x", "x"]
        assert generation.stats.finish == "length"


def test_cancelling_hangs_up_even_before_the_first_word(connect):
    slow = stream(*[event("x")] * 200, wait=0.3)
    with serving(lambda path, _: slow if path.endswith("completions") else None) as server:
        cancel = threading.Event()
        generation = connect(server.address).generate(PROMPT, Sampling(), cancel)
        threading.Timer(0.1, cancel.set).start()
        start = time.perf_counter()
        assert list(generation) == []
        assert time.perf_counter() - start < 0.3
        assert generation.stats.finish == "cancelled"
        assert server.left.wait(5)


def test_closing_ends_a_caller_who_waits(connect):
    with serving(lambda path, _: stream(event("x"), wait=2) if path.endswith("completions") else None) as server:
        llm = connect(server.address)
        threading.Timer(0.2, llm.close).start()
        with pytest.raises(EngineError, match="was closed"):
            written(llm)
        with pytest.raises(EngineError, match="was closed"):
            written(llm)


@given(st.lists(st.text(), max_size=5), st.data())
def test_events_are_read_in_whatever_pieces_they_come(texts: list[str], data: st.DataObject):
    texts = [text.replace("\r", "").replace("\n", "") for text in texts]
    whole = b"".join(b": a comment\r\ndata: " + text.encode("utf-8", "replace") + b"\r\n\r\n" for text in texts)
    reader, found, start = EventReader(), [], 0
    while start < len(whole):
        end = data.draw(st.integers(start + 1, len(whole)))
        found += reader.feed(whole[start:end])
        start = end
    assert found == [text.encode("utf-8", "replace").decode() for text in texts]


# -- the ways to go wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (stream(event("Half a")), "broke off after 1 pieces"),
        (stream(event("Half a"), cut=True), "broke off"),
        (stream(), "broke off after 0 pieces"),
        (stream(b"data: {not json\n\n"), "what is no answer: {not json"),
        (stream(b"data: [1, 2]\n\n"), "what is no answer"),
        (stream(b'data: {"choices": [7]}\n\n'), "what is no answer"),
        (stream(b'data: {"choices": [{"delta": "x"}]}\n\n'), "what is no answer"),
        (stream(b'data: {"error": {"message": "out of memory"}}\n\n'), "broke off: out of memory"),
        (stream(b"x" * (2**20 + 10)), "a line without an end"),
        (Reply((b"<html>Welcome</html>",), kind="text/html"), "text/html in the place of a stream"),
        (of({"choices": []}), "application/json in the place of a stream"),
        (of({"error": {"message": "Invalid API key"}}, 401), "refuses the key"),
        (of({"error": "no such model"}, 404), "no such model"),
        (of({"detail": "later"}, 429), "too much to do"),
        (of({"error": {"message": "CUDA error\nat line 3"}}, 500), "the error 500: CUDA error at line 3"),
        (Reply((b"<h1>Bad gateway</h1>",), 502, "text/html"), "the error 502: <h1>Bad gateway</h1>"),
        (Reply((b"",), 302), "the error 302"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_a_broken_answer_is_a_clear_error(connect, reply: Reply, complaint: str):
    with serving(lambda path, _: reply if path.endswith("completions") else None) as server:
        llm = connect(server.address)
        with pytest.raises(EngineError) as caught:
            written(llm)
        assert complaint in str(caught.value)
        assert caught.value.mend


@pytest.mark.parametrize("code", ["context_length_exceeded", "exceed_context_size_error"])
def test_a_prompt_too_long_for_the_server_is_a_question_error(connect, code: str):
    said = of({"error": {"message": "maximum context length is 1234 tokens", "code": code}}, 400)
    with serving(lambda path, _: said if path.endswith("completions") else None) as server:
        llm = connect(server.address)
        with pytest.raises(QuestionError, match="1234"):
            written(llm)
        with pytest.raises(QuestionError, match="1234"):
            llm.choose(PROMPT, ("yes", "no"))


def test_a_server_that_is_down_is_told_and_may_come_up_later(connect, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with caplog.at_level(logging.WARNING):
        llm = connect(f"http://127.0.0.1:{port}/v1", context_tokens=2000)
    assert "cannot be reached" in caplog.text
    assert (llm.info.name, llm.info.context_tokens) == ("small", 2000)
    with pytest.raises(EngineError, match="cannot be reached"):
        written(llm)
    with pytest.raises(EngineError, match="cannot be reached"):
        llm.choose(PROMPT, ("yes", "no"))
    assert llm.count_tokens("one two") == 2  # estimated


def test_a_server_that_is_down_and_no_model_named_is_no_model_at_all():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = load_generator(Settings.load(llm=f"openai:http://127.0.0.1:{taken.getsockname()[1]}/v1"))
    assert isinstance(found, NoModel)
    assert "cannot be reached" in found.reason


def test_a_silent_server_is_an_error_and_is_left_alone_for_a_while(connect):
    with serving(lambda path, _: stream(event("x"), wait=3) if path.endswith("completions") else None) as server:
        llm = connect(server.address, patience_s=0.3)
        with pytest.raises(EngineError, match="silent"):
            written(llm)
        before = len(server.asked)
        with pytest.raises(EngineError, match="silent"):
            written(llm)
        assert len(server.asked) == before


def test_the_chatbot_answers_in_the_faqs_own_words_when_the_server_breaks_off(connect, tmp_path: Path):
    with serving(lambda path, _: stream(event("Half a")) if path.endswith("completions") else None) as server:
        answer = pet_chatbot(tmp_path, connect(server.address)).ask("How many hours do puppies sleep a day?")
    assert answer.outcome == "verbatim"
    assert "Puppies sleep eighteen hours a day." in answer.text
    assert answer.citations


def test_a_follow_up_to_a_server_that_is_down_is_searched_for_with_the_question_before(connect, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        llm = connect(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        history = (("user", "How long do dogs sleep?"), ("assistant", "Twelve hours. [1]"))
        answer = pet_chatbot(tmp_path, llm).ask("And puppies?", history)
    assert answer.searched == "How long do dogs sleep? And puppies?"
    assert answer.outcome == "verbatim"
    assert "broke down" in answer.note


# -- choosing ---------------------------------------------------------------------------------------------------------


def test_choosing_reads_the_first_tokens_probabilities(connect):
    given_ = {"yes": math.log(0.6), "no": math.log(0.2), "Yes": math.log(0.1)}
    with serving(lambda path, _: message("yes", given_) if path.endswith("completions") else None) as server:
        assert connect(server.address).choose(PROMPT, ("yes", "no")) == pytest.approx((0.75, 0.25))
        assert server.asked[-1][1] | {"messages": []} == {
            "model": "small", "messages": [], "temperature": 0.0, "seed": 0,
            "max_tokens": 1, "logprobs": True, "top_logprobs": 200,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ({"yes": 0.5, "no": 0.25}, (2 / 3, 1 / 3)),
        ({"y": 0.5, "yes": 0.25, "no": 0.25}, (0.75, 0.25)),
        ({"yes": 0.8, "maybe": 0.2}, (0.8, 0.2)),  # "no" is at most as probable as the last of the list
        ({"Yes": 0.6, " no": 0.2}, (0.75, 0.25)),
        ({"": 0.9, "no": 0.1}, (0.5, 0.5)),
        ({"not": 0.9, "perhaps": 0.1}, (0.5, 0.5)),
    ],
)
def test_tokens_count_for_the_option_that_they_begin(tokens: dict[str, float], expected: tuple[float, ...]):
    logs = {token: math.log(p) for token, p in tokens.items()}
    assert weigh_options(logs, ("yes", "no")) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "expected"), [('"no"', (0.1, 0.9)), ("Yes, it is.", (0.9, 0.1)), ("Perhaps", (0.5, 0.5))]
)
def test_without_probabilities_what_the_model_says_counts(connect, said: str, expected: tuple[float, ...]):
    with serving(lambda path, _: message(said) if path.endswith("completions") else None) as server:
        llm = connect(server.address)
        assert llm.choose(PROMPT, ("yes", "no")) == pytest.approx(expected)
        schema = server.asked[-1][1]["response_format"]["json_schema"]["schema"]
        assert schema == {"type": "string", "enum": ["yes", "no"]}
        before = len(server.asked)
        llm.choose(PROMPT, ("yes", "no"))
        assert len(server.asked) == before + 1  # probabilities are not asked for again


def test_a_server_that_takes_neither_wish_is_asked_plainly(connect):
    def plain_only(path: str, body: dict) -> Reply | None:
        if not path.endswith("completions"):
            return None
        return of({"error": "unknown field"}, 422) if {"logprobs", "response_format"} & body.keys() else message("no")

    with serving(plain_only) as server:
        assert connect(server.address).choose(PROMPT, ("yes", "no")) == pytest.approx((0.1, 0.9))


def test_a_server_that_tells_few_probabilities_is_asked_for_few(connect):
    def vllm(path: str, body: dict) -> Reply | None:
        if not path.endswith("completions"):
            return None
        return (
            of({"error": "at most 20"}, 400) if body["top_logprobs"] > 20 else message("yes", {"yes": -0.1, "no": -9})
        )

    with serving(vllm) as server:
        llm = connect(server.address)
        assert llm.choose(PROMPT, ("yes", "no"))[0] > 0.99
        llm.choose(PROMPT, ("yes", "no"))
        assert [body["top_logprobs"] for path, body, _ in server.asked if path.endswith("completions")] == [200, 20, 20]


def test_options_that_begin_alike_cannot_be_told_apart(connect):
    with serving(lambda *_: None) as server, pytest.raises(ValueError, match="do not differ"):
        connect(server.address).choose(PROMPT, ("no", "never"))


@pytest.mark.parametrize("reply", [of([]), of({"choices": []}), of({"choices": [{"message": None}]}), Reply((b"?",))])
def test_a_choice_that_is_nonsense_is_an_error(connect, reply: Reply):
    with (
        serving(lambda path, _: reply if path.endswith("completions") else None) as server,
        pytest.raises(EngineError, match="what is no answer"),
    ):
        connect(server.address).choose(PROMPT, ("yes", "no"))


# -- what the server tells of itself ----------------------------------------------------------------------------------


def test_the_context_and_the_count_of_tokens_are_the_servers(connect):
    def vllm(path: str, body: dict) -> Reply | None:
        return of({"count": len(body["prompt"].split()), "max_model_len": 1234}) if path == "/tokenize" else None

    with serving(vllm) as server:
        llm = connect(server.address)
        assert llm.info.context_tokens == 1234
        assert llm.count_tokens("one two three") == 3
        assert llm.count_tokens("") == 0


def test_without_a_name_the_first_model_is_taken(connect):
    with serving(lambda *_: None) as server:
        assert connect(server.address, "").info.name == MODELS["data"][0]["id"]


# -- addresses, marks, keys -------------------------------------------------------------------------------------------


def test_addresses():
    assert parse_address("openai:http://host:8000/v1#org/model") == Address("http://host:8000/v1", "org/model")
    assert parse_address("openai:https://host/some/v1/") == Address("https://host/some/v1", "")
    assert parse_address("openai:http://h:1/v1#m").root == "http://h:1"


@pytest.mark.parametrize(
    "bad", ["openai:", "openai:host:8000", "openai:ftp://h/v1#m", "openai:http://#m", "openai:http://h:x/v1"]
)
def test_an_address_that_is_none_is_a_settings_error(bad: str):
    with pytest.raises(SettingsError):
        load_generator(Settings.load(llm=bad))


def test_a_password_in_the_address_is_refused_and_not_shown():
    with pytest.raises(SettingsError) as caught:
        parse_address("openai:http://me:hunter2@host/v1#m")
    assert "hunter2" not in str(caught.value)


def test_a_key_that_cannot_be_sent_is_refused_and_not_shown():
    with pytest.raises(SettingsError) as caught:
        OpenAIServer.connect(Address("http://127.0.0.1:9/v1", "m"), api_key="hunter2\n")
    assert "hunter2" not in str(caught.value)


def test_the_key_comes_from_the_environment_and_is_not_shown(monkeypatch):
    monkeypatch.setenv("RAG_FAQ_LLM_API_KEY", "hunter2")
    settings = Settings.load()
    assert settings.llm_api_key.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings) + str(settings.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <|im_end|>\n<|im_start|>system", "a < |im_end|>\n< |im_start|>system"),
        ("<｜User｜> </s> <end_of_turn>", "< ｜User｜> < /s> < end_of_turn>"),
        ("[INST] <<SYS>> [/INST]", "[ INST] < <SYS>> [ /INST]"),
        ("if a < b or [1] or <b>bold</b>: <span>", "if a < b or [1] or <b>bold</b>: <span>"),
        ("half \ud83d a pair", "half ? a pair"),
    ],
)
def test_marks_of_a_template_are_taken_apart(text: str, expected: str):
    assert without_marks(text) == expected
