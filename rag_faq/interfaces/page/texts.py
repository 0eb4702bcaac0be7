"""The texts of the page, from the catalogue beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files


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


def load_texts(language: str = "en") -> Texts:
    """The catalogue's table for a language."""
    catalogue = tomllib.loads(files(__package__).joinpath("texts.toml").read_text(encoding="utf-8"))
    return Texts(language, catalogue[language])
