"""When nothing of what the model wrote holds: is the source's own text the better answer, or a refusal?

A small model spoils what its source says, or gives in to a false premise: then the source itself is the answer. Or the
source does not say what was asked, and the model makes something up. What was thought of the source before tells the
two apart, and so do the model's own words: what is made up comes with names and numbers that no source has, or has next
to nothing of the source in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag_faq.grounding.passages import near_enough
from rag_faq.grounding.verify import Verifier
from rag_faq.records import Source

# Chosen on the development questions of which nothing held (docs/evaluation.md).
_CERTAIN = 0.9  # that the source answers, whatever was written
_SURE = 0.7  # that it does, if something else speaks for it
_CLOSE = 0.3  # how well wording and meaning bear a sentence out


def stands_in(source: Source, asked: str, probability: float, written: Sequence[str], verifier: Verifier) -> bool:
    """Whether the text of `source` answers what was `asked`, of which none of the `written` sentences does.

    The question may have no names or numbers from elsewhere. Then next to certainty is enough for the `probability`
    that the source answers, as judged before anything was written. Else the model's text may have none either, and two
    of three must speak for the source: that probability; a passage that comes near the question; a sentence that the
    source all but bears out.
    """
    text, question = source.text, source.entry.question
    if verifier.foreign_asked(asked, text, question):
        return False
    if probability >= _CERTAIN:
        return True
    if any(verifier.foreign(said, text, question) for said in written):
        return False
    sure = probability >= _SURE
    near = near_enough(asked, source, verifier.reader)
    close = any(verifier.likeness(sentence, text, question) >= _CLOSE for sentence in written)
    return sure + near + close >= 2
