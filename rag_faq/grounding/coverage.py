"""Which parts of a question its sources cover, once the names are counted in that a part has and its sources lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_faq.generation.found import Found, Share
from rag_faq.generation.odds import less_likely
from rag_faq.grounding.verify import Verifier
from rag_faq.records import Source

# What a name in the question that no source has takes off the log-odds that the sources answer: there is one in half of
# the near misses, and in one in ten of the questions that the FAQ answers.
_FOREIGN = 2.0
# A question of which another part is not answered has to be answered with this probability, names counted in.
_PARTLY = 0.8


class Coverage:
    """Tells whether what was found covers the question."""

    def __init__(self, verifier: Verifier, strictness: float) -> None:
        """`strictness` is the least probability with which a question is answered."""
        self._verifier = verifier
        self._strictness = strictness

    def covered(self, found: Found) -> Found:
        """The same without the shares that are not probable enough; if others are, their questions stay open."""
        least = self._least(in_parts=bool(found.open_parts))
        enough: list[Share] = []
        left: list[str] = []
        for share in found.shares:
            # Of two entries that answer one question side by side, each has its own of the question's names.
            sources = [source for other in found.shares if other.question == share.question for source in other.sources]
            share = replace(share, probability=self._probability(share, sources))
            if share.probability >= least:
                enough.append(share)
            else:
                left.append(share.question)
        return replace(found, shares=tuple(enough), open_parts=(*found.open_parts, *(left if enough else ())))

    def stays(self, share: Share, *, in_parts: bool) -> bool:
        """Whether `covered` will keep the share, whatever is found beside it; `in_parts`: for the question's parts."""
        return self._probability(share, share.sources) >= self._least(in_parts=in_parts)

    def _least(self, *, in_parts: bool) -> float:
        """How probable a share must be; `in_parts`: where other parts may not be answered."""
        return max(self._strictness, _PARTLY if in_parts else 0.0)

    def _probability(self, share: Share, sources: Sequence[Source]) -> float:
        """That the share is answered, once names are counted in that none of these sources has."""
        texts, questions = (source.text for source in sources), (source.entry.question for source in sources)
        foreign = self._verifier.foreign_asked(share.question, "\n\n".join(texts), "\n".join(questions))
        return less_likely(share.probability, _FOREIGN) if foreign else share.probability
