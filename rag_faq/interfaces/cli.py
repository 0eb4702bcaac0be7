"""The command `rag-faq`. Everything heavy is imported inside the commands, so that `--help` is quick."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag_faq.errors import RagFaqError, SettingsError
from rag_faq.interfaces import cli_deploy, cli_doctor, cli_eval, cli_gaps, cli_index, cli_mcp, cli_models
from rag_faq.interfaces.cli_context import settings_of
from rag_faq.interfaces.progress import progress_bar

if TYPE_CHECKING:
    from rag_faq.records import Answer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Answers from a FAQ document on your own machine, every sentence traced to its source and checked.",
)
app.add_typer(cli_index.app, name="index")
app.add_typer(cli_models.app, name="models")
app.command("eval")(cli_eval.evaluate_set)
app.command("deploy-space")(cli_deploy.deploy_space)
app.command()(cli_mcp.mcp)
app.command()(cli_doctor.doctor)
app.command()(cli_gaps.gaps)


@app.callback()
def common(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="Settings file; by default rag-faq.toml here.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any setting, such as answer_style=verbatim."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more of what is being done.")] = False,
) -> None:
    """Options that come before the command."""
    # The level is the handler's, since some libraries set a lower one for their own loggers.
    handler = logging.StreamHandler()
    handler.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.basicConfig(format="rag-faq: %(message)s", level=logging.INFO, handlers=[handler])
    if not verbose:
        warnings.filterwarnings("ignore", category=FutureWarning)
    values: dict[str, Any] = {}
    for item in set_ or []:
        name, equals, value = item.partition("=")
        if not equals:
            raise SettingsError(f"--set {item} has no value", expected="--set NAME=VALUE")
        values[name.strip()] = value.strip()
    context.obj = (config, values)


@app.command()
def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question; `-` reads it from standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")] = False,
) -> None:
    """Answer one question."""
    from rag_faq.assembly import load_chatbot

    text = sys.stdin.read() if question == "-" else question
    chatbot = load_chatbot(settings_of(context))
    try:
        answer = chatbot.ask(text)
    finally:
        chatbot.close()
    if as_json:
        from rag_faq.interfaces.wire import answer_json

        typer.echo(json.dumps({"question": answer.question, **answer_json(answer)}, ensure_ascii=False, indent=2))
    else:
        typer.echo(answer.text)
        _print_sources(answer)


@app.command()
def chat(context: typer.Context) -> None:
    """Talk with the FAQ in the terminal. An empty line or Ctrl-D ends it."""
    from rag_faq.assembly import load_chatbot
    from rag_faq.records import Answer, TextDelta

    chatbot = load_chatbot(settings_of(context))
    chatbot.warm()
    history: list[tuple[str, str]] = []
    typer.echo(f"{len(chatbot.entries)} entries, {chatbot.model.name} on {chatbot.model.device}. An empty line ends.")
    try:
        while question := _read_line():
            for event in chatbot.stream(question, tuple(history)):
                if isinstance(event, TextDelta):
                    typer.echo(event.text, nl=False)
                elif isinstance(event, Answer):
                    _print_checked(event)
                    history += [("user", question), ("assistant", event.text)]
    finally:
        chatbot.close()


@app.command()
def batch(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="IN.jsonl", help='Lines {"id", "question", "history"}.')],
    target: Annotated[
        Path, typer.Argument(metavar="OUT.jsonl", help="Gets one line an answer; goes on if it is there.")
    ],
) -> None:
    """Answer a file of questions."""
    from rag_faq.assembly import load_chatbot
    from rag_faq.interfaces.batch import run_batch

    settings = settings_of(context)
    with progress_bar("question") as show:
        summary = run_batch(lambda: load_chatbot(settings), source, target, show)
    for message in summary.bad:
        typer.echo(f"rag-faq: {message}; passed over", err=True)
    typer.echo(
        f"{summary.answered} answered, {summary.skipped} answered before, {len(summary.bad)} malformed: {target}",
        err=True,
    )
    if summary.bad:
        raise typer.Exit(1)


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
) -> None:
    """Open the page: the chat in the browser."""
    from rag_faq.interfaces.serve import serve as run

    run(settings_of(context, host=host, port=port))


def _read_line() -> str:
    try:
        return input("\n> ").strip()
    except EOFError:
        return ""


def _print_checked(answer: Answer) -> None:
    """After the words as they came: the checked text where it differs, and the sources."""
    typer.echo()
    if answer.searched != answer.question:
        typer.echo(f"(understood as: {answer.searched})")
    if answer.outcome != "verbatim":
        typer.echo(f"\nChecked: {answer.text}")
    _print_sources(answer)


def _print_sources(answer: Answer) -> None:
    cited = {citation.number for citation in answer.citations}
    shown = [source for source in answer.sources if source.number in cited]
    if shown:
        typer.echo()
    for source in shown:
        first, last = source.entry.lines
        where = f"{source.entry.source}, lines {first}-{last}"
        typer.echo(f"[{source.number}] {source.entry.number}. {source.entry.question} ({where})")
    if answer.note:
        typer.echo(f"({answer.note})")


def main() -> None:
    """Entry point: an error of ours is one line on standard error and exit status 2."""
    try:
        app()
    except RagFaqError as error:
        typer.echo(f"rag-faq: {error}", err=True)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        typer.echo("rag-faq: stopped", err=True)
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
