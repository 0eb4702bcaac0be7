"""The text that the HTTP doors take."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator


def _whole(text: str) -> str:
    """JSON can spell half a character (a lone surrogate); nothing can be done with such a text."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a character (a lone surrogate) stands in it")
    return text


Text: TypeAlias = Annotated[str, AfterValidator(_whole)]
