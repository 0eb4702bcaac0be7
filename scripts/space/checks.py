"""What a Space that is ready must do."""

from __future__ import annotations

import json
import socket
import subprocess
from dataclasses import dataclass
from typing import Any

from rag_faq.settings import Settings
from scripts.space.process import HOST, Process, Space

QUESTION = "What is mode collapse?"
UNANSWERABLE = "Who won the football world cup in 1974?"
MEMORY = 16 * 2**30  # bytes, of the hardware cpu-basic

_CLIENT = """\
import json, sys
from gradio_client import Client
print(json.dumps(Client(sys.argv[1], verbose=False).predict(question=sys.argv[2], api_name="/ask")))
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    right: bool
    found: str


def ask_all(space: Space, process: Process) -> list[Row]:
    """Every check, in order."""
    rows = [
        Row("ready within the limit", process.ready_in < space.limit, f"{process.ready_in:.1f} s of {space.limit} s"),
        _model(space),
        _bound(space),
        _behind_the_proxy(space),
    ]
    over_http = space.get("/v1/query", {"question": QUESTION})
    rows.append(_answer("a cited answer over HTTP", over_http))
    refused = space.get("/v1/query", {"question": UNANSWERABLE})
    rows.append(Row("a refusal over HTTP", refused["outcome"] == "refused", refused["outcome"]))
    by_client = _through_gradio_client(space)
    rows.append(_answer("a cited answer through gradio_client", by_client))
    same = all(by_client[name] == over_http[name] for name in ("answer", "citations"))
    rows.append(Row("the same through both", same, "text and citations" if same else by_client["answer"][:60]))
    most = process.most_memory()
    rows.append(Row("memory", most < MEMORY, f"{most / 2**30:.1f} GB of {MEMORY // 2**30} GB"))
    return rows


def _model(space: Space) -> Row:
    """The language model is there: without one the chatbot would still answer, in the FAQ's own words."""
    ready = space.get("/readyz")
    model = ready["model"]
    wanted = space.model or Settings.model_fields["llm"].default
    return Row(
        "language model", model["name"] == wanted, f"{model['name']} on {model['device']}, {ready['entries']} entries"
    )


def _bound(space: Space) -> Row:
    """All of 127.0.0.0/8 is this machine, but a server on 127.0.0.1 alone does not answer on 127.0.0.2."""
    with socket.socket() as probe:
        probe.settimeout(5)
        reached = probe.connect_ex(("127.0.0.2", space.port)) == 0
    return Row("bound to all addresses", reached, f"port {space.port}")


def _behind_the_proxy(space: Space) -> Row:
    """The page asks the server at the address that it came from, through the Hub's proxy."""
    headers = {"Host": HOST, "X-Forwarded-Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    root = str(space.get("/config", **headers)["root"])
    return Row("the page's address behind the proxy", root == f"https://{HOST}", root)


def _answer(what: str, answer: dict[str, Any]) -> Row:
    right = answer["outcome"] in ("grounded", "verbatim") and bool(answer["citations"])
    return Row(what, right, f"{answer['outcome']}, {len(answer['citations'])} citations")


def _through_gradio_client(space: Space) -> dict[str, Any]:
    """With the client that the Space's own packages brought."""
    done = subprocess.run(
        [str(space.python), "-c", _CLIENT, f"http://127.0.0.1:{space.port}", QUESTION],
        env=space.person.environment(),
        cwd=space.person.home,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        **space.person.identity(),
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
