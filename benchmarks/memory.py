"""Memory of the served chatbot: in all, and above the models, the indexes and the budget of kept states.

    python -m benchmarks.memory [--llm NAME] [--questions 40] [--quick] [--json FILE] [--svg FILE]

The process's resident memory after each step: Python with this package, the page's libraries, the index with the
embedder, the language model, all states filled, the questions answered. The weights of the language model and of the
embedders, the index folders and the budget are then taken off the most that it had. What Python, torch and gradio take
is not taken off.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.process import anonymous, rest, rss
from benchmarks.report import Figure, Report, arguments, finish
from benchmarks.sides import QUESTIONS, draw
from rag_faq.assembly import second_index
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import resolve
from rag_faq.settings import Settings

_MB = 2**20
_BUDGET_MB = 256


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run(settings: Settings, count: int, *, quick: bool) -> Report:
    """Load step by step, ask, take off what is accounted for."""
    settings = settings.model_copy(update={"state_cache_mb": _BUDGET_MB, "state_cache_disk": False})
    steps = [("Python and this package", rss(), anonymous())]

    def step(name: str) -> None:
        steps.append((name, rss(), anonymous()))

    import gradio  # noqa: F401  (what the page loads)

    step("the page's libraries")
    import sentence_transformers  # noqa: F401
    import torch  # noqa: F401

    step("torch and sentence-transformers")
    from rag_faq.assembly import load_chatbot, load_retriever

    load_retriever(settings).search("Is the embedder loaded by now?")
    step("the index and the embedder's weights")
    chatbot = load_chatbot(settings)
    step("the language model")
    if not quick:
        chatbot.warm()
    rest()
    step("the kept states")
    most = rss()
    try:
        for question in draw(QUESTIONS, 3 if quick else count):
            chatbot.ask(question.text)
            most = max(most, rss())
        rest()
        step("the questions answered")
    finally:
        chatbot.close()
    paths = [resolve(name, role, models_folder(settings.models)).path for name, role in settings.weights]
    models = sum(path.stat().st_size if path.is_file() else folder_bytes(path) for path in paths)
    index = folder_bytes(settings.index) + folder_bytes(second_index(settings))
    above = most - models - index - _BUDGET_MB * _MB
    figures = [Figure(f"resident after {name}", value / _MB, "MB") for name, value, _ in steps]
    figures += [
        Figure("resident at most while answering", most / _MB, "MB"),
        Figure("the models' weights", models / _MB, "MB"),
        Figure("the indexes", index / _MB, "MB"),
        Figure("the budget of kept states", _BUDGET_MB, "MB"),
        Figure("above models, indexes and budget", above / _MB, "MB", 300.0),
    ]
    rows = [{"step": name, "rss_mb": value / _MB, "anonymous_mb": anon / _MB} for name, value, anon in steps]
    return Report("memory", quick, tuple(figures), {"llm": settings.llm}, rows)


def main() -> None:
    """Read the arguments, run, report."""
    options = arguments(
        __doc__, ("--questions", {"type": int, "default": 40}), ("--llm", {"help": "another language model"})
    )
    finish(run(Settings.load(llm=options.llm), options.questions, quick=options.quick), options)


if __name__ == "__main__":
    main()
