"""Are answers from kept states those of a cold run? Held against each other for a whole question set, on one model.

    python -m benchmarks.equal_answers [evaluation/development.jsonl] [--questions N] [--tokens 32] [--llm NAME]
                                       [--quick] [--json FILE] [--svg FILE]

Every question is searched for as it stands, without its history, and asked over the first entry found; every third one
over the first two, every ninth over the first three. The cold side reads the prompt in one go, with no kept states and
no cuts. The other side reads it four times: from the states of its sources, filled ahead as the chatbot fills them;
again behind the gate's question over the same sources, from the state after the question that the gate left; and in one
batch behind the prompts of the two questions before, put back as an answer finds it that was judged there, without
likelihoods and with them. With them more is scored in one batch, by other kernels, which round otherwise in the sixth
place: there the scores of the token that follows are not those of the cold run, and context and answer are.

Compared are the scores of the token that follows (bit for bit), the bytes of all that the context holds, and the
greedy answer, up to so many tokens. What follows equal scores over an equal context is the same computation, so there
the answer is not written a second time; for the first 20 questions it is, to show that. Exit status 1 when answers
differ. The seconds are those of restoring and reading, without the filling ahead.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cold_and_kept import WAYS, Asked, Compared, Comparison
from benchmarks.loaded import loaded
from benchmarks.report import Figure, Report, arguments, finish, median
from benchmarks.sides import QUESTIONS
from rag_faq.assembly import load_retriever
from rag_faq.errors import InputFileError
from rag_faq.evaluation.questions import Question, load_questions
from rag_faq.generation.finding import Finder
from rag_faq.generation.hardware import usable_cores
from rag_faq.generation.llama import LlamaModel
from rag_faq.generation.orders import without_orders
from rag_faq.generation.prompt import answer_prompt, gate_prompt, prefix_prompt
from rag_faq.generation.states import MemoryStates, StateStore
from rag_faq.generation.template import ChatTemplate, tokenise_prompt
from rag_faq.retrieval import query
from rag_faq.retrieval.retriever import Retriever
from rag_faq.settings import Settings

PROOF = 20  # questions whose answer is written on every side, whatever is equal before it
_STATE_BYTES, _PASSING_BYTES = 512 * 2**20, 16 * 2**20


def prepare(questions: Sequence[Question], retriever: Retriever, model: LlamaModel, tokens: int) -> list[Asked]:
    """The prompts of the questions that have words, find an entry, and fit the context with so many tokens."""
    finder = Finder(retriever, retriever, None, lambda hit: hit.entry.answer)
    template = ChatTemplate(model.chat_template(), bos=model.mark("bos"), eos=model.mark("eos"))
    prepared = []
    for number, question in enumerate(questions, start=1):
        text = without_orders(query.plain(question.question))
        if not query.has_words(text):
            continue
        searched = finder.search(text)
        sources = finder.candidates(searched, 3 if number % 9 == 0 else 2 if number % 3 == 0 else 1)
        if not sources:
            continue
        prompts = (answer_prompt(searched.text, sources), gate_prompt(searched.text, sources), prefix_prompt(sources))
        answer, gate, prefix = (tokenise_prompt(prompt, template, model) for prompt in prompts)
        if max(len(answer.tokens) + tokens, len(gate.tokens)) <= model.context_tokens:
            prepared.append(Asked(question.id, len(sources), answer, gate, prefix))
    return prepared


def figures(rows: Sequence[Compared], asked: int) -> tuple[Figure, ...]:
    """How many are equal, of as many as were `asked`; medians of the seconds, and their ratios."""
    every = len(rows)
    found = [Figure("questions compared", every, f"of {asked}")]
    seconds = [Figure("prompt read cold, p50", median([row.cold_s for row in rows]), "s")]
    for place, way in enumerate(WAYS):
        held = [row.held[place] for row in rows]
        counts = {
            "scores": sum(each.scores_equal for each in held),
            "context": sum(each.context_equal for each in held),
            "answers": sum(each.parts_at is None for each in held),
        }
        found += [Figure(f"{what} equal, {way}", n, f"of {every}", every, "higher") for what, n in counts.items()]
        middle = median([each.seconds for each in held])
        seconds.append(Figure(f"prompt read {way}, p50", middle, "s"))
        seconds.append(Figure(f"cold / {way}", seconds[0].value / middle, "ratio"))
    further = sum(row.held[1].restored > row.held[0].restored for row in rows)
    return (*found, Figure("read on from the state that the gate left", further, f"of {every}"), *seconds)


def differences(rows: Sequence[Compared]) -> list[str]:
    """One line for each reading that is not as the cold one."""
    pairs = [(row, way, held.difference()) for row in rows for way, held in zip(WAYS, row.held, strict=True)]
    return [f"{row.id}, {way}: {difference}" for row, way, difference in pairs if difference]


def answers_differ(rows: Sequence[Compared]) -> int:
    """How many questions have an answer from kept states that is not the cold run's."""
    return sum(any(held.parts_at is not None for held in row.held) for row in rows)


def measure(
    model: LlamaModel,
    retriever: Retriever,
    questions: Sequence[Question],
    tokens: int,
    *,
    states: StateStore | None = None,
    proof: int = PROOF,
) -> list[Compared]:
    """Compare every question that can be; `states` are by default in memory, with room for some dozen entries."""
    if states is None:
        states = StateStore(MemoryStates(_STATE_BYTES), None, MemoryStates(_PASSING_BYTES))
    comparison = Comparison(model, states, tokens)
    prepared = prepare(questions, retriever, model, tokens)
    return [comparison.compare(asked, write=place < proof) for place, asked in enumerate(prepared)]


def run(
    settings: Settings, file: Path, count: int | None, tokens: int, *, quick: bool
) -> tuple[Report, tuple[Compared, ...]]:
    """Load the model and the index, compare the first `count` questions of the file."""
    questions = load_questions(file)[: 3 if quick else count]
    tokens = 8 if quick else tokens
    retriever = load_retriever(settings)
    threads = settings.threads or usable_cores()
    with loaded(settings) as model:
        rows = tuple(measure(model, retriever, questions, tokens))
    if not rows:
        raise InputFileError(f"{file} holds no question that has words and fits the context")
    setup = {"llm": settings.llm, "threads": threads, "file": file.name, "tokens": tokens, "written_twice": PROOF}
    as_rows: list[dict[str, Any]] = [asdict(row) for row in rows]
    return Report("equal answers", quick, figures(rows, len(questions)), setup, as_rows), rows


def main() -> int:
    """Read the arguments, run, report; status 1 when answers differ."""
    options = arguments(
        __doc__,
        ("file", {"nargs": "?", "type": Path, "default": QUESTIONS, "help": "a question set"}),
        ("--questions", {"type": int, "help": "so many of the set, from its beginning; by default all"}),
        ("--tokens", {"type": int, "default": 32, "help": "the longest answer"}),
        ("--llm", {"help": "another language model"}),
    )
    settings = Settings.load(llm=options.llm)
    report, rows = run(settings, options.file, options.questions, options.tokens, quick=options.quick)
    finish(report, options)
    for line in differences(rows):
        print(f"  {line}")
    if different := answers_differ(rows):
        print(f"{different} of {len(rows)} questions are answered otherwise from kept states", file=sys.stderr)
    return int(different > 0)


if __name__ == "__main__":
    raise SystemExit(main())
