"""The README is true: its table is that of the settings, and what it points to is there."""

import re
from pathlib import Path

from scripts.readme_settings import README, with_table

TEXT = README.read_text(encoding="utf-8")


def test_the_table_of_settings_is_that_of_the_settings():
    assert with_table(TEXT) == TEXT, "run: python -m scripts.readme_settings"


def test_every_file_that_it_links_to_is_there():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


def test_every_command_that_it_shows_is_there():
    from typer.main import get_command

    from rag_faq.interfaces.cli import app

    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    shown = set(re.findall(r"^    rag-faq (?:--set \S+ )*(\w+)", TEXT, re.MULTILINE))
    assert shown
    assert shown <= commands


def test_every_make_target_that_it_shows_is_there():
    makefile = (Path(README.parent) / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^    make (\w+)", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
