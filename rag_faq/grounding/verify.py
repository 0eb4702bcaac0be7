"""Does a source support a sentence? Decided by wording, by meaning, and by the language model's own word.

Names, numbers and negations must agree with the source: no likeness of meaning makes up for them. What remains is
weighed: how much of the sentence's content has a counterpart in the source, how near the meanings are, and whether what
is said together in the sentence is said together in the source; where that leaves a doubt, also whether the model says
that the source states all of it.

What this cannot always see: two things that change their roles inside one sentence of the source in the source's own
words ("A turns, while B stands" for "B turns, while A stands"), and a claim that is a little too strong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from rag_faq.generation.odds import less_likely, logit
from rag_faq.grounding.conflicts import foreign
from rag_faq.grounding.evidence import Evidence, gather
from rag_faq.grounding.sentences import Span
from rag_faq.grounding.units import SourceReader
from rag_faq.grounding.weigh import Scales, Told, load_scales
from rag_faq.grounding.words import content_stems, stem, tokens
from rag_faq.retrieval.embedder import Embedder

# What each word that came with the question, and is not in the source, takes off a sentence's log-odds; for how many.
_ECHO, _MOST_ECHOED = 0.8, 2
# Where it is less probable than this that the source answers at all, a sentence has to be the surer: what a model
# writes about a text that does not answer is its own invention, in the text's words.
_TRUSTED = 0.9
# A document spells a name out in brackets; its "stand" stands for something else.
_STANDS_FOR = re.compile(r"\bstands?\s+for\b", re.IGNORECASE)
# What a model tells of (sentence, source's text, source's question); None where it cannot say.
Word: TypeAlias = Callable[[str, str, str], Told | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sentence is to answer, and how probable it was, before it was written, that the source answers that."""

    question: str = ""
    probability: float = 1.0


_NOTHING = Asked()


@dataclass(frozen=True, slots=True)
class Support:
    """What one source has to say for one sentence."""

    score: float  # 0..1
    supported: bool
    quote: str  # words of the source's text, or, where only that bears the sentence out, of its question
    quote_span: Span  # of the quote in the text that it was taken from
    reason: str  # why it is not supported; "" when it is
    in_question: bool = False  # the quote is from the source's question

    @classmethod
    def none(cls, reason: str) -> Support:
        """No support at all."""
        return cls(0.0, False, "", Span(0, 0), reason)


def _echoed(evidence: Evidence, asked: str) -> int:
    """How many words of the sentence are the user's and not the source's: a premise that was taken over, perhaps."""
    theirs = content_stems(asked)
    return sum(stem(word) in theirs for word in evidence.uncovered)


def _doubt(asked: Asked) -> float:
    """What a doubt whether the source answers takes off a sentence's log-odds."""
    return max(0.0, logit(_TRUSTED) - logit(asked.probability))


class Verifier:
    """Checks sentences against sources. Safe for many threads as long as the embedder is."""

    def __init__(self, embedder: Embedder, word: Word | None = None, scales: Scales | None = None) -> None:
        """`word` is the model's; without it wording and meaning decide alone."""
        self._embedder = embedder
        self._word = word
        self.reader = SourceReader(embedder)
        self._scales = scales or load_scales()

    @property
    def threshold(self) -> float:
        """The score from which a sentence counts as supported."""
        return self._scales.threshold

    def prepare(self, source_text: str, question: str) -> None:
        """Read a source ahead, so that the first check against it need not: while the model writes, say."""
        self.reader.view(source_text, question)

    def evidence(self, sentence: str, source_text: str, question: str) -> Evidence:
        """What speaks for and against the sentence, before it is weighed."""
        sentence = _STANDS_FOR.sub("is", sentence)
        return gather(sentence, self.reader.view(source_text, question), self._embedder, self.reader.word_vectors)

    def foreign(self, text: str, source_text: str, question: str) -> str:
        """The objection to a name or number in `text` that the source does not have, or ""."""
        return foreign(tokens(text), self.reader.view(source_text, question))

    def foreign_asked(self, asked: str, source_text: str, question: str) -> str:
        """The same for what a user asks: small numbers in words ("which two …") only count what is asked for."""
        named = [token for token in tokens(asked) if token.kind != "number" or any(map(str.isdigit, token.text))]
        return foreign(named, self.reader.view(source_text, question))

    def likeness(self, sentence: str, source_text: str, question: str) -> float:
        """How well wording and meaning alone bear the sentence out, 0 to 1, whatever speaks against it."""
        return self._scales.alone.score(self.evidence(sentence, source_text, question).features)

    def check(self, sentence: str, source_text: str, question: str, asked: Asked = _NOTHING) -> Support:
        """Whether the source, that is its text and its own question, supports the sentence.

        `question` is the question of the source's entry, not the user's: what a user claims is no evidence. `asked` is
        the user's: words that the sentence has from there and the source does not have speak against it, and so does
        a doubt whether the source answers at all.
        """
        evidence = self.evidence(sentence, source_text, question)
        if not evidence.content:
            return Support.none("it says nothing that could be checked")
        score = self._score(evidence, sentence, source_text, question)
        score = less_likely(score, _ECHO * min(_MOST_ECHOED, _echoed(evidence, asked.question)) + _doubt(asked))
        reason = evidence.objection
        if reason:
            score = min(score, self.threshold / 2)
        elif score < self.threshold:
            reason = evidence.weakness()
        return Support(
            score=score,
            supported=not reason,
            quote=evidence.quote,
            quote_span=evidence.quote_span,
            reason=reason,
            in_question=evidence.quote_in_question,
        )

    def _score(self, evidence: Evidence, sentence: str, source_text: str, question: str) -> float:
        score = self._scales.alone.score(evidence.features)
        low, high = self._scales.doubt
        if self._word is None or evidence.objection or not low < score < high:
            return score
        told = self._word(sentence, source_text, question)
        return score if told is None else self._scales.with_word(evidence.features, told)
