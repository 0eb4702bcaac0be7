"""`rag-faq doctor`: what this machine is, whether all is whole, and how fast it is here."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer

from rag_faq.interfaces.cli_context import settings_of
from rag_faq.interfaces.progress import progress_bar


def doctor(
    context: typer.Context,
    full: Annotated[bool, typer.Option("--hash", help="Hash every byte of the weights again.")] = False,
    bench: Annotated[bool, typer.Option("--bench", help="Measure the models here: one or two minutes.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="With --bench: put the better settings into rag-faq.toml.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Say what this machine is and whether everything is in order; exit status 1 when something does not work."""
    from rag_faq.interfaces.doctor.examine import examine
    from rag_faq.interfaces.doctor.findings import any_problem, as_text
    from rag_faq.interfaces.doctor.origins import origins
    from rag_faq.settings import settings_file

    if write and not bench:
        raise typer.BadParameter("--write goes with --bench", param_hint="--write")
    config, arguments = context.obj
    settings = settings_of(context)
    findings = examine(settings, origins(config, arguments, os.environ), full=full)
    if not as_json:
        typer.echo(as_text(findings))
    out: dict[str, Any] = {"findings": [_record(finding) for finding in findings]}
    if bench and settings.llm == "none":
        raise typer.BadParameter(
            "there is no language model to measure: the setting llm is `none`", param_hint="--bench"
        )
    if bench:
        from rag_faq.interfaces.doctor import bench as benches
        from rag_faq.interfaces.doctor.write import write_settings

        with progress_bar("measure") as show:
            measured = benches.measure(settings, show)
        if not as_json:
            typer.echo("\n" + benches.as_text(measured))
        out["bench"] = _record(measured)
        if write and measured.advice:
            path = settings_file(config, os.environ)
            write_settings(path, measured.advice)
            typer.echo(f"written to {path}", err=True)
    if as_json:
        typer.echo(json.dumps(out, indent=2, ensure_ascii=False))
    if any_problem(findings):
        raise typer.Exit(1)


def _record(record: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(record)
