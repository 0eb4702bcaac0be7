"""The chatbot's own words: refusals and notices. No fact about the documents' subject stands here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_faq.records import FaqEntry

EMPTY_QUESTION = "Please type a question. There was none to answer."
NO_WORDS = "That has no words to look for. Please ask a question in words."
COURTESY = "You are welcome. Ask me anything that the FAQ may answer."
THE_CHATBOT = "I am a program that answers from the FAQ, and no human. Ask me anything that it may answer."
ONLY_ORDERS = "I only answer questions from the FAQ, and found none in that. Please ask one."
STOPPED = "Stopped before the end."
NO_MODEL = "No language model is at hand, so this is the FAQ's own text."
OWN_QUESTION = "This is the FAQ's own question, so this is the FAQ's own answer."
MODEL_FAILED = "The language model broke down, so this is the FAQ's own text."
ASKED_VERBATIM = "This is the FAQ's own text, as the settings ask for."
NOTHING_HELD = "The model's wording could not be checked against the FAQ, so this is the FAQ's own text."
# How a model says that the text does not answer.
_DENIAL = re.compile(
    r"\b(?:text|FAQ|passage|source|excerpt|information|context)\b[^.]{0,60}?\b(?:does|do|did|is|are|has|have)(?:\s+not|n't)\b"
    r"|\b(?:no|not)\s+(?:mention|information|mentioned|stated|specified|provided|given|covered)\b"
    r"|\bnot\s+in\s+the\s+(?:FAQ|text)\b|^\W*(?:I'm\s+sorry|Sorry|I\s+can(?:'|no)t)\b",
    re.IGNORECASE,
)

AUTHOR_WRITES = "The FAQ's author writes:\n\n"


def answers_to(question: str) -> str:
    """Introduces a text that says yes or no to its own question, where that is not the user's."""
    return f'To "{question}" the FAQ answers:\n\n'


def too_long(length: int, most: int) -> str:
    """The question is over the limit."""
    return f"That question is {length:,} characters long, and the most is {most:,}. Please ask it more briefly."


def refusal(related: Sequence[FaqEntry], total: int) -> str:
    """The FAQ does not say; what it does cover."""
    if not related:
        return "The FAQ does not answer this."
    nearest = "\n".join(f"- {entry.question}" for entry in related)
    return f"The FAQ does not answer this. Of its {total} questions, these come nearest:\n\n{nearest}"


def not_covered(parts: Sequence[str]) -> str:
    """What a partly answered question leaves open."""
    return "The FAQ does not say: " + " ".join(part.strip() for part in parts)


def is_denial(text: str) -> bool:
    """True when the model's text says that the sources hold no answer."""
    return _DENIAL.search(text) is not None
