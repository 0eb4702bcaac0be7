"""What a person chose for the next question: kept in the browser, and bounded by the owner's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

from rag_faq.chatbot import Options
from rag_faq.settings import Settings

# What the setting allows, in its own order.
STYLES: tuple[str, ...] = get_args(Settings.model_fields["answer_style"].annotation)


@dataclass(frozen=True, slots=True)
class Choices:
    """Each is `None` or empty where the owner's setting, or the browser's language, is left as it is."""

    answer_style: str | None = None
    max_sources: int | None = None
    strictness: float | None = None
    language: str = ""
    keys: bool = True  # single keys do something (WCAG 2.1.4: they can be turned off)

    def dump(self) -> dict[str, Any]:
        """As JSON, for the browser's store."""
        return asdict(self)


def load_choices(stored: Any) -> Choices:
    """What a browser sent, without the parts that nobody can have chosen."""
    if not isinstance(stored, Mapping):
        return Choices()
    style, sources, strictness = (stored.get(name) for name in ("answer_style", "max_sources", "strictness"))
    language = stored.get("language")
    return Choices(
        answer_style=style if style in STYLES else None,
        max_sources=sources if isinstance(sources, int) and not isinstance(sources, bool) and sources >= 1 else None,
        strictness=strictness / 1 if isinstance(strictness, float | int) and 0 <= strictness <= 1 else None,
        language=language if isinstance(language, str) and len(language) <= 8 else "",
        keys=stored.get("keys") is not False,
    )


def styles_of(owner: Options) -> tuple[str, ...]:
    """The answer styles to choose from: an owner who wants the FAQ's own words alone leaves no choice."""
    return STYLES if owner.answer_style != "verbatim" else ("verbatim",)


def options(choices: Choices, owner: Options) -> Options:
    """The choices within the owner's bounds: no more sources than the owner's, and no less evidence."""
    chosen = choices.answer_style
    return replace(
        owner,
        answer_style=chosen if chosen in styles_of(owner) else owner.answer_style,
        max_sources=min(choices.max_sources or owner.max_sources, owner.max_sources),
        strictness=max(owner.strictness if choices.strictness is None else choices.strictness, owner.strictness),
    )
