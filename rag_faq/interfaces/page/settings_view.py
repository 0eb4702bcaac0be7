"""What answers, in facts: model, device, index."""

from __future__ import annotations

from datetime import datetime

from rag_faq.feedback.asked import package_version
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.texts import Texts
from rag_faq.records import ModelInfo
from rag_faq.retrieval.manifest import MANIFEST
from rag_faq.retrieval.store import FaqIndex

_SHOWN = 12  # characters of a fingerprint


def facts(model: ModelInfo, index: FaqIndex, texts: Texts) -> str:
    """A list of names and values."""
    manifest = index.manifest
    if model.name == "none":
        runs = [("fact_model", texts("fact_model_none"))]
        if model.detail:
            runs.append(("fact_device", model.detail))
    else:
        runs = [("fact_model", model.name), ("fact_device", ", ".join(filter(None, (model.device, model.detail))))]
    if model.sha256:
        runs.append(("fact_weights", model.sha256[:_SHOWN]))
    rows = [
        *runs,
        ("fact_documents", ", ".join(manifest.corpus)),
        ("fact_entries", str(manifest.entries)),
        ("fact_chunks", str(manifest.chunks)),
        ("fact_embedder", f"{manifest.embedder} ({manifest.embedder_fingerprint[:_SHOWN]})"),
        ("fact_index", manifest.fingerprint[:_SHOWN]),
        ("fact_built", built(index)),
        ("fact_version", package_version()),
    ]
    items = "".join(
        f"<div><dt>{plain(texts(name))}</dt><dd dir='auto'>{plain(value)}</dd></div>" for name, value in rows if value
    )
    return f'<h2>{plain(texts("facts_heading"))}</h2><dl class="facts-list">{items}</dl>'


def built(index: FaqIndex) -> str:
    """When the index was written, to the minute, in this machine's time; empty where its folder is gone."""
    try:
        written = (index.folder / MANIFEST).stat().st_mtime
    except OSError:
        return ""
    return datetime.fromtimestamp(written).astimezone().strftime("%Y-%m-%d %H:%M %Z")
