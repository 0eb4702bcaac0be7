"""A brief answer gets the passage of its source that is most to the point, as it stands, if it left that out.

A small model answers briefly, and leaves out what the reader would have wanted to know. What it left out is in the
source, so it is given from there: one passage, in quotation marks, cited like every other sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_faq.generation.voice import AUTHOR, speaks_as_author
from rag_faq.grounding.attribute import Grounded
from rag_faq.grounding.units import SourceReader, Unit
from rag_faq.grounding.words import content, tokens
from rag_faq.records import Citation, Source

_BRIEF = 45  # words: a longer answer has been through its source
_FEWEST = 6  # words of a passage that is worth quoting
_LONGEST = 80  # words of a passage that can be read at a glance
_TOLD = 0.75  # share of the passage's content words from which the answer has told it already
_NEAR = 0.3  # cosine with the question that a passage needs


def with_passage(grounded: Grounded, question: str, sources: Sequence[Source], reader: SourceReader) -> Grounded:
    """The answer with one passage of a source that it cites, unless it is long or has told that already."""
    words = len(grounded.text.split())
    if not grounded.citations or words > _BRIEF:
        return grounded
    cited = {citation.number for citation in grounded.citations}
    found = [
        (cosine, source, units)
        for source in sources
        if source.number in cited
        for cosine, units in passages(question, source, reader)
    ]
    if not found:
        return grounded
    cosine, source, units = max(found, key=lambda item: item[0])
    text = _untold(source.text, units, grounded.text)
    if cosine < _NEAR or _told(_span(source.text, units), grounded.text) or len(text.split()) < _FEWEST:
        return grounded
    speaker = AUTHOR if speaks_as_author(text) else "The FAQ"
    lead = f'{grounded.text}\n\n{speaker} writes: "'
    citation = Citation(source.number, source.entry.id, text, len(lead), len(lead) + len(text), support=1.0)
    return replace(grounded, text=f'{lead}{text}" [{source.number}]', citations=(*grounded.citations, citation))


def passages(question: str, source: Source, reader: SourceReader) -> list[tuple[float, list[Unit]]]:
    """The paragraphs and list lines of a source that can be quoted, each with its cosine with the question."""
    view = reader.view(source.text, source.entry.question)
    blocks: dict[int, list[Unit]] = {}
    for unit in view.units:
        blocks.setdefault(unit.block, []).append(unit)
    quotable = [units for units in blocks.values() if _quotable(_span(view.text, units))]
    if not quotable:
        return []
    texts = [_span(view.text, units) for units in quotable]
    vectors = reader.embedder.encode([question, *texts])  # (1 + passages, d)
    return [(float(cosine), units) for cosine, units in zip(vectors[1:] @ vectors[0], quotable, strict=True)]


def _quotable(text: str) -> bool:
    return len(text.split()) <= _LONGEST and not text.rstrip("*_ ").endswith(":")


def _span(text: str, units: Sequence[Unit]) -> str:
    return text[units[0].span.start : units[-1].span.end] if units else ""


def _untold(text: str, units: Sequence[Unit], told: str) -> str:
    """The passage without the sentences at its beginning and end that were told."""
    while units and _told(units[0].text, told):
        units = units[1:]
    while units and _told(units[-1].text, told):
        units = units[:-1]
    return _span(text, units)


def _told(passage: str, answer: str) -> bool:
    wanted = {token.stem for token in content(tokens(passage))}
    return len(wanted & {token.stem for token in content(tokens(answer))}) >= _TOLD * len(wanted)
