"""Words that stand for something named before ("it", "this model"): do they still stand for the same thing?

"It excels at summaries" is true where its source says it, in a list line about one thing. Taken out of that line, and
put after a sentence about another thing, or under a question about one, it says something else in the same words.
"""

from __future__ import annotations

import re

from rag_faq.grounding.sentences import Span, list_marker
from rag_faq.grounding.verify import Support
from rag_faq.grounding.words import content_stems, tokens
from rag_faq.records import Source

ANOTHER = "the source says this of something else"
# Within the first words of a sentence: later ones mostly stand for something in the sentence itself.
_STANDS_FOR = re.compile(r"^\W*(?:[\w'-]+\W+){0,4}?(?:it|its|they|their|them|this|these)\b", re.IGNORECASE)
_HEAD = 6  # words of a list line that say what it is about, where no colon ends them


def strays(body: str, support: tuple[Source, Support], before: tuple[Source, Support] | None, named: str) -> bool:
    """Whether a word of `body` stands for something else than in the list line that supports it.

    `before` supports the sentence before it, and `named` is that sentence, or the question where there is none. A
    sentence that no list line supports never strays.
    """
    source, found = support
    line = _list_line(source, found)
    if line is None or not _STANDS_FOR.match(body):
        return False
    if before is None:
        names = {token.stem for token in tokens(named) if token.kind == "name"}
        return bool(names) and not names & {token.stem for token in tokens(_text(source, line))}
    if before[0].number != source.number:
        return True
    return _list_line(*before) != line and not content_stems(named) & content_stems(_head(_text(source, line)))


def _list_line(source: Source, support: Support) -> Span | None:
    """The list line that the quote stands in; None where it stands in none."""
    if support.in_question:
        return None
    start = source.text.rfind("\n", 0, support.quote_span.start) + 1
    end = source.text.find("\n", support.quote_span.start)
    line = Span(start, len(source.text) if end < 0 else end)
    return line if list_marker(_text(source, line)) else None


def _text(source: Source, span: Span) -> str:
    return source.text[span.start : span.end]


def _head(line: str) -> str:
    line = line[len(list_marker(line)) :]
    head, colon, _ = line.partition(":")
    return head if colon else " ".join(line.split()[:_HEAD])
