"""Several readers at once: tokens a second of 1, 2 and 4 in turn, and the first word of a newcomer while three read.

    python benchmarks/together.py [--llm NAME_OR_FILE] [--tokens 96] [--rounds 3] [--json FILE]

Entries of the corpus are asked their own questions, their states filled beforehand. In each round 1, 2 and 4 readers
ask at the same time; their rate is that of all tokens from the moment when each has its first one until one of them has
its last. Then one newcomer asks while nobody reads, and another while three do. Answers are greedy: what is
written in company must be what is written alone.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from benchmarks.first_word import fill, options_of, source
from benchmarks.report import finish_as_json
from rag_faq.corpus.reader import read_corpus
from rag_faq.generation.engine import LlamaEngine
from rag_faq.generation.generator import Sampling
from rag_faq.generation.prompt import answer_prompt, gate_prompt
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import resolve
from rag_faq.records import FaqEntry, Prompt
from rag_faq.settings import Settings

CROWDS = (1, 2, 4)
LONG = "Explain this in great detail, with all that belongs to it, in at least thirty sentences: "


@dataclass(eq=False)
class Read:
    """One answer as its reader saw it: when each piece came, and the text."""

    engine: LlamaEngine
    prompt: Prompt
    tokens: int
    asked: float = 0.0
    came: list[float] = field(default_factory=list)
    text: str = ""
    cancel: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask, and read to the end."""
        self.asked = time.perf_counter()
        for piece in self.engine.generate(self.prompt, Sampling(max_tokens=self.tokens), self.cancel):
            self.came.append(time.perf_counter())
            self.text += piece

    @property
    def first_word_s(self) -> float:
        """From the question to the first piece."""
        return self.came[0] - self.asked


def read_together(reads: Sequence[Read]) -> float:
    """All read at the same time. Pieces a second of all, while all of them are being written."""
    threads = [threading.Thread(target=read.run) for read in reads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    start, end = max(read.came[0] for read in reads), min(read.came[-1] for read in reads)
    return sum(sum(start < at <= end for at in read.came) for read in reads) / (end - start)


@contextmanager
def reading(reads: Sequence[Read]) -> Iterator[None]:
    """While it lasts, these are being written; at its end they are cancelled."""
    threads = [threading.Thread(target=read.run) for read in reads]
    for thread in threads:
        thread.start()
    try:
        while not all(read.came for read in reads):
            time.sleep(0.01)
        yield
    finally:
        for read in reads:
            read.cancel.set()
        for thread in threads:
            thread.join()


def newcomer_s(engine: LlamaEngine, entry: FaqEntry, question: str) -> float:
    """A question as the chatbot puts it: judged, then answered. Seconds to the first word."""
    start = time.perf_counter()
    engine.choose(gate_prompt(question, [source(entry)]), ("yes", "no"))
    generation = engine.generate(answer_prompt(question, [source(entry)]), Sampling(max_tokens=8))
    next(generation, "")
    first = time.perf_counter() - start
    generation.close()
    return first


def measure(engine: LlamaEngine, entries: Sequence[FaqEntry], tokens: int, rounds: int) -> dict[str, object]:
    """All of it, in turn; medians over the rounds."""
    fill(engine, entries)
    prompts = [answer_prompt(LONG + entry.question, [source(entry)]) for entry in entries]
    alone = [Read(engine, prompt, tokens) for prompt in prompts]
    for read in alone:
        read.run()
    rates: dict[int, list[float]] = {crowd: [] for crowd in CROWDS}
    idle, busy, equal, compared = [], [], 0, 0
    for number in range(rounds):
        for crowd in CROWDS:
            reads = [Read(engine, prompt, tokens) for prompt in prompts[:crowd]]
            rates[crowd].append(read_together(reads))
            equal += sum(read.text == other.text for read, other in zip(reads, alone, strict=False))
            compared += crowd
        newcomer = entries[-1]
        idle.append(newcomer_s(engine, newcomer, f"What is said of number {2 * number}, and why is that so?"))
        with reading([Read(engine, prompt, 10 * tokens) for prompt in prompts[:3]]):
            busy.append(newcomer_s(engine, newcomer, f"What is said of number {2 * number + 1}, and why is that so?"))

    def middle(values: Sequence[float]) -> float:
        return round(statistics.median(values), 3)

    one = rates[CROWDS[0]]
    return {
        "model": asdict(engine.info),
        "tokens": tokens,
        "rounds": rounds,
        "tokens_s": {str(crowd): middle(found) for crowd, found in rates.items()},
        "times_one_reader": {
            str(crowd): middle([a / b for a, b in zip(found, one, strict=True)]) for crowd, found in rates.items()
        },
        "first_word_idle_s": middle(idle),
        "first_word_while_three_read_s": middle(busy),
        "later_s": middle([b - a for a, b in zip(idle, busy, strict=True)]),
        "answers_as_alone": f"{equal} of {compared}",
    }


def main() -> None:
    """Read the arguments, run, print."""
    settings = Settings.load()
    options = options_of(__doc__, settings, ("--tokens", 96), ("--rounds", 3))
    found = resolve(options.llm, "llm", models_folder(settings.models))
    entries = read_corpus(settings.corpus).entries[: max(CROWDS) + 1]
    engine = LlamaEngine.load(found.path, sha256=found.sha256, name=found.name, parallel=max(CROWDS))
    try:
        result = measure(engine, entries, options.tokens, options.rounds)
    finally:
        engine.close()
    finish_as_json(result, options.json)


if __name__ == "__main__":
    main()
