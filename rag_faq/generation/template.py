"""Prompt → tokens, through the model's own chat template, with the places where states may be kept.

The template is rendered with a placeholder for each segment, so that it never sees the segments' text; what stands
between the placeholders is the template's own and is the only text whose marks (<|im_end|> and the like) become control
tokens. The same text inside a question or a document stays plain text.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeAlias

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rag_faq.records import Prompt

log = logging.getLogger(__name__)

# The matrix kernels for repacked weights work on four rows at a time: a prefix of another length would be computed
# otherwise, and round otherwise, in a cold run than in a restored one.
ALIGNMENT = 4
# Fewer tokens than this go through other kernels; see `llama.LEAST`.
SHORTEST = 8

# Format of OpenAI's chat models, which most small models were trained on.
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{{ '<|im_start|>assistant\n' }}"
)

# What running a template may raise: it is a small program, which came with the weights.
_TEMPLATE_FAULTS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

Outline: TypeAlias = tuple[tuple[str, int], ...]  # (role, number of segments) of each message


class Vocabulary(Protocol):
    """Turns text into tokens."""

    @property
    def bos(self) -> int | None:
        """The token that must begin every text, if the model wants one."""
        ...

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """The tokens of `text`; with `special`, marks become control tokens."""
        ...

    def is_control(self, token: int) -> bool:
        """True for tokens that are marks and not text."""
        ...


@dataclass(frozen=True, slots=True)
class TokenisedPrompt:
    """The tokens of a prompt, and the lengths of the prefixes whose states may be kept.

    `cuts` ascend, are multiples of ALIGNMENT, and lie at least SHORTEST tokens apart and before the end. `passing` go
    on in the same way: prefixes that hold the question, and so are of use for a short while. `last` is where the last
    segment's own tokens begin and end.
    """

    tokens: tuple[int, ...]
    cuts: tuple[int, ...]
    passing: tuple[int, ...] = ()
    last: tuple[int, int] = (0, 0)

    @property
    def parts(self) -> list[tuple[int, int]]:
        """What may be kept, one part after the other: (start, end) in tokens."""
        ends = (*self.cuts, *self.passing)
        return list(zip((0, *ends), ends, strict=False))


class ChatTemplate:
    """The chat template of a model file; ChatML where the file has none that works (`note` says so then)."""

    def __init__(self, source: str | None, *, bos: str = "", eos: str = "") -> None:
        self._marks = {"bos_token": bos, "eos_token": eos}
        self._known: dict[Outline, tuple[str, ...]] = {}
        self.note = ""
        self._sources = [CHATML] if source is None else [source, CHATML]
        if source is None:
            self.note = "no chat template in the file: ChatML"
        else:
            self._between_uncached((("system", 1), ("user", 2)))

    def between(self, outline: Outline) -> tuple[str, ...]:
        """What the template puts before, between and after the segments: one text more than there are segments."""
        if outline not in self._known:
            self._known[outline] = self._between_uncached(outline)
        return self._known[outline]

    def _between_uncached(self, outline: Outline) -> tuple[str, ...]:
        reason = ""
        for source in self._sources:
            for messages in (_messages(outline), _without_system(_messages(outline))):
                # Templates that put today's date into the prompt are first asked to leave it out: with it, nothing
                # that was kept yesterday could be used today.
                for names in ({}, {"strftime_now": _today}):
                    try:
                        return _split(self._render(source, messages, names), sum(count for _, count in outline))
                    except _TEMPLATE_FAULTS as error:
                        reason = reason or str(error)
            if source is not CHATML and not self.note:
                self.note = f"the file's chat template does not work ({reason}): ChatML"
                log.warning("%s", self.note)
        raise AssertionError("ChatML renders any outline")

    def _render(self, source: str, messages: list[dict[str, str]], names: dict[str, Any]) -> str:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        environment.globals.update(names)
        return environment.from_string(source).render(
            messages=messages, add_generation_prompt=True, enable_thinking=False, tools=None, **self._marks
        )


def tokenise_prompt(prompt: Prompt, template: ChatTemplate, vocabulary: Vocabulary) -> TokenisedPrompt:
    """The tokens of `prompt`, the same for a cold run and for one that starts from kept states.

    Before every segment up to the first fresh one there is a cut, unless too little stands since the one before.
    Newlines fill up to a cut; they fill the last part too, where it would be too short. After each fresh segment there
    is a passing cut, for which nothing is filled: it lies a few tokens before the segment's end, at the same place
    whatever follows.
    """
    segments = [segment for message in prompt.messages for segment in message.segments]
    texts = template.between(tuple((message.role, len(message.segments)) for message in prompt.messages))
    newline = vocabulary.tokenise("\n", special=False)[-1]
    closing = vocabulary.tokenise(texts[-1], special=True)
    tokens = vocabulary.tokenise(texts[0], special=True)
    if vocabulary.bos is not None and tokens[:1] != [vocabulary.bos]:
        tokens.insert(0, vocabulary.bos)
    cuts: list[int] = []
    fresh_ends: list[int] = []
    for i, segment in enumerate(segments):
        if i > 0:
            tokens += vocabulary.tokenise(texts[i], special=True)
            if i <= len(segments) - prompt.fresh and len(tokens) - (cuts[-1] if cuts else 0) >= SHORTEST:
                tokens += [newline] * (-len(tokens) % ALIGNMENT)
                cuts.append(len(tokens))
        begin = len(tokens)
        tokens += plain_tokens(segment, vocabulary)
        if i >= len(segments) - prompt.fresh:
            fresh_ends.append(len(tokens))
    end = len(tokens)
    tokens += closing
    short = SHORTEST - (len(tokens) - (cuts[-1] if cuts else 0))
    if short > 0:
        tokens[begin:begin] = [newline] * short
        begin, end = begin + short, end + short
        fresh_ends.pop()
    passing = _passing(cuts, fresh_ends, len(closing))
    return TokenisedPrompt(tuple(tokens), tuple(cuts), passing, last=(begin, end))


def _passing(cuts: Sequence[int], ends: Sequence[int], closing: int) -> tuple[int, ...]:
    """Cuts near the ends of the fresh segments, with SHORTEST tokens behind each even if only `closing` ones follow."""
    last, passing = cuts[-1] if cuts else 0, []
    for end in ends:
        cut = end - max(0, SHORTEST - closing)
        cut -= cut % ALIGNMENT
        if cut - last >= SHORTEST:
            passing.append(cut)
            last = cut
    return tuple(passing)


def plain_tokens(text: str, vocabulary: Vocabulary) -> list[int]:
    """The tokens of a text in which no mark is a mark.

    Some files list their marks as ordinary words, which a tokeniser finds in any text: such a text is taken apart
    character by character.
    """
    tokens = vocabulary.tokenise(text, special=False)
    if not any(map(vocabulary.is_control, tokens)):
        return tokens
    return [token for character in text for token in vocabulary.tokenise(character, special=False)]


def _placeholder(number: int) -> str:
    return f"\ue000{number}\ue001"  # private use: in no template


def _messages(outline: Outline) -> list[dict[str, str]]:
    messages, number = [], 0
    for role, count in outline:
        messages.append({"role": role, "content": "".join(map(_placeholder, range(number, number + count)))})
        number += count
    return messages


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """For templates that know no system message: its text leads the first message of the user."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return messages
    joined = {"role": messages[1]["role"], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
    return [joined, *messages[2:]]


def _split(rendered: str, count: int) -> tuple[str, ...]:
    """Part a rendered template at its placeholders. ValueError unless each is there once, and in order."""
    texts: list[str] = []
    for number in range(count):
        before, found, rendered = rendered.partition(_placeholder(number))
        if not found:
            raise ValueError("it leaves out or reorders what it is given")
        texts.append(before)
    texts.append(rendered)
    if any("\ue000" in text for text in texts):
        raise ValueError("it repeats what it is given")
    return tuple(texts)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _today(form: str) -> str:
    return datetime.datetime.now().astimezone().strftime(form)
