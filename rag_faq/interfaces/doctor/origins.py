"""Where each setting comes from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rag_faq.settings import PREFIX, Settings, settings_file


def origins(config: Path | None, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """For each setting that is not left at its default: where its value was given. The first to have it wins."""
    path = settings_file(config, environment)
    in_file = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found: dict[str, str] = {}
    for name in Settings.model_fields:
        if arguments.get(name) is not None:
            found[name] = "--set"
        elif environment.get(PREFIX + name.upper()):
            found[name] = PREFIX + name.upper()
        elif name in in_file:
            found[name] = str(path)
    return found
