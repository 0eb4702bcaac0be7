"""`rag-faq eval`: how good the answers are, over a file of questions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rag_faq.interfaces.cli_context import settings_of
from rag_faq.interfaces.progress import progress_bar

if TYPE_CHECKING:
    from rag_faq.chatbot import FaqChatbot
    from rag_faq.settings import Settings

_REPORTS = Path("reports")


def evaluate_set(
    context: typer.Context,
    questions: Annotated[Path | None, typer.Argument(metavar="SET.jsonl", help="The question set.")] = None,
    stage: Annotated[
        Literal["answers", "gate", "retrieval"],
        typer.Option(help="answers: everything; gate: answer or refuse; retrieval: the search alone, in seconds."),
    ] = "answers",
    out: Annotated[Path, typer.Option(help="Folder for the reports.")] = _REPORTS,
    fresh: Annotated[bool, typer.Option(help="Forget what an interrupted run has done.")] = False,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="OLD.json NEW.json", help="Compare two reports instead.", show_default=False),
    ] = None,
) -> None:
    """Evaluate the chatbot over a question set; the report is printed and kept as JSON and as a page."""
    if compare is not None:
        from rag_faq.evaluation.command import compare_files
        from rag_faq.evaluation.compare import comparison_text

        typer.echo(comparison_text(compare_files(*compare)))
        return
    if questions is None:
        raise typer.BadParameter("name a question set, such as evaluation/development.jsonl", param_hint="SET.jsonl")
    from rag_faq.evaluation.command import Request, evaluate_file
    from rag_faq.evaluation.text_report import text_report
    from rag_faq.retrieval.store import load_index

    settings = settings_of(context)
    known = [entry.number for entry in load_index(settings.index).entries]
    request = Request(questions, out, stage, fresh, settings.model_dump(mode="json"))
    with progress_bar("question") as show:
        found = evaluate_file(request, known, lambda: _subject(settings, stage), show)
    typer.echo(text_report(found.report))
    typer.echo(f"\n{found.json}\n{found.html}")


def _subject(settings: Settings, stage: str) -> FaqChatbot:
    """The chatbot to evaluate. For the gate, the model judges but writes nothing."""
    from rag_faq.assembly import load_chatbot

    chatbot = load_chatbot(settings)
    if stage != "gate":
        return chatbot
    return chatbot.with_options(replace(chatbot.options, answer_style="verbatim"))
