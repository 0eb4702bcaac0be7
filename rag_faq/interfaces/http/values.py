"""The kinds of values that the HTTP doors take."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator


def _whole(text: str) -> str:
    """JSON can spell half a character (a lone surrogate); nothing can be done with such a text."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a character (a lone surrogate) stands in it")
    return text


def _integer(value: Any) -> Any:
    """To JSON, 2.0 is a whole number as 2 is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text: TypeAlias = Annotated[str, AfterValidator(_whole)]
WHOLE = BeforeValidator(_integer)  # for an Annotated int, behind its bounds
