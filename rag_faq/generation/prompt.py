"""Builds the prompts. The only place that knows in which order the parts of a prompt stand.

Nothing that changes from question to question stands before the sources, so that the model's state after
[system][source 1] … can be kept and used again. Each source is one segment, and so is the question; what the gate asks
about it comes behind it, so that the answer starts from the state after the question that the gate left.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from rag_faq.generation.probe import wording
from rag_faq.generation.voice import as_author, speaks_as_author
from rag_faq.records import FaqEntry, History, Message, Prompt, Source

# The question ends its message, under this label. It is a part of the question's segment, so it is never kept.
_QUESTION = "Question: "


NOTHING = Source(1, FaqEntry("", 0, "", "", "", (0, 0)), "", 0.0)  # a source without words


@cache
def _text(name: str) -> str:
    return files("rag_faq.generation").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8").strip()


def _source_segment(source: Source) -> str:
    """One source as the model sees it. It bears no number: the same entry is the same tokens wherever it stands.

    Where the document says "I", the model reads "the FAQ's author", so that it does not speak of itself.
    """
    text = as_author(source.text) if speaks_as_author(source.text) else source.text
    return f"FAQ text:\n{source.entry.question}\n{text}\n\n"


def _over_sources(sources: Sequence[Source], *fresh: str) -> Prompt:
    segments = (*(_source_segment(source) for source in sources), *fresh)
    return Prompt(
        messages=(Message("system", (_text("answer"),)), Message("user", segments)),
        sources=tuple(sources),
        fresh=len(fresh),
    )


def answer_prompt(question: str, sources: Sequence[Source]) -> Prompt:
    """Asks for the answer to `question` out of `sources`."""
    return _over_sources(sources, f"{_QUESTION}{question}")


def gate_prompt(question: str, sources: Sequence[Source]) -> Prompt:
    """Asks whether `sources` answer `question`, yes or no. It is `answer_prompt` up to the end of the question."""
    return _over_sources(sources, f"{_QUESTION}{question}", f"\n{_text('gate')}")


def statement_prompt(statement: str, source: Source) -> Prompt:
    """Asks whether `source` says all that `statement` says, yes or no."""
    return _over_sources((source,), f"Statement: {statement}\n{_text('statement')}")


def wording_of(prompt: Prompt) -> str:
    """Names the texts of a prompt. That of a prompt over nothing names the words around what is put in."""
    return wording(*(segment for message in prompt.messages for segment in message.segments))


def prefix_prompt(sources: Sequence[Source]) -> Prompt:
    """A prompt whose reusable prefix is the one of every question over `sources`: for filling states ahead."""
    return _over_sources(sources, _QUESTION)


def questions_prompt(source: Source) -> Prompt:
    """Asks for questions that `source` answers."""
    segments = (_source_segment(source), "Write ten different questions that this text answers.")
    return Prompt(
        messages=(Message("system", (_text("write_questions"),)), Message("user", segments)), sources=(source,)
    )


def standalone_prompt(question: str, history: History) -> Prompt:
    """Asks for `question` rewritten so that it stands without `history`."""
    turns = "".join(
        f"{'User' if role == 'user' else 'Assistant'}: {' '.join(text.split())}\n" for role, text in history
    )
    return Prompt(
        messages=(
            Message("system", (_text("standalone"),)),
            Message("user", (f"Conversation:\n{turns}User: {' '.join(question.split())}\nRewritten:",)),
        )
    )


def rephrase_prompt(question: str, like: Sequence[str]) -> Prompt:
    """Asks for `question` in the terms of a document that has questions `like` these."""
    listed = "\n".join(f"- {' '.join(one.split())}" for one in like)
    return Prompt(
        messages=(
            Message("system", (_text("rephrase").replace("{questions}", listed),)),
            Message("user", (f"User: {' '.join(question.split())}\nRewritten:",)),
        )
    )


def translate_prompt(question: str) -> Prompt:
    """Asks for `question` in English."""
    return Prompt(messages=(Message("system", (_text("translate"),)), Message("user", (question,))))
