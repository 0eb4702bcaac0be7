"""The FAQ's own text as an answer: when a question is the FAQ's own, and how the stored answer is handed out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_faq.generation.replies import AUTHOR_WRITES, answers_to
from rag_faq.generation.voice import speaks_as_author
from rag_faq.records import Citation, Hit, Source
from rag_faq.retrieval.analysis import analyse

# Cosine of a question with an entry's own question from which they ask nearly the same, if negations and numbers agree.
# The whole answer is then better than a small model's extract of it.
_SAME = 0.8
_APART = 0.03  # … by which any text of another entry must be further from the question
_NEGATION = re.compile(r"\b(?:not|no|never|without|cannot)\b|n['’]t\b", re.IGNORECASE)
_REPLY = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def own_question(question: str, hits: Sequence[Hit], *, nearly: bool = True) -> Hit | None:
    """The entry whose own question this is, or, with `nearly`, all but is; None when it is none's.

    The same content words decide; else next to the same meaning, of the entry that the whole search puts first: where
    it puts another first, words of the question tell them apart. Negations and numbers must agree, and no other entry
    may be about as near in meaning: "what makes training hard?" is between two of them.
    """
    terms = set(analyse(question))
    alike = [hit for hit in hits if _signs(question) == _signs(hit.entry.question)]
    for hit in alike:
        if terms and terms == set(analyse(hit.entry.question)):
            return hit
    if not nearly or not alike or alike[0] is not hits[0]:
        return None
    first, nearest_other = alike[0], max((hit.cosine for hit in hits[1:]), default=0.0)
    same = first.chunk.kind == "question" and first.cosine >= max(_SAME, nearest_other + _APART)
    return first if same else None


def reply_of(text: str) -> str:
    """The "yes" or "no" that a text begins with; "" where it begins with neither."""
    found = _REPLY.match(text)
    return found[1].lower() if found else ""


def verbatim_text(source: Source, *, own: bool) -> tuple[str, Citation]:
    """The source's text with its [n], and the citation that spans it.

    An entry that says "I" is introduced as its author's words, and one that begins with yes or no by its question,
    unless it was asked that (`own`): it is no answer to what somebody else asks. An introduction is no part of the
    cited span.
    """
    lead = AUTHOR_WRITES if speaks_as_author(source.text) else ""
    if not own and reply_of(source.text):
        lead = answers_to(source.entry.question)
    start, end = len(lead), len(lead) + len(source.text)
    citation = Citation(source.number, source.entry.id, source.text, start, end, support=1.0)
    return f"{lead}{source.text} [{source.number}]", citation


def _signs(text: str) -> tuple[bool, frozenset[str]]:
    return _NEGATION.search(text) is not None, frozenset(_NUMBER.findall(text))
