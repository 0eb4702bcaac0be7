"""`python app.py`: where it binds, and what it makes ready by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from rag_faq.errors import SettingsError
from rag_faq.interfaces import serve
from rag_faq.interfaces.space import arguments, ensure_index, fetch_missing, given_settings
from rag_faq.models.catalog import load_catalog
from rag_faq.settings import Settings

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, {}),
        ({"SPACE_ID": "me/faq"}, {"host": "0.0.0.0", "port": 7860}),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, {"host": "0.0.0.0"}),
        ({"PORT": "8080"}, {"port": 8080}),
        ({"GRADIO_SERVER_PORT": "7861", "PORT": "8080"}, {"port": 7861}),
        ({"SPACE_ID": "me/faq", "GRADIO_SERVER_NAME": "::", "PORT": "80"}, {"host": "::", "port": 80}),
        ({"SPACES_ZERO_GPU": "true"}, {"embedder_device": "cpu"}),
    ],
)
def test_where_it_runs_decides_the_address(environment, expected):
    assert arguments(environment, NONE) == expected


def test_what_the_owner_gave_goes_before():
    environment = {"SPACE_ID": "me/faq", "GRADIO_SERVER_NAME": "0.0.0.0", "PORT": "80", "SPACES_ZERO_GPU": "1"}
    assert arguments(environment, frozenset({"host", "embedder_device"})) == {"port": 80}


@pytest.mark.parametrize("port", ["http", "-1", "65536"])
def test_a_port_that_is_none_is_an_error(port):
    with pytest.raises(SettingsError, match="is no port"):
        arguments({"PORT": port}, NONE)


def test_the_owner_gives_settings_by_variables_and_in_the_file(tmp_path):
    assert given_settings({"RAG_FAQ_HOST": "::1", "RAG_FAQ_PORT": "", "PORT": "80"}, tmp_path) == {"host"}
    (tmp_path / "rag-faq.toml").write_text("port = 8000\n", encoding="utf-8")
    assert given_settings({}, tmp_path) == {"port"}
    (tmp_path / "other.toml").write_text('host = "::"\n', encoding="utf-8")
    assert given_settings({"RAG_FAQ_CONFIG": "other.toml"}, tmp_path) == {"config", "host"}
    assert given_settings({}, tmp_path / "nowhere") == NONE


def test_an_error_is_one_line():
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PORT": "many"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "rag-faq: PORT = 'many' is no port. Expected: a number up to 65535.\n"


def test_models_that_are_no_models_of_the_catalog_are_left_alone(tmp_path):
    own = str(tmp_path)
    fetch_missing(Settings.load(llm="none", embedder=own, second_embedder=own, models=tmp_path / "models"))
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(("installed", "served"), [("2.3.0", True), ("1.29.0", False), (None, False)])
def test_a_space_with_mcp_1_starts_without_the_tools_for_agents(monkeypatch, caplog, installed, served):
    def version(name):
        if installed is None:
            raise PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(serve, "version", version)
    assert serve.has_mcp() is served
    assert ("they want mcp 2" in caplog.text) is not served


@pytest.mark.weights
def test_weights_come_out_of_the_cache_of_the_hub_without_a_network(tmp_path):
    """As on a Space, where `preload_from_hub` puts them there while it is built."""
    from rag_faq.models.cache import ModelCache, models_folder

    model = load_catalog()["all-MiniLM-L6-v2"]
    assert model.hub is not None
    ours = ModelCache(models_folder(None))
    snapshot = tmp_path / "hub" / f"models--{model.hub.repo.replace('/', '--')}" / "snapshots" / model.hub.revision
    for file in model.files:
        link = snapshot / file.path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(ours.file_of(model, file))
    code = (
        "from rag_faq.interfaces.space import fetch_missing; from rag_faq.settings import Settings; "
        "from rag_faq.models.cache import models_folder; from rag_faq.models.resolve import resolve; "
        "s = Settings.load(llm='none'); fetch_missing(s); "
        "print(resolve(s.embedder, 'embedder', models_folder(s.models)).path)"
    )
    variables = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "RAG_FAQ_MODELS": str(tmp_path / "models")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": "/dev/null"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == str(tmp_path / "models" / model.folder_name)


@pytest.mark.weights
def test_an_index_is_built_where_it_is_not_of_the_corpus(tmp_path, caplog):
    caplog.set_level("INFO")
    document = tmp_path / "pets.md"
    document.write_text("## 1. What do cats eat?\n\nCats eat fish.\n", encoding="utf-8")
    settings = Settings.load(corpus=document, index=tmp_path / "index", llm="none")

    ensure_index(settings)
    first = json.loads((tmp_path / "index" / "manifest.json").read_text(encoding="utf-8"))
    ensure_index(settings)
    assert caplog.text.count("building the index") == 1  # it is there, and of this corpus

    document.write_text("## 1. What do dogs eat?\n\nDogs eat meat.\n", encoding="utf-8")
    ensure_index(settings)
    assert caplog.text.count("building the index") == 2
    assert json.loads((tmp_path / "index" / "manifest.json").read_text(encoding="utf-8"))["corpus"] != first["corpus"]
