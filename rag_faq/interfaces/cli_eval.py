"""`rag-faq eval`."""

from __future__ import annotations

import typer


def evaluate_set(context: typer.Context) -> None:
    """Placeholder."""
