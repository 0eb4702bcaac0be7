"""`rag-faq models`: which weights there are, fetching and checking them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag_faq.interfaces.cli_context import settings_of

if TYPE_CHECKING:
    from rag_faq.models.catalog import CatalogModel
    from rag_faq.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, fetch and check the models.")

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Models; by default those of the settings.")
]
_MEGABYTE = 1_000_000


@app.command("list")
def list_models(context: typer.Context) -> None:
    """Print the catalog, and which of it is here."""
    from rag_faq.models.cache import ModelCache, models_folder
    from rag_faq.models.catalog import load_catalog

    settings = settings_of(context)
    used_names = [name for name, _ in settings.weights]
    cache = ModelCache(models_folder(settings.models))
    for model in load_catalog().values():
        wrong = cache.check(model)
        here = "here" if not wrong else "not fetched" if not cache.folder_of(model).exists() else str(wrong[0])
        used = "*" if model.name in used_names else " "
        size = f"{(model.bytes or 0) // _MEGABYTE} MB"
        typer.echo(f"{used} {model.name:38} {model.role:9} {size:>8}  {model.licence:11} {here}. {model.about}")
    typer.echo(f"(* used by the settings; kept in {models_folder(settings.models)})")


@app.command()
def fetch(
    context: typer.Context,
    names: Names = None,
    force: Annotated[bool, typer.Option(help="Fetch anew even what is here and whole.")] = False,
) -> None:
    """Fetch models that are not here yet; goes on where an earlier fetch stopped."""
    from rag_faq.models.cache import models_folder
    from rag_faq.models.fetch import FetchOptions
    from rag_faq.models.fetch import fetch as bring
    from rag_faq.models.progress import Bar

    settings = settings_of(context)
    for model in _chosen(names, settings):
        path = bring(model, models_folder(settings.models), progress=Bar(), options=FetchOptions(force=force))
        typer.echo(f"{model.name}: {path}")


@app.command()
def verify(context: typer.Context, names: Names = None) -> None:
    """Hash every file of the models again and say what is wrong."""
    from rag_faq.models.cache import models_folder
    from rag_faq.models.fetch import verify as differences

    settings = settings_of(context)
    wrong = False
    for model in _chosen(names, settings):
        found = differences(model, models_folder(settings.models))
        wrong = wrong or bool(found)
        typer.echo(f"{model.name}: " + ("; ".join(map(str, found)) if found else "whole"))
    if wrong:
        typer.echo("rag-faq: to mend it: rag-faq models fetch", err=True)
        raise typer.Exit(1)


@app.command()
def path(context: typer.Context, name: Annotated[str, typer.Argument(help="A model.")]) -> None:
    """Print where a model lies, for other programs."""
    from rag_faq.models.cache import models_folder
    from rag_faq.models.resolve import find, resolve

    settings = settings_of(context)
    role = "embedder" if Path(name).is_dir() else "llm" if Path(name).is_file() else find(name).role
    typer.echo(resolve(name, role, models_folder(settings.models)).path)


def _chosen(names: list[str] | None, settings: Settings) -> list[CatalogModel]:
    """The models named; else the settings' own, without those that are the user's own files."""
    from rag_faq.models.resolve import find

    if names:
        return [find(name) for name in names]
    return [find(name) for name, _ in settings.weights if name != "none" and not Path(name).expanduser().exists()]
