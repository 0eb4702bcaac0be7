"""The check of a Space: what it copies, as whom it runs, and how it watches a program start and end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.space import environment, process
from scripts.space.environment import Person, SpaceError, copy_tracked, lay_weights, ordinary_person
from scripts.space.process import Space, running_space

ROOT = Path(__file__).resolve().parents[1]

APP = """\
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())

HTTPServer((os.environ["GRADIO_SERVER_NAME"], int(os.environ["GRADIO_SERVER_PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def me(tmp_path) -> Person:
    home = tmp_path / "home"
    home.mkdir()
    return Person(os.getuid(), os.getgid(), home)


@pytest.fixture
def space(tmp_path, me) -> Space:
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.py").write_text(APP, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Space(app, Path(sys.executable), me, port, limit=30, model="a-model")


def test_a_space_is_started_with_its_variables_and_ended_in_peace(space, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "of this machine")
    with running_space(space) as running:
        seen = space.get("/readyz")
        assert running.ready_in < 30
        assert running.most_memory() > 1_000_000
    assert running.ended_in is not None
    assert seen["SPACE_ID"] == "somebody/their-faq"
    assert seen["SPACE_HOST"] == "somebody-their-faq.hf.space"
    assert seen["SYSTEM"] == "spaces"
    assert seen["RAG_FAQ_LLM"] == "a-model"
    assert seen["HOME"] == str(space.person.home)
    assert "HF_TOKEN" not in seen


def test_a_program_that_ends_is_told_with_its_last_words(space):
    (space.app / "app.py").write_text("raise SystemExit('no index')\n", encoding="utf-8")
    with pytest.raises(SpaceError, match=r"no index\s+app.py ended with 1"), running_space(space):
        pass


def test_a_program_that_is_never_ready_is_ended(space, monkeypatch):
    (space.app / "app.py").write_text("import time; print('waiting', flush=True); time.sleep(60)\n", encoding="utf-8")
    slow = Space(space.app, space.python, space.person, space.port, limit=1)
    with pytest.raises(SpaceError, match=r"waiting\s+app.py was not ready within 1 s"), running_space(slow):
        pass


def test_port_7860_is_left_to_the_program(space):
    usual = Space(space.app, space.python, space.person, 7860, limit=1)
    assert "GRADIO_SERVER_PORT" not in usual.variables()
    assert "RAG_FAQ_LLM" not in usual.variables()


def test_only_tracked_files_are_copied(tmp_path, me):
    source = tmp_path / "source"
    source.mkdir()
    subprocess.run(["git", "init", "--quiet", str(source)], check=True)
    (source / "deep").mkdir()
    (source / "deep" / "tracked.txt").write_text("as on the disk", encoding="utf-8")
    (source / "notes.txt").write_text("mine", encoding="utf-8")
    subprocess.run(["git", "-C", str(source), "add", "deep"], check=True)
    assert copy_tracked(source, tmp_path / "copy", me) == 1
    assert [path.name for path in (tmp_path / "copy").rglob("*") if path.is_file()] == ["tracked.txt"]


def test_root_becomes_user_1000_and_others_stay_themselves(tmp_path):
    person = ordinary_person(tmp_path / "home")
    assert person.uid == (1000 if os.getuid() == 0 else os.getuid())
    assert (tmp_path / "home").stat().st_uid == person.uid
    assert list((tmp_path / "home").iterdir()) == []


def test_a_command_that_fails_is_told_with_what_it_said(me):
    with pytest.raises(SpaceError, match=r"said this\s+ended with 3"):
        environment._run(["sh", "-c", "echo said this; exit 3"], me, {"PATH": os.environ["PATH"]})


def test_an_environment_of_the_same_requirements_is_taken_as_it_is(tmp_path, me, monkeypatch):
    app, folder = tmp_path / "app", tmp_path / "environment"
    app.mkdir()
    (app / "README.md").write_text("---\nsdk: gradio\nsdk_version: 6.31.0\n---\n", encoding="utf-8")
    (app / "requirements.txt").write_text("numpy\n", encoding="utf-8")
    commands: list[list[str]] = []
    monkeypatch.setattr(environment, "_run", lambda command, *_: commands.append(list(command)))

    python, seconds = environment.fresh_environment(folder, app, me, "/wheels")
    assert python == folder / "bin/python"
    assert seconds is not None
    install = next(command for command in commands if "-r" in command)
    assert install[-6:] == ["--find-links", "/wheels", "gradio[oauth,mcp]==6.31.0", *environment.BESIDE]

    assert environment.fresh_environment(folder, app, me, None) == (python, None)
    (app / "requirements.txt").write_text("numpy<2\n", encoding="utf-8")
    assert environment.fresh_environment(folder, app, me, None)[1] is not None


@pytest.mark.weights
def test_the_weights_of_the_card_lie_in_the_cache_of_the_hub(me):
    lay_weights(ROOT, me, "smollm2-135m-instruct-q4_1")
    hub = me.home / ".cache/huggingface/hub"
    embedders = ("all-MiniLM-L6-v2", "all-mpnet-base-v2")
    assert sorted(path.name for path in hub.iterdir()) == [f"models--sentence-transformers--{e}" for e in embedders]
    assert len(list(hub.rglob("model.safetensors"))) == 2
    assert len(list((me.home / ".cache/rag-faq/models").rglob("*.gguf"))) == 1


def test_the_names_of_the_space_belong_together():
    assert f"{process.OWNER}-{process.NAME}.hf.space" == process.HOST
