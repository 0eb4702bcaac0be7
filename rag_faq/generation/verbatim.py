"""The FAQ's own text as an answer: when a question is the FAQ's own, and how the stored answer is handed out."""

from __future__ import annotations

import re

from rag_faq.generation.replies import AUTHOR_WRITES
from rag_faq.generation.voice import speaks_as_author
from rag_faq.records import Citation, Hit, Source
from rag_faq.retrieval.analysis import analyse

# Cosine of a question with an entry's own question from which they ask nearly the same, if negations and numbers agree.
# The whole answer is then better than a small model's extract of it.
_SAME = 0.8
_NEGATION = re.compile(r"\b(?:not|no|never|without|cannot)\b|n['’]t\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def is_own_question(question: str, hit: Hit) -> bool:
    """True when `question` asks what the entry's question asks: the same content words, or next to the same meaning."""
    own = hit.entry.question
    if _signs(question) != _signs(own):
        return False
    terms = set(analyse(question))
    if terms and terms == set(analyse(own)):
        return True
    return hit.chunk.kind == "question" and hit.cosine >= _SAME


def verbatim_text(source: Source) -> tuple[str, Citation]:
    """The source's text with its [n], and the citation that spans it.

    An entry that says "I" is introduced as its author's words; the introduction is not a part of the cited span.
    """
    lead = AUTHOR_WRITES if speaks_as_author(source.text) else ""
    start, end = len(lead), len(lead) + len(source.text)
    citation = Citation(source.number, source.entry.id, source.text, start, end, support=1.0)
    return f"{lead}{source.text} [{source.number}]", citation


def _signs(text: str) -> tuple[bool, frozenset[str]]:
    return _NEGATION.search(text) is not None, frozenset(_NUMBER.findall(text))
