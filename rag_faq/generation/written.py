"""Questions written for each entry by the model at build time, so that a search finds what is asked in other words.

Known as doc2query (Nogueira et al., 2019, https://arxiv.org/abs/1904.08375); the filter follows Doc2Query--
(Gospodinov et al., 2023, https://arxiv.org/abs/2301.03266): a question that does not find its own entry is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from rag_faq.generation.generator import Generator, Sampling
from rag_faq.generation.prompt import questions_prompt
from rag_faq.records import Chunk, FaqEntry, Source

_MARKER = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.):])\s*")
_FEWEST_WORDS, _MOST_WORDS = 2, 25
_SAMPLING = Sampling(max_tokens=320, temperature=0.8)

Finds = Callable[[str], str | None]  # question -> id of the entry that the search finds first


def draft_questions(
    entries: Sequence[FaqEntry],
    generator: Generator,
    rounds: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, tuple[str, ...]]:
    """For each entry's id, the questions that the model wrote for it in `rounds` rounds, each question once."""
    written: dict[str, tuple[str, ...]] = {}
    for done, entry in enumerate(entries, start=1):
        source = Source(1, entry, entry.answer, 1.0)
        found: dict[str, str] = {}
        for seed in range(rounds):
            sampling = Sampling(_SAMPLING.max_tokens, _SAMPLING.temperature, seed)
            text = "".join(generator.generate(questions_prompt(source), sampling))
            for question in _lines(text):
                found.setdefault(question.casefold(), question)
        written[entry.id] = tuple(found.values())
        if progress:
            progress(done, len(entries))
    return written


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        question = _MARKER.sub("", line).strip().strip('"*')
        if _FEWEST_WORDS <= len(question.split()) <= _MOST_WORDS:
            yield question


def kept_questions(written: Mapping[str, Sequence[str]], finds: Finds) -> dict[str, tuple[str, ...]]:
    """The questions that find their own entry first in an index that does not hold them."""
    return {entry_id: tuple(q for q in questions if finds(q) == entry_id) for entry_id, questions in written.items()}


def written_chunks(entries: Sequence[FaqEntry], kept: Mapping[str, Sequence[str]]) -> tuple[Chunk, ...]:
    """Chunks of the kind `written`, in the order of the entries."""
    return tuple(
        Chunk(f"{entry.id}/written/{i}", entry.id, question, "written")
        for entry in entries
        for i, question in enumerate(kept.get(entry.id, ()))
    )
