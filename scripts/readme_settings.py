"""Writes the README's table of settings from the settings themselves: `python -m scripts.readme_settings`.

With `--check` nothing is written, and the exit status is 1 when the table is not up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rag_faq.settings import Settings

README = Path(__file__).resolve().parent.parent / "README.md"
_TABLE = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.DOTALL)


def table() -> str:
    """The table in Markdown."""
    rows = ["| setting | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        value = field.get_default(call_default_factory=True)
        if isinstance(value, Path):  # shown as it is in a checkout
            value = "/".join(value.parts[-1:] if name == "corpus" else value.parts[-2:])
        shown = "" if value is None or value == () else f"`{str(value).lower() if isinstance(value, bool) else value}`"
        rows.append(f"| `{name}` | {shown} | {field.description} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """The README's text with the table as it should be."""
    return _TABLE.sub(lambda match: f"{match[1]}{table()}{match[2]}", text)


def main() -> int:
    """Write or check."""
    text = README.read_text(encoding="utf-8")
    new = with_table(text)
    if "--check" in sys.argv[1:]:
        return int(new != text)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
