"""`rag-faq index`: build, describe and check the index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag_faq.interfaces.cli_context import settings_of
from rag_faq.interfaces.progress import progress_bar

if TYPE_CHECKING:
    from rag_faq.records import Chunk
    from rag_faq.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Build, describe and check the index.")


@app.command()
def build(
    context: typer.Context,
    corpus: Annotated[Path | None, typer.Option(help="The document, or a folder of documents.")] = None,
    index: Annotated[Path | None, typer.Option(help="The index folder to write.")] = None,
    force: Annotated[bool, typer.Option(help="Build anew even when nothing changed.")] = False,
    write_questions: Annotated[
        bool, typer.Option("--write-questions", help="Let the model write questions for each entry first: minutes.")
    ] = False,
) -> None:
    """Build the index of the corpus; only what changed is embedded anew."""
    from rag_faq import assembly
    from rag_faq.errors import IndexFolderError

    settings = settings_of(context, corpus=corpus, index=index)
    extra = _written(settings) if write_questions else None
    if not force and extra is None:
        try:
            retriever = assembly.load_retriever(settings)
            assembly.load_closer(settings, retriever)
        except IndexFolderError:
            pass  # not there, not whole, or of something else: that is what a build is for
        else:
            if retriever.index.stored_map is not None:  # one that was built before there were maps gets its map
                typer.echo(f"{settings.index} is up to date: {len(retriever.index.entries)} entries")
                return
    with progress_bar("chunk") as show:
        manifest = assembly.build(settings, show, extra)
    typer.echo(f"{settings.index}: {manifest.entries} entries in {manifest.chunks} chunks, by {manifest.embedder}")


def _written(settings: Settings) -> tuple[Chunk, ...]:
    """Questions by the model, which must be there."""
    from rag_faq import assembly
    from rag_faq.errors import ModelMissingError

    generator = assembly.load_generator(settings)
    if isinstance(generator, assembly.NoModel):
        raise ModelMissingError(f"Questions are written by a language model. {generator.reason}")
    try:
        with progress_bar("entry") as show:
            return assembly.write_questions(settings, generator, show)
    finally:
        generator.close()


@app.command()
def info(context: typer.Context, index: Annotated[Path | None, typer.Option(help="The index folder.")] = None) -> None:
    """Print the index's manifest."""
    from rag_faq.retrieval.manifest import read_manifest

    typer.echo(json.dumps(read_manifest(settings_of(context, index=index).index).to_json(), indent=2))


@app.command()
def verify(
    context: typer.Context, index: Annotated[Path | None, typer.Option(help="The index folder.")] = None
) -> None:
    """Check every file of the index, the corpus and the embedder against the manifest."""
    from rag_faq.assembly import load_closer, load_retriever

    settings = settings_of(context, index=index)
    retriever = load_retriever(settings)
    load_closer(settings, retriever)
    found = retriever.index
    typer.echo(f"{settings.index} is whole: {len(found.entries)} entries, fingerprint {found.fingerprint}")
