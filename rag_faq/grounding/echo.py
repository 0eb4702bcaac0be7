"""Sentences that take words over from the user's question.

"Our cluster bill is exploding, what do practitioners do?" is well answered by "Practitioners can tame the cluster bill
by distributed computing", although the source speaks of no bill. The user's own words are no claim of the answer's, as
long as the sentence says something new that the source bears out; but a name, a number, a negation or an opposite that
came with the question ("Why did Google build it?") is checked like any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag_faq.grounding.verify import Support, Verifier
from rag_faq.grounding.words import Token, content, stem, tokens, vocabulary

# So many words of its own a sentence must have beside those of the question.
_FEWEST_NEW = 2


class EchoTolerant:
    """A verifier for the answer to one question: words that only echo the question do not count against a sentence."""

    def __init__(self, verifier: Verifier, asked: str) -> None:
        self._verifier = verifier
        words = content(tokens(asked))
        self._asked = frozenset(part for token in words for part in (token.stem, *token.parts))
        # At the head of a sentence a name looks like any other word; in the question it may stand elsewhere.
        self._names = frozenset(token.stem for token in words if token.kind == "name")

    def check(self, sentence: str, source_text: str, question: str) -> Support:
        """Whether the source supports the sentence, as it stands or without what only echoes the question."""
        source = f"{question}\n{source_text}"
        held = {part for token in tokens(source) for part in (token.stem, *token.parts)}
        words = content(tokens(sentence))
        for token in words:
            if token.stem in self._names - held:
                return Support.none(f'the name "{token.text}" is not in the source')
        support = self._verifier.check(sentence, source_text, question)
        if support.supported:
            return support
        rest = self._without_echo(sentence, words, held, {token.text.lower() for token in tokens(source)})
        if rest is None:
            return support
        of_rest = self._verifier.check(rest, source_text, question)
        return of_rest if of_rest.supported else support

    def foreign(self, text: str, source_text: str, question: str) -> str:
        """The objection to a name or number in `text` that the source does not have, or ""."""
        return self._verifier.foreign(text, source_text, question)

    def _without_echo(self, sentence: str, words: Sequence[Token], held: set[str], written: set[str]) -> str | None:
        """The sentence without plain words that the question has and the source has not; None where that is no help.

        `held` are the stems of the source, `written` its words as they are.
        """
        opposites = vocabulary().antonyms
        echo = [
            token
            for token in words
            if token.kind == "content"
            and not opposites.get(token.text.lower(), frozenset()) & written
            and stem(token.text) in self._asked
            and not held & {token.stem, *token.parts}
        ]
        new = [token for token in words if not self._asked & {token.stem, *token.parts}]
        if not echo or len(new) < _FEWEST_NEW:
            return None
        rest, at = [], 0
        for token in echo:
            rest.append(sentence[at : token.start])
            at = token.end
        return " ".join("".join([*rest, sentence[at:]]).split())
