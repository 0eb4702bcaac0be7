"""The texts of the page, from the catalogue beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

FALLBACK = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language."""

    language: str
    entries: dict[str, str]

    def __call__(self, name: str, **values: object) -> str:
        """The text called `name`, with its {names} filled in. Plain text: escape it before it goes into HTML."""
        return self.entries[name].format(**values)

    def count(self, name: str, count: int, **values: object) -> str:
        """The form of `name` for so many: `name_one` or `name_many`."""
        return self(f"{name}_{'one' if count == 1 else 'many'}", count=count, **values)


def load_catalogue() -> dict[str, Texts]:
    """The texts of every language, by its code; the first is the fallback."""
    tables = tomllib.loads(files(__package__).joinpath("texts.toml").read_text(encoding="utf-8"))
    return {language: Texts(language, table) for language, table in tables.items()}


def load_texts(language: str = FALLBACK) -> Texts:
    """The catalogue's table for a language."""
    return load_catalogue()[language]


def preferred(accepted: str, catalogue: Mapping[str, Texts]) -> str:
    """The language of the catalogue that an Accept-Language header (RFC 9110, 12.5.4) likes best."""
    liked: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.strip().partition(";")
        language = tag.strip().split("-")[0].lower()
        quality = _quality(weight)
        if language in catalogue and quality > 0:
            liked.append((quality, language))
    # The first of those that are liked equally: max keeps the header's order.
    return max(liked, key=lambda pair: pair[0])[1] if liked else FALLBACK


def _quality(weight: str) -> float:
    name, _, value = weight.partition("=")
    if not name.strip():
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
