"""Composing: the model writes, and what it wrote is held against the sources, part by part of the question.

Each part is answered from its own sources. A small model that is given all of them at once, and all of the questions,
answers one and forgets the others.
"""

from __future__ import annotations

import time
from collections.abc import Generator as Steps
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Event as Flag

from rag_faq.generation import replies
from rag_faq.generation.found import Share
from rag_faq.generation.generator import Generator, Sampling
from rag_faq.generation.prompt import answer_prompt
from rag_faq.generation.verbatim import verbatim_text
from rag_faq.generation.voice import as_author, speaks_as_author
from rag_faq.grounding.attribute import Grounded, ground
from rag_faq.grounding.passages import with_passages
from rag_faq.grounding.stand_in import stands_in
from rag_faq.grounding.verify import Asked, Verifier
from rag_faq.records import Source, TextDelta, Timings

_BETWEEN = "\n\n"  # the answers to two parts


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model wrote for each share, in order; fewer texts than shares where it was stopped."""

    texts: tuple[str, ...] = ()
    timings: Timings = field(default_factory=Timings)  # with what the model took
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Composed:
    """What is left of a draft."""

    grounded: Grounded  # without text where nothing holds
    written: bool  # some of it are the model's words, not only the FAQ's own in their place
    open_parts: tuple[str, ...]  # questions of the shares of which nothing is left


def write(
    shares: Sequence[Share], generator: Generator, most_tokens: int, draft: Draft, cancel: Flag | None, start: float
) -> Steps[TextDelta, None, Draft]:
    """Let the model answer each share, `most_tokens` each at most, and give its words on as they come.

    Those come behind what the `draft` has. `start` is when the question came, by the performance counter. Raises what
    the generator raises.
    """
    texts, timings = [*draft.texts], draft.timings
    for share in shares:
        if texts:
            yield TextDelta(_BETWEEN)
        written: list[str] = []
        prompt = answer_prompt(share.question, share.sources)
        generation = generator.generate(prompt, Sampling(max_tokens=most_tokens), cancel)
        try:
            for piece in generation:
                if timings.first_token_s is None:
                    timings = replace(timings, first_token_s=time.perf_counter() - start)
                written.append(piece)
                yield TextDelta(piece)
        finally:
            generation.close()
        stats = generation.stats
        texts.append("".join(written))
        timings = replace(
            timings,
            queue_s=timings.queue_s + stats.queue_s,
            prompt_tokens=timings.prompt_tokens + stats.prompt_tokens,
            cached_tokens=timings.cached_tokens + stats.cached_tokens,
            new_tokens=timings.new_tokens + stats.new_tokens,
        )
        if stats.finish == "cancelled":
            return Draft(tuple(texts), timings, stopped=True)
    return Draft(tuple(texts), timings)


def check(draft: Draft, shares: Sequence[Share], verifier: Verifier) -> Composed:
    """What is left of the model's texts once every sentence was held against the sources.

    A share of which nothing is left gets the text of its first source, where that answers it.
    """
    left: list[Grounded] = []
    open_parts: list[str] = []
    written = False
    for text, share in zip(draft.texts, shares, strict=False):
        grounded = _checked(text, share, verifier, draft.stopped)
        written = written or bool(grounded.citations)
        if not grounded.citations:
            if _stands_in(text, share, grounded, verifier, draft.stopped):
                grounded = replace(as_it_stands(share.sources[0], own=False), unsupported=grounded.unsupported)
            else:
                grounded = replace(grounded, text="")
                open_parts.append(share.question)
        left.append(grounded)
    return Composed(joined(left), written, tuple(open_parts))


def as_it_stands(source: Source, *, own: bool) -> Grounded:
    """The source's own text as an answer; `own`: to its own question."""
    text, citation = verbatim_text(source, own=own)
    return Grounded(text, (citation,), ())


def joined(answers: Sequence[Grounded]) -> Grounded:
    """One answer out of several, a paragraph each."""
    text, citations = "", []
    for answer in answers:
        if answer.text:
            text += _BETWEEN if text else ""
            citations += [
                replace(citation, start=citation.start + len(text), end=citation.end + len(text))
                for citation in answer.citations
            ]
            text += answer.text
    return Grounded(text, tuple(citations), tuple(sentence for answer in answers for sentence in answer.unsupported))


def _checked(text: str, share: Share, verifier: Verifier, stopped: bool) -> Grounded:
    if speaks_as_author(text):
        text = as_author(text)
    grounded = ground(text, share.sources, verifier, Asked(share.question, share.probability))
    if not grounded.citations or stopped:
        return grounded
    return with_passages(grounded, share.question, share.sources, verifier.reader)


def _stands_in(text: str, share: Share, grounded: Grounded, verifier: Verifier, stopped: bool) -> bool:
    if stopped:
        return True
    written = [sentence.text for sentence in grounded.unsupported]
    return not replies.is_denial(text) and stands_in(
        share.sources[0], share.question, share.probability, written, verifier
    )
