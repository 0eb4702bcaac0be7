"""`rag-faq deploy-space`: put this checkout online as a Hugging Face Space."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rag_faq.interfaces.deploy import Plan


def deploy_space(
    space: Annotated[str, typer.Argument(metavar="USER/NAME", help="The Space; it is made if it is not there.")],
    variable: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A setting, such as RAG_FAQ_STRICTNESS=0.7.")
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=VALUE]", help="A secret; without a value, that of the environment."),
    ] = None,
    hardware: Annotated[str | None, typer.Option(help="Such as cpu-basic or zero-a10g; by default as it is.")] = None,
    private: Annotated[bool | None, typer.Option(help="Whether a new Space is for its owner alone.")] = None,
    folder: Annotated[Path, typer.Option(help="The checkout.")] = Path(),
    dry_run: Annotated[bool, typer.Option(help="Show every file and setting, and send nothing.")] = False,
) -> None:
    """Create or update a Hugging Face Space from the files that git tracks."""
    from rag_faq.interfaces import deploy

    files, changed = deploy.tracked_files(folder)
    plan = deploy.Plan(
        space=deploy.check_name(space),
        folder=folder,
        files=files,
        changed=changed,
        variables=deploy.parse_variables(variable or []),
        secrets=deploy.parse_secrets(secret or [], os.environ),
        hardware=hardware and deploy.check_hardware(hardware),
        private=private,
    )
    if dry_run:
        _show(plan)
        return
    done = deploy.deploy(plan)
    for path in done.removed:
        typer.echo(f"removed from the Space: {path}", err=True)
    typer.echo(f"{done.url} (commit {done.commit[:12]}); the Hub builds it now")


def _show(plan: Plan) -> None:
    typer.echo(f"space     {plan.space}")
    typer.echo(f"hardware  {plan.hardware or 'as it is'}")
    shown = {None: "as it is, or the Hub's default", True: "yes", False: "no"}[plan.private]
    typer.echo(f"private   {shown}")
    for name, value in plan.variables.items():
        typer.echo(f"variable  {name}={value}")
    for name in plan.secrets:
        typer.echo(f"secret    {name}=(not shown)")
    for path in plan.files:
        changed = "  (changed since the last commit)" if path in plan.changed else ""
        typer.echo(f"file      {plan.size(path):>10}  {path}{changed}")
    typer.echo(f"{len(plan.files)} files, {sum(map(plan.size, plan.files))} bytes. Nothing was sent.")
