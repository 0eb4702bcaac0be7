"""When nothing of what the model wrote holds: is the source's own text the better answer, or a refusal?

A small model spoils what its source says, or gives in to a false premise: then the source itself is the answer. Or the
source does not say what was asked, and the model makes something up. Its own words tell the two apart: what is made up
comes with names and numbers that no source has, or has next to nothing of the source in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag_faq.grounding.passages import near_enough
from rag_faq.grounding.verify import Verifier
from rag_faq.records import Source

# Chosen on the development questions of which nothing held (docs/evaluation.md).
_SURE = 0.7  # that the source answers
_CLOSE = 0.3  # how well wording and meaning bear a sentence out


def stands_in(source: Source, asked: str, probability: float, written: Sequence[str], verifier: Verifier) -> bool:
    """Whether the text of `source` answers what was `asked`, of which none of the `written` sentences does.

    Neither the question nor the model's text may have names or numbers from elsewhere, and two of three must speak for
    the source: `probability`, that it answers, as judged before anything was written; a passage that comes near the
    question; a sentence that the source all but bears out.
    """
    text, question = source.text, source.entry.question
    if verifier.foreign_asked(asked, text, question) or any(verifier.foreign(said, text, question) for said in written):
        return False
    sure = probability >= _SURE
    near = near_enough(asked, source, verifier.reader)
    close = any(verifier.likeness(sentence, text, question) >= _CLOSE for sentence in written)
    return sure + near + close >= 2
