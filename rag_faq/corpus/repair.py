"""Repair of what conversion (PDF, word processor, character recognition) has done to a document.

Each rule has a name and a reason, and looks at the whole document: what a spelling means is decided by how the same
document writes elsewhere, so that a document that is in order comes out as it went in. The file itself is never
altered, and each line keeps the line numbers that it has in the file. Applying the rules twice changes nothing more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rag_faq.corpus.document import Document, Line
from rag_faq.corpus.repair_layout import clean_characters, join_wraps, strip_heading_marks
from rag_faq.corpus.repair_words import hyphenate_joined, part_glued, read_al_as_ai


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of damage and its repair."""

    name: str
    why: str
    apply: Callable[[Sequence[Line]], tuple[tuple[Line, ...], int]]  # the lines, and how often it was needed


RULES: Final[tuple[Rule, ...]] = (
    Rule("characters", "Invisible characters, ligatures and odd spaces keep words from being found.", clean_characters),
    Rule("heading-marks", "Bold markers round a heading would stand in the question.", strip_heading_marks),
    Rule("wrapped-lines", "A sentence broken over several lines is one sentence.", join_wraps),
    Rule("al-for-ai", 'Character recognition reads the capital I of "AI" as a small l.', read_al_as_ai),
    Rule("glued-words", 'A space lost before an abbreviation ("orGANs") hides both words.', part_glued),
    Rule("lost-hyphens", 'A hyphen lost at a line end ("highresolution") makes a word of two.', hyphenate_joined),
)


def repair(document: Document, rules: Sequence[Rule] = RULES) -> tuple[Document, Mapping[str, int]]:
    """Apply the rules in order; give the document with repaired lines, and how often each rule was needed.

    `Document.text` stays as it is in the file. Rules that found nothing are not in the mapping.
    """
    lines = document.lines
    counts: Counter[str] = Counter()
    found = -1
    # One repair can uncover another (a joined line shows a word whole). Each makes the damage less, so this ends.
    while found != counts.total():
        found = counts.total()
        for rule in rules:
            lines, count = rule.apply(lines)
            counts[rule.name] += count
    return replace(document, lines=lines), {name: count for name, count in counts.items() if count}
