"""Settings for the commands: the options before the command, and the command's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rag_faq.settings import Settings


def settings_of(context: typer.Context, **arguments: Any) -> Settings:
    """The settings with the command's own arguments (those that are not None) on top."""
    from rag_faq.settings import Settings

    config: Path | None
    config, values = context.obj
    return Settings.load(config, **{**values, **{k: v for k, v in arguments.items() if v is not None}})
