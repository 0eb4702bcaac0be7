"""A brief answer gets the passage of its source that is most to the point, as it stands, if it left that out.

A small model answers briefly, and leaves out what the reader would have wanted to know. What it left out is in the
source, so it is given from there: one passage, in quotation marks, cited like every other sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_faq.generation.voice import AUTHOR, speaks_as_author
from rag_faq.grounding.attribute import Grounded
from rag_faq.grounding.units import SourceReader, Unit, best_cosine, span_of
from rag_faq.grounding.words import content_stems
from rag_faq.records import Citation, Source

_BRIEF = 45  # words: a longer answer has been through its source
_FEWEST = 6  # words of a passage that is worth quoting
_TOLD = 0.75  # share of the passage's content words from which the answer has told it already
_NEAR = 0.3  # cosine with the question that a passage needs


def with_passage(grounded: Grounded, question: str, sources: Sequence[Source], reader: SourceReader) -> Grounded:
    """The answer with one passage of a source that it cites, unless it is long or has told that already."""
    words = len(grounded.text.split())
    if not grounded.citations or words > _BRIEF:
        return grounded
    cited = {citation.number for citation in grounded.citations}
    asked = reader.embedder.encode([question])[0]
    views = [(source, reader.view(source.text, source.entry.question)) for source in sources if source.number in cited]
    nearest = [(*best_cosine(asked, view.passage_vectors), source, view) for source, view in views if view.passages]
    if not nearest:
        return grounded
    cosine, place, source, view = max(nearest, key=lambda item: item[0])
    passage = view.passages[place]
    text = _untold(source.text, passage, grounded.text)
    if cosine < _NEAR or _told(span_of(source.text, passage), grounded.text) or len(text.split()) < _FEWEST:
        return grounded
    speaker = AUTHOR if speaks_as_author(text) else "The FAQ"
    lead = f'{grounded.text}\n\n{speaker} writes: "'
    citation = Citation(source.number, source.entry.id, text, len(lead), len(lead) + len(text), support=1.0)
    return replace(grounded, text=f'{lead}{text}" [{source.number}]', citations=(*grounded.citations, citation))


def near_enough(question: str, source: Source, reader: SourceReader) -> bool:
    """Whether some passage of the source comes near the question."""
    passages = reader.view(source.text, source.entry.question).passage_vectors
    cosine, _ = best_cosine(reader.embedder.encode([question])[0], passages)
    return cosine >= _NEAR


def _untold(text: str, units: Sequence[Unit], told: str) -> str:
    """The passage without the sentences at its beginning and end that were told."""
    while units and _told(units[0].text, told):
        units = units[1:]
    while units and _told(units[-1].text, told):
        units = units[:-1]
    return span_of(text, units)


def _told(passage: str, answer: str) -> bool:
    wanted = content_stems(passage)
    return len(wanted & content_stems(answer)) >= _TOLD * len(wanted)
