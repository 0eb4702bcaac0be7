"""The HTTP doors behind a real socket: clients that leave, that are slow, that send too much; and the page."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from contextlib import closing, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from http_doors import ANSWER, QUESTION, PacedGenerator, events, scripted, served, settings_for, until
from small_faq import pet_chatbot

from rag_faq import assembly
from rag_faq.chatbot import FaqChatbot
from rag_faq.errors import IndexMissingError, ServeError
from rag_faq.interfaces import serve as serving
from rag_faq.interfaces.http import server
from rag_faq.interfaces.http.app import Parts, make_app, page_app
from rag_faq.interfaces.http.server import running


def connect(address: str) -> socket.socket:
    where = urlsplit(address)
    connection = socket.create_connection((where.hostname, where.port), timeout=20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def request(path: str, body: bytes, *more: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *more]
    if not any(line.lower().startswith(("transfer-encoding", "content-length")) for line in more):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


ASKED = json.dumps({"question": QUESTION}).encode()


def test_threads_take_turns_often_while_a_server_runs(tmp_path):
    """Python's own 5 ms, many times over, is what a question would wait for behind those that are being judged."""
    before = sys.getswitchinterval()
    try:
        with served(tmp_path):
            assert sys.getswitchinterval() <= 0.001
    finally:
        sys.setswitchinterval(before)


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        piece = connection.recv(4096)
        assert piece, got
        got += piece
    return got


def read_all(connection: socket.socket) -> bytes:
    got = b""
    try:
        while piece := connection.recv(65536):
            got += piece
    except ConnectionResetError:  # what was not read of the request makes the kernel end the connection this way
        pass
    return got


@pytest.fixture
def paced(tmp_path):
    generator = PacedGenerator(pace=0.02)
    with served(tmp_path, pet_chatbot(tmp_path, generator)) as address:
        yield generator, address


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/query/stream", ASKED),
        ("/v1/query", ASKED),
        (
            "/v1/chat/completions",
            json.dumps({"model": "rag-faq", "messages": [{"role": "user", "content": QUESTION}]}).encode(),
        ),
    ],
)
def test_a_client_that_leaves_stops_its_answer_and_the_next_in_line_starts(paced, path: str, body: bytes) -> None:
    generator, address = paced
    with closing(connect(address)) as leaving, closing(connect(address)) as waiting:
        leaving.sendall(request(path, body))
        until(generator.turn.locked)  # its answer is being written
        waiting.sendall(request("/v1/query/stream", ASKED))
        read_until(waiting, b'"settled": true')
        assert generator.written == []
        leaving.close()
        read_until(waiting, b"event: delta")
        # 384 words of 0.02 s each would have taken 7.7 s
        assert generator.written[0] < 150
    until(lambda: len(generator.written) == 2)
    until(lambda: "rag_faq_queue_length 0.0" in httpx.get(f"{address}/metrics").text)
    assert max(generator.written) < 384


def test_a_client_that_leaves_while_it_waits_in_line_leaves_the_line(paced) -> None:
    generator, address = paced
    with closing(connect(address)) as first, closing(connect(address)) as second:
        first.sendall(request("/v1/query/stream", ASKED))
        read_until(first, b"event: delta")
        second.sendall(request("/v1/query/stream", ASKED))
        read_until(second, b'"settled": true')
        second.close()
        until(lambda: "rag_faq_queue_length 1.0" in httpx.get(f"{address}/metrics").text)
        assert generator.turn.locked()


@pytest.mark.weights
def test_with_a_real_model_a_client_that_leaves_frees_it_for_the_next(tmp_path) -> None:
    from rag_faq.generation.engine import LlamaEngine
    from rag_faq.models.cache import models_folder
    from rag_faq.models.resolve import resolve

    found = resolve("smollm2-135m-instruct-q4_1", "llm", models_folder(None))
    engine = LlamaEngine.load(found.path, sha256=found.sha256, context_tokens=2048, threads=1)
    try:
        with served(tmp_path, pet_chatbot(tmp_path, engine), answer_style="composed", strictness=0.0) as address:
            asked = json.dumps({"question": QUESTION, "options": {"answer_style": "composed", "strictness": 0.0}})
            with closing(connect(address)) as leaving:
                leaving.sendall(request("/v1/query/stream", asked.encode()))
                read_until(leaving, b"event: delta")
            until(lambda: "rag_faq_queue_length 0.0" in httpx.get(f"{address}/metrics").text)
            until(lambda: engine.idle)
            response = httpx.post(
                f"{address}/v1/query", content=asked, headers={"content-type": "application/json"}, timeout=60
            )
            assert response.json()["model"]["name"] == found.path.stem
    finally:
        engine.close()


def test_the_words_come_as_they_are_written(paced) -> None:
    _, address = paced
    with httpx.stream("POST", f"{address}/v1/query/stream", json={"question": QUESTION}, timeout=20) as response:
        times = []
        for line in response.iter_lines():
            if line.startswith("event: delta"):
                times.append(time.monotonic())
            if len(times) == 10:
                break
    assert times[-1] - times[0] > 0.1  # nine pauses of 0.02 s: they did not come all at once


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with served(folder, pet_chatbot(folder, scripted())) as address:
        yield address


def alive(address: str) -> bool:
    return httpx.post(f"{address}/v1/query", json={"question": QUESTION}).json()["answer"] == ANSWER


