"""`rag-faq deploy-space`, against a stand-in for the Hub's HTTP interface that keeps what it is sent."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from rag_faq.errors import DeployError
from rag_faq.interfaces import deploy
from rag_faq.interfaces.cli import app

SHA = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_stand_in"


@dataclass
class Hub:
    """Spaces by name: their files, variables, secrets and hardware. And how the Hub misbehaves."""

    spaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)  # a piece of the path -> status and words
    asked: list[str] = field(default_factory=list)
    bad_card: str = ""

    def space(self, name: str) -> dict[str, Any]:
        return self.spaces[name]


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = urlsplit(self.path).path
            hub.asked.append(f"{self.command} {path}")
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._say(401, {"error": "Invalid user token."})
            for piece, (status, words) in hub.refuse.items():
                if piece in path:
                    return self._say(status, {"error": words})
            return self._answer(path, body)

        def _answer(self, path: str, body: bytes) -> None:
            if path == "/api/whoami-v2":
                return self._say(200, {"type": "user", "name": "me", "orgs": [{"name": "our-club"}]})
            if path == "/api/validate-yaml":
                errors = [{"message": hub.bad_card}] if hub.bad_card else []
                return self._say(400 if errors else 200, {"errors": errors, "warnings": []})
            if path == "/api/repos/create":
                return self._create(json.loads(body))
            match = re.fullmatch(r"/api/spaces/([^/]+/[^/]+)/(\w+)(/.*)?", path)
            if match is None or match[1] not in hub.spaces:
                return self._say(404, {"error": "Repository not found"})
            return self._of_space(hub.spaces[match[1]], match[1], match[2], body)

        def _create(self, asked: dict[str, Any]) -> None:
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            url = f"https://huggingface.co/spaces/{name}"
            if name in hub.spaces:
                return self._say(409, {"error": "You already created this space repo", "url": url})
            files = {".gitattributes": b"", "README.md": b"made by the Hub"}
            hub.spaces[name] = {"created": asked, "files": files, "variables": {}, "secrets": {}, "commits": []}
            return self._say(200, {"url": url, "name": name})

        def _of_space(self, space: dict[str, Any], name: str, what: str, body: bytes) -> None:
            if what in ("variables", "secrets"):
                item = json.loads(body)
                space[what][item["key"]] = item["value"]
                return self._say(200, {item["key"]: {"value": item["value"]}} if what == "variables" else {})
            if what == "hardware":
                space["hardware"] = json.loads(body)["flavor"]
                runtime = {"stage": "BUILDING", "hardware": {"current": None, "requested": space["hardware"]}}
                return self._say(200, runtime)
            if what == "tree":
                rows = [
                    {"type": "file", "path": path, "size": len(data), "oid": SHA}
                    for path, data in space["files"].items()
                ]
                return self._say(200, rows)
            if what == "preupload":
                rows = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                return self._say(200, {"files": rows})
            assert what == "commit"
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    space["files"][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    del space["files"][line["value"]["path"]]
            space["commits"].append(dict(space["variables"]))
            return self._say(200, {"commitUrl": f"https://huggingface.co/spaces/{name}/commit/{SHA}", "commitOid": SHA})

        def _say(self, status: int, content: object) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


@pytest.fixture
def hub(monkeypatch) -> Iterator[Hub]:
    state = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path) -> Path:
    """Five tracked files, one of them binary, and two that are not tracked."""
    folder = tmp_path / "checkout"
    (folder / "corpus").mkdir(parents=True)
    (folder / "README.md").write_text("---\ntitle: FAQ\nsdk: gradio\n---\n", encoding="utf-8")
    (folder / "app.py").write_text("pass\n", encoding="utf-8")
    (folder / "requirements.txt").write_text("", encoding="utf-8")
    (folder / "corpus" / "fäq 1.md").write_text("## 1. Why?\n\nSo.\n", encoding="utf-8")
    (folder / "vectors.faiss").write_bytes(bytes(range(256)))
    (folder / ".gitignore").write_text("rag-faq.toml\n", encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "All")
    (folder / "rag-faq.toml").write_text('api_keys = "hidden"\n', encoding="utf-8")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    return folder


TRACKED = {".gitignore", "README.md", "app.py", "requirements.txt", "corpus/fäq 1.md", "vectors.faiss"}


def run(checkout: Path, *arguments: str) -> str:
    """What the command prints; its error is raised."""
    done = CliRunner().invoke(app, ["deploy-space", "--folder", str(checkout), *arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


def test_a_new_space_gets_exactly_the_tracked_files(hub, checkout):
    said = run(checkout, "me/faq")
    space = hub.space("me/faq")
    assert space["created"] == {"name": "faq", "organization": "me", "type": "space", "sdk": "gradio"}
    assert set(space["files"]) == TRACKED | {".gitattributes"}
    assert all(space["files"][path] == (checkout / path).read_bytes() for path in TRACKED)
    assert "/spaces/me/faq (commit 0123456789ab); the Hub builds it now" in said
    assert "hardware" not in space


def test_settings_are_there_before_the_first_start(hub, checkout, monkeypatch):
    monkeypatch.setenv("RAG_FAQ_LLM_API_KEY", "from-the-environment")
    run(
        checkout, "our-club/faq", "--variable", "RAG_FAQ_STRICTNESS=0.7", "--variable", "GREETING=a=b",
        "--secret", "RAG_FAQ_API_KEYS=hidden", "--secret", "RAG_FAQ_LLM_API_KEY", "--hardware", "zero-a10g",
        "--private",
    )  # fmt: skip
    space = hub.space("our-club/faq")
    assert space["created"]["visibility"] == "private"
    assert space["variables"] == {"RAG_FAQ_STRICTNESS": "0.7", "GREETING": "a=b"}
    assert space["secrets"] == {"RAG_FAQ_API_KEYS": "hidden", "RAG_FAQ_LLM_API_KEY": "from-the-environment"}
    assert space["hardware"] == "zero-a10g"
    assert space["commits"] == [space["variables"]]  # the commit came last


def test_an_update_removes_what_is_tracked_no_more(hub, checkout):
    run(checkout, "me/faq")
    git(checkout, "rm", "--quiet", "vectors.faiss")
    git(checkout, "commit", "--quiet", "-m", "One less")
    (checkout / "app.py").write_text("print()\n", encoding="utf-8")
    assert "removed from the Space: vectors.faiss" in run(checkout, "me/faq")
    files = hub.space("me/faq")["files"]
    assert set(files) == (TRACKED | {".gitattributes"}) - {"vectors.faiss"}
    assert files["app.py"] == b"print()\n"  # as it lies on the disk


def test_a_dry_run_shows_everything_but_secrets_and_asks_nobody(hub, checkout, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    (checkout / "app.py").write_text("print()\n", encoding="utf-8")
    said = run(
        checkout, "me/faq", "--dry-run", "--variable", "RAG_FAQ_PORT=7860", "--secret", "RAG_FAQ_API_KEYS=hidden",
        "--hardware", "cpu-basic",
    )  # fmt: skip
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines == [
        "space me/faq",
        "hardware cpu-basic",
        "private as it is, or the Hub's default",
        "variable RAG_FAQ_PORT=7860",
        "secret RAG_FAQ_API_KEYS=(not shown)",
        "file 13 .gitignore",
        "file 31 README.md",
        "file 8 app.py (changed since the last commit)",
        "file 16 corpus/fäq 1.md",
        "file 0 requirements.txt",
        "file 256 vectors.faiss",
        "6 files, 324 bytes. Nothing was sent.",
    ]
    assert hub.asked == []


def test_without_a_token_it_says_how_to_get_one(hub, checkout, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    with pytest.raises(DeployError, match=r"no token.*hf auth login"):
        run(checkout, "me/faq")
    assert hub.asked == []


def test_a_token_that_the_hub_does_not_know(hub, checkout, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_stale")
    with pytest.raises(DeployError, match=r"does not know the token.*hf auth login"):
        run(checkout, "me/faq")


def test_a_space_of_somebody_else_is_told_before_anything_is_made(hub, checkout):
    with pytest.raises(DeployError, match=r"belongs to them, and the token is me's.*me, our-club.*deploy-space me/faq"):
        run(checkout, "them/faq")
    assert hub.asked == ["GET /api/whoami-v2"]


@pytest.mark.parametrize(
    ("piece", "status", "message"),
    [
        ("/commit/", 403, r"may not change me/faq: You need to write.*right to write"),
        ("/hardware", 402, r"cannot pay for this.*cpu-basic"),
        ("/create", 500, r"answered 500 for me/faq"),
    ],
)
def test_a_refusal_of_the_hub_is_explained(hub, checkout, piece, status, message):
    hub.refuse[piece] = (status, "You need to write")
    with pytest.raises(DeployError, match=message):
        run(checkout, "me/faq", "--hardware", "t4-small")


def test_a_card_that_the_hub_turns_down(hub, checkout):
    hub.bad_card = '"short_description" is too long'
    with pytest.raises(DeployError, match=r"card in README.md.*short_description"):
        run(checkout, "me/faq")


def test_the_card_says_what_kind_of_space_it_is(hub, checkout):
    (checkout / "README.md").write_text("---\nsdk: docker\n---\n", encoding="utf-8")
    run(checkout, "me/faq")
    assert hub.space("me/faq")["created"]["sdk"] == "docker"


@pytest.mark.parametrize("card", ["# No card\n", "---\nsdk: static\n---\n", "---\nsdk: [\n---\n"])
def test_a_card_that_starts_nothing_is_told_before_anything_is_made(hub, checkout, card):
    (checkout / "README.md").write_text(card, encoding="utf-8")
    with pytest.raises(DeployError, match=r"card at the top of README\.md"):
        run(checkout, "me/faq")
    assert hub.asked == []


def test_a_hub_that_cannot_be_reached(hub, checkout, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DeployError, match="cannot be reached"):
        run(checkout, "me/faq")


@pytest.mark.parametrize("name", ["faq", "me/", "/faq", "me/my/faq", "me/a b", "me/-faq", "me/faq.git", ""])
def test_a_name_that_is_none(name):
    with pytest.raises(DeployError, match="no name of a Space"):
        deploy.check_name(name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variable", "NAME"], "--variable NAME is malformed"),
        (["--variable", "=1"], "malformed"),
        (["--variable", "RAG_FAQ_API_KEYS=x"], r"shown to everybody.*--secret RAG_FAQ_API_KEYS"),
        (["--variable", "RAG_FAQ_STRICTNES=1"], "RAG_FAQ_STRICTNES is no setting"),
        (["--secret", "NOT_IN_THE_ENVIRONMENT"], "no such variable"),
        (["--hardware", "abacus"], r"no hardware 'abacus'.*cpu-basic"),
    ],
)
def test_an_argument_that_cannot_be(hub, checkout, arguments, message):
    with pytest.raises(DeployError, match=message):
        run(checkout, "me/faq", *arguments)
    assert hub.asked == []


@pytest.mark.parametrize("name", [".env", "deep/.env.local", "server.pem", "id_ed25519"])
def test_a_tracked_file_of_secrets_is_never_sent(hub, checkout, name):
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("secret", encoding="utf-8")
    git(checkout, "add", "--force", name)
    with pytest.raises(DeployError, match=r"looks like a file of secrets.*git rm --cached"):
        run(checkout, "me/faq")
    assert hub.asked == []


def test_a_folder_that_is_no_checkout(tmp_path):
    with pytest.raises(DeployError, match="is no checkout"):
        run(tmp_path, "me/faq", "--dry-run")


def test_a_checkout_of_something_else(checkout):
    git(checkout, "rm", "--quiet", "app.py")
    with pytest.raises(DeployError, match=r"has no app\.py that git tracks"):
        run(checkout, "me/faq", "--dry-run")


def test_this_checkout_can_be_sent():
    files, _ = deploy.tracked_files(Path(__file__).resolve().parents[2])
    assert {"README.md", "app.py", "requirements.txt", "rag_faq/chatbot.py"} <= set(files)


def test_secrets_are_not_in_what_is_logged_of_a_plan():
    plan = deploy.Plan("me/faq", Path(), (), secrets={"A_KEY": "hidden"})
    assert "hidden" not in repr(plan)
