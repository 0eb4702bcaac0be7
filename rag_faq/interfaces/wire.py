"""Answers, sources and entries as JSON: the one shape that the command line and the HTTP doors hand out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rag_faq.records import Answer, FaqEntry, Hit, Source, SourcesFound

MOST_HITS: Final = 10  # that a search gives: the chatbot looks no further


def source_json(source: Source) -> dict[str, Any]:
    """A source: `entry` is the FAQ's own number."""
    return {
        "number": source.number,
        "entry": source.entry.number,
        "question": source.entry.question,
        "score": round(source.score, 4),
    }


def sources_json(found: SourcesFound) -> dict[str, Any]:
    """What a search found, or, where it is settled, what the answer is written from."""
    return {
        "searched": found.searched,
        "settled": found.settled,
        "sources": [source_json(source) for source in found.sources],
    }


def hit_json(hit: Hit) -> dict[str, Any]:
    """An entry that was found; `matched` is the text of it that matched best."""
    return {
        "rank": hit.rank,
        "entry": hit.entry.number,
        "id": hit.entry.id,
        "question": hit.entry.question,
        "score": round(hit.score, 4),
        "matched": hit.matched,
    }


def hits_json(searched: str, hits: Sequence[Hit], limit: int) -> dict[str, Any]:
    """What a search gave, best first: the question as it was understood, and at most `limit` entries."""
    return {"searched": searched, "hits": [hit_json(hit) for hit in hits[:limit]]}


def entry_json(entry: FaqEntry, *, whole: bool = True) -> dict[str, Any]:
    """An entry with where it stands in its file; `whole`: with its answer."""
    shown = {
        "entry": entry.number,
        "id": entry.id,
        "question": entry.question,
        "source": entry.source,
        "lines": list(entry.lines),
    }
    return {**shown, "answer": entry.answer} if whole else shown


def answer_json(answer: Answer) -> dict[str, Any]:
    """The fields of a line of `rag-faq batch`, without its id."""
    numbers = {source.entry.id: source.entry.number for source in answer.sources}
    t = answer.timings
    return {
        "answer": answer.text,
        "outcome": answer.outcome,
        "citations": [
            {
                "number": c.number,
                "entry": numbers[c.entry_id],
                "quote": c.quote,
                "start": c.start,
                "end": c.end,
                "support": round(c.support, 3),
            }
            for c in answer.citations
        ],
        "sources": [source_json(source) for source in answer.sources],
        "related": [
            {"entry": r.entry.number, "question": r.entry.question, "score": round(r.score, 4)} for r in answer.related
        ],
        "unsupported": [{"text": u.text, "reason": u.reason} for u in answer.unsupported],
        "searched": answer.searched,
        "evidence": round(answer.evidence, 4),
        "note": answer.note,
        "model": {"name": answer.model.name, "device": answer.model.device, "detail": answer.model.detail},
        "index": answer.index,
        "timings": {
            "rewrite_s": round(t.rewrite_s, 4),
            "retrieve_s": round(t.retrieve_s, 4),
            "gate_s": round(t.gate_s, 4),
            "queue_s": round(t.queue_s, 4),
            "first_token_s": None if t.first_token_s is None else round(t.first_token_s, 4),
            "total_s": round(t.total_s, 4),
            "prompt_tokens": t.prompt_tokens,
            "cached_tokens": t.cached_tokens,
            "new_tokens": t.new_tokens,
        },
    }
