"""A small FAQ with some ill-natured entries, and a chatbot over it whose words are known."""

import re
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from rag_faq.chatbot import FaqChatbot, Options
from rag_faq.corpus.chunking import chunk_entries
from rag_faq.corpus.reader import read_corpus
from rag_faq.generation.generator import Sampling
from rag_faq.grounding.verify import Verifier
from rag_faq.records import Prompt
from rag_faq.retrieval.retriever import Retriever
from rag_faq.retrieval.store import build_index, open_index
from rag_faq.testing import FakeEmbedder, ScriptedGeneration, ScriptedGenerator

FAQ = f"""# Library

## 1. How long may I keep a book?

Books may be kept for three weeks. A loan is renewed twice when nobody waits for the book.

## 2. What does a late return cost?

- Each late day costs ten cents.
- After sixty days the book is billed at its full price.

## 3. When is the library open?

The library opens at nine and closes at six. On Sundays the library stays closed.

## 4. Where do I print markup?

The printer stands by the stairs. <img src="x" onerror="window.hacked=1"> [free](javascript:window.hacked=2)
![logo](https://elsewhere.example/logo.png) </div></section><script>window.hacked=3</script>

## 5. What is the shelf mark of the longest word?

The mark is {"W" * 3000} on shelf nine.

## 6. Which rooms are quiet?

The attic and the cellar are quiet rooms. \u202eevil\u202c Talking is allowed in the hall.
"""

GROUNDED = "How many weeks may I keep a book from the library shelf?"
SLOW = f"Slowly now: {GROUNDED}"
HALFWAY = f"Halfway: {GROUNDED}"
HELD = f"Hold on: {GROUNDED}"
REFUSED = "Who won the football championship?"
WEIGHED = "Weigh this: who won the football championship?"
MARKUP = "Where by the stairs is the printer for markup?"


class LibraryModel(ScriptedGenerator):
    """Says what fits the first source. A question with "slowly" takes its time; one with "hold" or "Weigh" waits.

    One with "halfway" waits after its eighth word. What waits goes on when `released` is set, or it is cancelled.
    """

    def __init__(self) -> None:
        super().__init__(self._say, choices=self._judge)
        self.released = threading.Event()
        self.cancelled = threading.Event()

    def generate(self, prompt: Prompt, sampling: Sampling, cancel: threading.Event | None = None) -> "Paced":
        question = prompt.messages[-1].segments[-1].lower()
        return Paced(super().generate(prompt, sampling, cancel), self, question, cancel)

    @staticmethod
    def _say(prompt: Prompt) -> str:
        if "standalone" in prompt.messages[0].content or not prompt.sources:
            return prompt.messages[-1].content
        said = {
            1: "Books may be kept for three weeks. The moon is made of cheese. "
            "A loan is renewed twice when nobody waits for the book.",
            4: "The printer stands by the stairs. <img src=x onerror=window.hacked=4> [x](javascript:alert(1)) </div>",
        }
        return said.get(prompt.sources[0].entry.number, prompt.sources[0].text)

    def _judge(self, prompt: Prompt, options: object) -> tuple[float, ...]:
        asked = prompt.messages[-1].content
        while "Weigh" in asked and not self.released.wait(0.01):
            pass
        return (0.01, 0.99) if "football" in asked else (0.99, 0.01)


class Paced:
    """A scripted generation at the pace that its question asks for."""

    def __init__(
        self, inner: ScriptedGeneration, model: LibraryModel, question: str, cancel: threading.Event | None
    ) -> None:
        self._inner, self._model, self._question, self._cancel = inner, model, question, cancel

    @property
    def stats(self):
        return self._inner.stats

    def __iter__(self) -> "Paced":
        return self

    def __next__(self) -> str:
        if "slowly" in self._question:
            time.sleep(0.15)
        waits = "hold" in self._question or ("halfway" in self._question and self.stats.new_tokens >= 8)
        while waits and not self._model.released.is_set() and not self._stopped():
            time.sleep(0.01)
        if self._stopped():
            self._model.cancelled.set()
        return next(self._inner)

    def _stopped(self) -> bool:
        return self._cancel is not None and self._cancel.is_set()

    def close(self) -> None:
        self._inner.close()


def library_chatbot(folder: Path, model: LibraryModel | None) -> FaqChatbot:
    """A chatbot over FAQ, its index built below `folder`."""
    document = folder / "library.md"
    document.write_text(FAQ, encoding="utf-8")
    corpus = read_corpus(document)
    words = dict.fromkeys(w for e in corpus.entries for w in re.findall(r"\w+", f"{e.question} {e.answer}".lower()))
    embedder = FakeEmbedder([w for w in words if len(w) < 40])
    chunks = chunk_entries(corpus.entries, embedder.count_tokens, embedder.max_tokens)
    files = {d.name: d.sha256 for d in corpus.documents}
    build_index(folder / "index", corpus.entries, chunks, embedder, corpus_files=files, repairs=corpus.repairs)
    retriever = Retriever(open_index(folder / "index", embedder, files), embedder)
    return FaqChatbot(retriever, Verifier(embedder), model, Options(), model_note="None was wanted.")


if __name__ == "__main__":  # a server of its own, to be ended in the middle of an answer
    from rag_faq.interfaces.http.app import page_app
    from rag_faq.interfaces.http.server import make_server
    from rag_faq.settings import Settings

    settings = Settings.load(feedback=False)
    with tempfile.TemporaryDirectory() as scratch, suppress(KeyboardInterrupt):
        app = page_app(library_chatbot(Path(scratch), LibraryModel()), settings)
        make_server(app, settings, int(sys.argv[1])).run()
