"""Questions in other words, only when that is needed: stand-alone, in English, in the terms of the document."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from rag_faq.errors import EngineError
from rag_faq.generation.generator import Generator, Sampling
from rag_faq.generation.language import foreign_language
from rag_faq.generation.prompt import rephrase_prompt, standalone_prompt, translate_prompt
from rag_faq.records import History, Prompt

log = logging.getLogger(__name__)

# Words that point back. "that" is more often a conjunction ("models that write code"), so it counts only at the end of
# a clause, at the start, or after a word that cannot stand before a conjunction.
_POINTS_BACK = re.compile(
    r"""\b(?:
        its?|they|them|their|theirs|he|she|him|her|this|these|those|
        that(?=\s*(?:$|[?.!,;]))|(?:^|(?<=\bof\ )|(?<=\bin\ )|(?<=\bfor\ )|(?<=\bwith\ )|(?<=\bto\ )|(?<=\bis\ )|
            (?<=\bdo\ )|(?<=\bdoes\ )|(?<=\bwhy\ )|(?<=\bafter\ )|(?<=\babout\ )|(?<=\blike\ )|(?<=\bfrom\ )|
            (?<=\bwas\ )|(?<=\bdoing\ ))that|
        the\s+(?:same|former|latter|first|second|third|fourth|last|others?|rest|previous|one|ones|opposite)|
        (?:both|either|neither|each)\s+of\s+them|another\s+one|second\s+one|
        you\s+(?:just\s+)?(?:said|mentioned|named|listed|told)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
# "Is it possible …", "does it make sense …": the pronoun points at nothing.
_EMPTY_IT = re.compile(
    r"\b(?:is|was|would|does|can|could)\s+it\s+(?:possible|true|correct|safe|hard|easy|ok|okay|worth|make\s+sense|legal)\b"
    r"|\bit(?:'s|\s+is)\s+(?:possible|true|said|important)\b|\bhow\s+(?:hard|easy|difficult)\s+is\s+it\s+to\b",
    re.IGNORECASE,
)
_OPENS_AS_REPLY = re.compile(
    r"^\W*(?:and|but|or|so|also|then|ok(?:ay)?,?\s+(?:and|but|so)|what\s+about|how\s+about|same\s+for|why\s+not|"
    r"what\s+else|anything\s+else|any\s+others?|such\s+as|like\s+what|for\s+example|tell\s+me\s+more|more\b|"
    r"in\s+what\s+way|how\s+so|how\s+come|really)\b",
    re.IGNORECASE,
)
# A question this short leans on what was said, unless it names its subject ("What is GPT-4?" has one content word).
_SHORT_WORDS = 4
_ASKS_WHAT_IS = re.compile(
    r"^\W*(?:what(?:'s|\s+is|\s+are)|who(?:'s|\s+is)|define|explain|describe)\s+\S+", re.IGNORECASE
)

_MOST_TURNS = 4  # of the conversation that are shown: older ones mislead more than they help
_MOST_CHARS = 600  # of one turn
_REWRITTEN = Sampling(max_tokens=64, stop=("\n",))
_TRANSLATED = Sampling(max_tokens=128, stop=("\n",))
_REPHRASED = Sampling(max_tokens=40, stop=("\n",))
_SHOWN = 12  # of the document's questions, from all over it: they tell its field and its terms
_WORD = re.compile(r"\w+")


def leans_on_history(question: str) -> bool:
    """True when the question cannot be understood without what was said before it."""
    text = _EMPTY_IT.sub(" ", question.strip())
    if _POINTS_BACK.search(text) or _OPENS_AS_REPLY.match(text):
        return True
    return len(_WORD.findall(question)) <= _SHORT_WORDS and not _ASKS_WHAT_IS.match(text)


def recent(history: History) -> History:
    """The last turns, each cut to a length that a small model can keep in mind."""
    return tuple((role, text[:_MOST_CHARS]) for role, text in history[-_MOST_TURNS:])


class Rewriter:
    """Puts questions in other words. Without a model it joins a follow-up to the question before it."""

    def __init__(self, generator: Generator | None, questions: Sequence[str] = ()) -> None:
        """`questions` are those of the document."""
        self._generator = generator
        self._like = tuple(questions[:: max(1, len(questions) // _SHOWN)][:_SHOWN])

    def prompts_ahead(self, *, in_the_documents_terms: bool) -> tuple[Prompt, ...]:
        """Prompts with the beginnings of those that are used here, but for the one that other languages need."""
        rephrased = [rephrase_prompt("", self._like)] if in_the_documents_terms and self._like else []
        return (standalone_prompt("", ()), *rephrased)

    def stand_alone(self, question: str, history: History) -> tuple[str, ...]:
        """What the search should look for: `question` itself when it stands alone in English.

        Of a follow-up, the model's rewriting, if it is to be believed; and the question behind the one before it, since
        a rewriting may have lost what that was about.
        """
        if foreign_language(question) is not None:
            question = self._translate(question)
        if not any(role == "user" for role, _ in history) or not leans_on_history(question):
            return (question,)
        history = recent(history)
        asked_before = next(text for role, text in reversed(history) if role == "user")
        joined = f"{asked_before.strip()} {question.strip()}"
        if self._generator is None:
            return (joined,)
        rewritten = self._write(standalone_prompt(question, history), _REWRITTEN)
        said = " ".join(text for _, text in history)
        repeats = _words(rewritten) == _words(asked_before)  # it was answered: something else is wanted now
        return (rewritten, joined) if _faithful(rewritten, question, said) and not repeats else (joined,)

    def in_the_documents_terms(self, question: str) -> str | None:
        """The same question as the document might put it; `None` where there is none, or it would be no other."""
        if self._generator is None or not self._like:
            return None
        rephrased = self._write(rephrase_prompt(question, self._like), _REPHRASED)
        return rephrased if _words(rephrased) and _words(rephrased) != _words(question) else None

    def _translate(self, question: str) -> str:
        if self._generator is None:
            return question
        return self._write(translate_prompt(question), _TRANSLATED) or question

    def _write(self, prompt: Prompt, sampling: Sampling) -> str:
        """What the model writes; nothing where it breaks down, so that the question is searched for as it is."""
        assert self._generator is not None
        try:
            text = "".join(self._generator.generate(prompt, sampling)).strip()
        except EngineError as error:
            log.warning("searching for the question as it is: %s", error)
            return ""
        return text.removeprefix("Rewritten:").strip().strip('"')


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _faithful(rewritten: str, question: str, said: str) -> bool:
    """A rewriting is used only if it is a question of a sane length whose words were all said before."""
    if not 3 <= len(rewritten) <= 300:
        return False
    known = {word[:4] for word in _words(f"{said} {question}")}
    words = [word for word in _words(rewritten) if len(word) > 3]
    if not words:
        return False
    return sum(word[:4] in known for word in words) >= 0.7 * len(words)
