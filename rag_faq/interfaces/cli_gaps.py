"""`rag-faq gaps`: what people asked, what the FAQ does not answer, and which entries are not needed or not liked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rag_faq.interfaces.cli_context import settings_of

if TYPE_CHECKING:
    from rag_faq.feedback.gaps import Gaps

_SHOWN = 10  # lines of a list; the exports have all of them


def gaps(
    context: typer.Context,
    since: Annotated[int | None, typer.Option(min=1, metavar="DAYS", help="Only the last so many days.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a table as CSV.")] = None,
    table: Annotated[
        Literal["gaps", "refused", "asked", "complaints", "entries", "duplicates"],
        typer.Option(help="Which table --csv writes."),
    ] = "gaps",
    drafts: Annotated[
        Path | None, typer.Option("--drafts", metavar="FILE", help="Write draft entries for the gaps as Markdown.")
    ] = None,
    wordings: Annotated[
        Path | None,
        typer.Option("--wordings", metavar="FILE", help="Write them as other wordings of the nearest questions."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Tell what the FAQ lacks, from the questions and thumbs that were kept."""
    from rag_faq.assembly import load_retriever
    from rag_faq.feedback import export
    from rag_faq.feedback.gaps import find_gaps
    from rag_faq.feedback.store import FeedbackStore, feedback_file

    settings = settings_of(context)
    store = FeedbackStore.open(feedback_file(settings))  # what was kept can be read when nothing more is kept
    found = find_gaps(store, load_retriever(settings), since)
    if csv is not None:
        one = next(each for each in export.tables(found) if each.name == table)
        _write(csv, export.csv_text(one), "utf-8-sig")  # the mark by which spreadsheets know UTF-8
    if drafts is not None:
        _write(drafts, export.drafts(found, [use.entry for use in found.entries]), "utf-8")
    if wordings is not None:
        _write(wordings, export.wording_drafts(found), "utf-8")
    if as_json:
        typer.echo(json.dumps(export.gaps_json(found), ensure_ascii=False, indent=2))
    elif csv is None and drafts is None and wordings is None:
        typer.echo("\n".join(report(found)))


def report(found: Gaps) -> Iterator[str]:
    """The lines that are printed."""
    from rag_faq.feedback.export import one_line

    t = found.totals
    if not t.asked:
        yield "Nothing that was asked is kept yet."
    else:
        yield (
            f"{t.asked} asked: {t.grounded} answered, {t.verbatim} in the FAQ's own words, {t.refused} refused; "
            f"{t.up} thumbs up, {t.down} down"
        )
    yield from _list(
        "Not in the FAQ",
        [
            f"{gap.cluster.times} × {one_line(gap.cluster.name)}"
            + (f"  [{one_line(', '.join(gap.cluster.words))}]" if gap.cluster.words else "")
            + (f"  (nearest: {gap.nearest.number}. {gap.nearest.question})" if gap.nearest else "")
            for gap in found.gaps
        ],
    )
    yield from _list(
        "Entries that answered badly",
        [
            f"{use.entry.number}. {use.entry.question}  ({use.down} of {use.up + use.down} thumbs down)"
            for use in found.badly_used
        ],
    )
    yield from _list(
        "Answers with a thumb down",
        [one_line(one.question) + (f"  – {one_line(one.reason)}" if one.reason else "") for one in found.complaints],
    )
    if t.asked:
        unused = [f"{use.entry.number}. {use.entry.question}" for use in found.never_used]
        yield from _list("Entries that no answer used", unused)
    yield from _list(
        "Entries that say nearly the same",
        [
            f"{pair.cosine:.2f}  {pair.first.number}. {pair.first.question} | "
            f"{pair.second.number}. {pair.second.question}"
            for pair in found.duplicates
        ],
    )


def _list(title: str, lines: list[str]) -> Iterator[str]:
    """A titled list, cut after some lines; nothing for an empty one."""
    if lines:
        yield f"\n{title} ({len(lines)})"
        yield from (f"  {line}" for line in lines[:_SHOWN])
        if len(lines) > _SHOWN:
            yield f"  … and {len(lines) - _SHOWN} more"


def _write(path: Path, text: str, encoding: str) -> None:
    """Write a file that was asked for; DiskError says why it could not be written."""
    from rag_faq.errors import DiskError

    try:
        path.write_text(text, encoding=encoding, newline="")
    except OSError as error:
        raise DiskError(f"{path} cannot be written: {error.strerror}", mend="name another file") from error
    typer.echo(f"rag-faq: {path} is written", err=True)
