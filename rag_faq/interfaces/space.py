"""`python app.py`: the start of a Hugging Face Space, where nobody can type a command.

What a person would do by hand is done first: weights that are missing are fetched (a Space has them in the cache of the
Hub, where its card's `preload_from_hub` put them), and an index that is not of the corpus is built.
"""

from __future__ import annotations

import logging
import os
import sys
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_faq.errors import IndexFolderError, RagFaqError, SettingsError, UnknownModelError
from rag_faq.interfaces.zero_gpu import ZeroGpu, on_zero_gpu
from rag_faq.settings import PREFIX, Settings, settings_file

if TYPE_CHECKING:
    from rag_faq.retrieval.embedder import Embedder

log = logging.getLogger(__name__)

SPACE_HOST, SPACE_PORT = "0.0.0.0", 7860


def arguments(environment: Mapping[str, str], given: frozenset[str]) -> dict[str, Any]:
    """The settings that follow from where this runs, but for those that the owner has `given`.

    On a Space: all addresses, port 7860. Elsewhere: what the settings say. `GRADIO_SERVER_NAME`, and
    `GRADIO_SERVER_PORT` or `PORT`, go before both, since a host sets them on purpose.

    Raises SettingsError for a port that is no number.
    """
    on_space = bool(environment.get("SPACE_ID"))
    found: dict[str, Any] = {
        "host": environment.get("GRADIO_SERVER_NAME") or (SPACE_HOST if on_space else None),
        "port": _port(environment) or (SPACE_PORT if on_space else None),
        # torch claims a GPU on ZeroGPU, which is there only inside marked functions.
        "embedder_device": "cpu" if on_zero_gpu(environment) else None,
    }
    return {name: value for name, value in found.items() if value is not None and name not in given}


def _port(environment: Mapping[str, str]) -> int | None:
    for variable in ("GRADIO_SERVER_PORT", "PORT"):
        if text := environment.get(variable, "").strip():
            if not text.isdecimal() or int(text) > 65535:
                raise SettingsError(f"{variable} = {text!r} is no port", expected="a number up to 65535")
            return int(text)
    return None


def given_settings(environment: Mapping[str, str], folder: Path) -> frozenset[str]:
    """Names of the settings that the owner gave, by a variable or in the settings file."""
    by_variable = {
        name.removeprefix(PREFIX).lower() for name, value in environment.items() if name.startswith(PREFIX) and value
    }
    file = folder / settings_file(None, environment)
    try:
        in_file = set(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # not there, or not valid: `Settings.load` says so
        in_file = set()
    return frozenset(by_variable | in_file)


def fetch_missing(settings: Settings) -> None:
    """Fetch the models of the settings that are not here. A model's server and a file of the owner's are left alone.

    Raises what `rag_faq.models.fetch.fetch` raises for the embedder. Without a second one the chatbot finds less, and
    without a language model it answers in the FAQ's own words: a failure there is only logged.
    """
    from rag_faq.models.cache import models_folder
    from rag_faq.models.fetch import fetch
    from rag_faq.models.resolve import find

    for name, _ in settings.weights:
        try:
            model = find(name)
        except UnknownModelError:
            continue  # none, a path, or the address of a server
        try:
            log.info("%s is in %s", name, fetch(model, models_folder(settings.models)))
        except RagFaqError as error:
            if name == settings.embedder:
                raise
            log.warning("%s", error)


def ensure_index(settings: Settings, gpu: ZeroGpu | None = None) -> None:
    """Build the index where there is none, or one of another corpus or embedder."""
    from rag_faq.assembly import build, load_closer, load_retriever

    try:
        load_closer(settings, load_retriever(settings))
    except IndexFolderError as error:
        log.info("building the index: %s", error.found)
        manifest = build(settings, ahead=partial(_ahead, settings, gpu)) if gpu else build(settings)
        log.info("%d entries were indexed", manifest.entries)


def _ahead(settings: Settings, gpu: ZeroGpu, embedder: Embedder) -> Embedder:
    """The embedder with the vectors of the corpus, which the GPU made."""
    from rag_faq.assembly import corpus_chunks
    from rag_faq.corpus.reader import read_corpus
    from rag_faq.models.cache import models_folder
    from rag_faq.models.resolve import resolve

    chunks = corpus_chunks(read_corpus(settings.corpus), embedder)
    folder = resolve(embedder.name, "embedder", models_folder(settings.models)).path
    return gpu.embed_ahead(embedder, folder, [chunk.text for chunk in chunks])


def start(environment: Mapping[str, str]) -> None:
    """Make everything ready, serve, and stay until interrupted."""
    from rag_faq.interfaces.serve import serve

    if environment.get("SPACE_ID"):
        # A Space is reached through the Hub's proxy alone, which says whom a request is from and that it was https.
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "*")  # read by uvicorn
    gpu = ZeroGpu() if on_zero_gpu(environment) else None  # first of all: it must come before torch
    settings = Settings.load(**arguments(environment, given_settings(environment, Path.cwd())))
    if gpu is not None:
        log.info("on ZeroGPU: questions are embedded and answered on the CPU, a large corpus is indexed on the GPU")
    fetch_missing(settings)
    ensure_index(settings, gpu)
    if gpu is not None:
        gpu.report_started()
    serve(settings)


def main() -> None:
    """Entry point of app.py: an error of ours is one line on standard error and exit status 2."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("rag-faq: %(message)s"))
    ours = logging.getLogger("rag_faq")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        start(os.environ)
    except RagFaqError as error:
        sys.stderr.write(f"rag-faq: {error}\n")
        raise SystemExit(2) from None
