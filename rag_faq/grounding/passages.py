"""A brief answer gets the passages of its sources that are most to the point, as they stand, if it left them out.

A small model answers briefly, and leaves out what the reader would have wanted to know. What it left out is in the
source, so it is given from there: three passages at most, in quotation marks, cited like every other sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from rag_faq.generation.voice import AUTHOR, speaks_as_author
from rag_faq.grounding.attribute import Grounded
from rag_faq.grounding.units import SourceReader, Unit, best_cosine, span_of
from rag_faq.grounding.words import content_stems
from rag_faq.records import Citation, Source

_BRIEF = 45  # words: a longer answer has been through its source
_FEWEST = 6  # words of a passage that is worth quoting
_TOLD = 0.75  # share of the passage's content words from which the answer has told it already
# Chosen on the development questions (docs/evaluation.md): each further passage has more facts, and more to read.
_MOST = 3
_TO_THE_POINT = 0.2  # cosine with the question that a passage needs
_BESIDE = 0.6  # … and share of the nearest one's
_NEAR = 0.3  # cosine with the question from which a source's own text may stand for an answer

_Passage: TypeAlias = tuple[Source, tuple[Unit, ...]]


def with_passages(grounded: Grounded, question: str, sources: Sequence[Source], reader: SourceReader) -> Grounded:
    """The answer with passages of the sources that it cites, unless it is long or has told them already."""
    if not grounded.citations or len(grounded.text.split()) > _BRIEF:
        return grounded
    cited = {citation.number for citation in grounded.citations}
    given = 0
    for source, passage in _to_the_point(question, [source for source in sources if source.number in cited], reader):
        if given == _MOST or _told(span_of(source.text, passage), grounded.text):
            break  # what is farther than what was told is seldom missed
        text = _untold(source.text, passage, grounded.text)
        if len(text.split()) >= _FEWEST:
            grounded = _quoting(grounded, source, text, again=given > 0)
            given += 1
    return grounded


def _to_the_point(question: str, sources: Sequence[Source], reader: SourceReader) -> Iterator[_Passage]:
    """Passages that come near the question, the nearest first."""
    asked = reader.embedder.encode([question])[0]
    found: list[tuple[float, _Passage]] = []
    for source in sources:
        view = reader.view(source.text, source.entry.question)
        cosines = view.passage_vectors @ asked if view.passages else ()
        found += [(float(cosine), (source, passage)) for cosine, passage in zip(cosines, view.passages, strict=True)]
    found.sort(key=lambda item: -item[0])
    for cosine, passage in found:
        if cosine >= max(_TO_THE_POINT, _BESIDE * found[0][0]):
            yield passage


def _quoting(grounded: Grounded, source: Source, text: str, *, again: bool) -> Grounded:
    """The answer with this text of the source behind it."""
    speaker = AUTHOR if speaks_as_author(text) else "The FAQ"
    lead = f'{grounded.text}\n\n{speaker}{" also" if again else ""} writes: "'
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