@pytest.mark.parametrize("chunked", [False, True])
def test_ten_megabytes_are_refused_and_not_read(address, chunked: bool) -> None:
    body = b'{"question": "' + b"x" * 10_000_000 + b'"}'
    with closing(connect(address)) as connection:
        if chunked:
            connection.sendall(request("/v1/query", b"", "Transfer-Encoding: chunked"))
            with suppress(ConnectionError):  # the server does not wait for the end
                for start in range(0, len(body), 65536):
                    piece = body[start : start + 65536]
                    connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
                pytest.fail("all of it was taken")
        else:
            connection.sendall(request("/v1/query", b"", f"Content-Length: {len(body)}"))  # not one byte of it
            got = read_all(connection)
            assert got.startswith(b"HTTP/1.1 413 ")
            assert b"application/problem+json" in got
    assert alive(address)


@pytest.mark.parametrize(
    "bad",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(address, bad: bytes) -> None:
    with closing(connect(address)) as connection:
        connection.sendall(bad)
        connection.shutdown(socket.SHUT_WR)
        got = read_all(connection)
    assert got == b"" or got.startswith((b"HTTP/1.1 400", b"HTTP/1.1 421"))
    assert alive(address)


def test_a_connection_on_which_no_request_comes_is_closed(address, monkeypatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.2)
    for begun in (b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"):
        with closing(connect(address)) as connection:
            connection.sendall(begun)
            assert read_all(connection) == b""  # closed, and before the twenty seconds of the socket
    with closing(connect(address)) as connection:  # one that has had an answer, and begins again
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        read_until(connection, b'{"alive":true}')
        connection.sendall(b"GET /heal")
        assert read_all(connection) == b""


def test_a_connection_that_waits_for_its_answer_is_not_closed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.1)
    generator = PacedGenerator()
    generator.turn.acquire()
    with served(tmp_path, pet_chatbot(tmp_path, generator)) as address:
        answers: list[str] = []

        def ask() -> None:
            answers.append(httpx.post(f"{address}/v1/query", json={"question": QUESTION}, timeout=30).json()["outcome"])

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.5)
        generator.pace = 0
        generator.turn.release()
        asking.join(30)
    assert answers == ["grounded"]


def test_half_open_connections_keep_nobody_else_out(address) -> None:
    held = [connect(address) for _ in range(50)]
    try:
        for connection in held:
            connection.sendall(b"POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 30\r\n\r\n{")
        assert alive(address)
    finally:
        for connection in held:
            connection.close()


def test_the_end_of_the_server_ends_the_answers_under_way_and_tells_those_who_wait(tmp_path) -> None:
    generator = PacedGenerator(pace=0.02)
    with served(tmp_path, pet_chatbot(tmp_path, generator)) as address:
        streaming, waiting = connect(address), connect(address)
        streaming.sendall(request("/v1/query/stream", ASKED))
        read_until(streaming, b"event: delta")
        waiting.sendall(request("/v1/query", ASKED))
        until(lambda: "rag_faq_queue_length 2.0" in httpx.get(f"{address}/metrics").text)
        begun = time.monotonic()
    assert time.monotonic() - begun < 6  # of 7.7 s that the first answer would have taken
    assert generator.written[0] < 384
    last = read_all(streaming)
    assert b"event: error" in last
    assert b"The server is being closed" in last
    told = read_all(waiting)
    assert told.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 10" in told.lower()


# -- with the page


def test_the_page_stands_beside_the_doors_and_asks_for_its_login(tmp_path) -> None:
    chatbot = pet_chatbot(tmp_path, scripted())
    settings = settings_for(tmp_path, page_login="owner:let me in", api_keys="key")
    app = page_app(chatbot, settings)
    with running(app, settings) as address, httpx.Client(base_url=address, timeout=30) as client:
        assert "<html" in client.get("/").text
        assert client.get("/config").status_code == 401
        assert client.post("/login", data={"username": "owner", "password": "wrong"}).status_code == 400
        assert client.post("/login", data={"username": "owner", "password": "let me in"}).status_code == 200
        assert client.get("/config").status_code == 200
        assert client.get("/v1/entries").status_code == 401  # the page's login is no key
        given = client.post("/v1/query", json={"question": QUESTION}, headers={"Authorization": "Bearer key"})
        assert given.json()["answer"] == ANSWER
        statuses = [client.post("/login", data={"username": "owner", "password": "x"}).status_code for _ in range(10)]
        assert statuses.count(429) >= 2  # two of the ten tries a minute were made above
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_a_server_in_the_background_that_never_is_ready_is_not_handed_out(tmp_path, monkeypatch) -> None:
    def load() -> FaqChatbot:
        raise IndexMissingError("none")

    monkeypatch.setattr(server, "_READY_S", 0.5)
    settings = settings_for(tmp_path)
    with pytest.raises(ServeError, match="ready"), running(make_app(settings, Parts(load)), settings):
        pytest.fail("there is nothing to ask")


def test_serve_raises_what_keeps_the_chatbot_from_being_loaded(tmp_path) -> None:
    settings = settings_for(tmp_path, port=0, index=tmp_path / "none")
    with pytest.raises(IndexMissingError):
        serving.serve(settings)


def test_serve_ends_with_an_error_of_any_kind(tmp_path, monkeypatch) -> None:
    def load(_: object) -> FaqChatbot:
        raise ImportError("no such library")

    monkeypatch.setattr(assembly, "load_chatbot", load)
    with pytest.raises(ImportError, match="no such library"):
        serving.serve(settings_for(tmp_path, port=0))


def test_the_stream_of_a_real_connection_ends_with_the_answer(address) -> None:
    text = httpx.post(f"{address}/v1/query/stream", json={"question": QUESTION}).text
    name, data = events(text)[-1]
    assert (name, json.loads(data)["answer"]) == ("answer", ANSWER)
