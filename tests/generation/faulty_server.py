"""A small server on this machine that answers every request as a test says, down to the bytes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What goes over the wire: the body in chunks, with `wait` seconds before each; `cut` ends it without an end."""

    chunks: tuple[bytes, ...]
    status: int = 200
    kind: str = "application/json"
    wait: float = 0.0
    cut: bool = False


def of(value: Any, status: int = 200) -> Reply:
    return Reply((json.dumps(value).encode(),), status)


def message(text: str, logprobs: dict[str, float] | None = None) -> Reply:
    """A whole completion, with the first token's probabilities if given."""
    choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if logprobs is not None:
        top = [{"token": token, "logprob": value, "bytes": None} for token, value in logprobs.items()]
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    return of({"object": "chat.completion", "choices": [choice]})


def event(delta: str | None = None, **rest: Any) -> bytes:
    choice = {"index": 0, "delta": {} if delta is None else {"content": delta}, "finish_reason": None, **rest}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def stream(*chunks: bytes, **rest: Any) -> Reply:
    return Reply(chunks, kind="text/event-stream; charset=utf-8", **rest)


Answering = Callable[[str, dict[str, Any]], Reply | None]


@dataclass
class Server:
    """`asked` holds what was asked: (path, JSON body, headers)."""

    address: str
    asked: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)  # a client hung up in the middle of an answer


MODELS = {"object": "list", "data": [{"id": "small", "object": "model", "max_model_len": 1234}]}


@contextmanager
def serving(answering: Answering) -> Iterator[Server]:
    """`answering(path, body)` gives the reply; for None there is a list of one model, and 404 for the rest."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({})

        def do_POST(self) -> None:
            self.answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def answer(self, body: dict[str, Any]) -> None:
            server.asked.append((self.path, body, {name.lower(): value for name, value in self.headers.items()}))
            reply = answering(self.path, body)
            if reply is None:
                reply = of(MODELS) if self.path == "/v1/models" else of({"detail": "Not Found"}, 404)
            self.send_response(reply.status)
            self.send_header("content-type", reply.kind)
            if reply.cut:  # more is promised than comes
                self.send_header("content-length", str(sum(map(len, reply.chunks)) + 1))
            self.end_headers()
            try:
                for chunk in reply.chunks:
                    time.sleep(reply.wait)
                    self.wfile.write(chunk)
                    self.wfile.flush()
            except OSError:
                server.left.set()

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            server.left.set()

    listener = Quiet(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{listener.server_address[1]}/v1")
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
