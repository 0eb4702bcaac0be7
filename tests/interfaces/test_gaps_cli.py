"""`rag-faq gaps`, in a process of its own, over a file with two questions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_faq import FAQ, pet_retriever

from rag_faq.feedback.gaps import find_gaps
from rag_faq.feedback.store import FeedbackStore
from rag_faq.interfaces.cli_gaps import report
from rag_faq.records import Answer, Citation, Related, Source


@pytest.fixture
def asked(tmp_path) -> FeedbackStore:
    """One answered question with a thumb down, and one that the FAQ does not answer, with a terminal's red in it."""
    retriever = pet_retriever(tmp_path)
    cats, dogs, _ = retriever.index.entries
    store = FeedbackStore.open(tmp_path / "f.sqlite3")
    source = Source(1, cats, cats.answer, 0.9)
    answer = Answer("Fish. [1]", "grounded", "Do cats eat?", "Do cats eat?", (Citation(1, cats.id, "fish", 0, 5, 1.0),))
    answer = Answer("Fish. [1]", "grounded", "Do cats eat?", "Do cats eat?", answer.citations, (source,))
    store.add_feedback(store.log_answer(answer), "down", "too short")
    refused = "Do dogs drink \x1b[31mwater?"
    store.log_answer(Answer("No.", "refused", refused, refused, related=(Related(dogs, 0.2),)))
    return store


def test_what_is_printed(asked, tmp_path):
    lines = list(report(find_gaps(asked, pet_retriever(tmp_path))))
    assert lines == [
        "2 asked: 1 answered, 0 in the FAQ's own words, 1 refused; 0 thumbs up, 1 down",
        "\nNot in the FAQ (1)",
        "  1 × Do dogs drink  [31mwater?  (nearest: 2. How long do dogs sleep?)",
        "\nEntries that answered badly (1)",
        "  1. What do cats eat?  (1 of 1 thumbs down)",
        "\nAnswers with a thumb down (1)",
        "  Do cats eat?  – too short",
        "\nEntries that no answer used (2)",
        "  2. How long do dogs sleep?",
        "  3. Which cage do you use for parrots?",
    ]


def test_before_anything_was_asked(tmp_path):
    store = FeedbackStore.open(tmp_path / "none.sqlite3")
    assert list(report(find_gaps(store, pet_retriever(tmp_path)))) == ["Nothing that was asked is kept yet."]


@pytest.mark.weights  # of the embedder
@pytest.mark.timeout(600)
def test_the_command_and_its_exports(asked, tmp_path):
    folder = tmp_path / "cli"
    folder.mkdir()
    (folder / "pets.md").write_text(FAQ, encoding="utf-8")
    (folder / "rag-faq.toml").write_text(
        f'corpus = "pets.md"\nindex = "i"\nllm = "none"\nfeedback_file = "{asked.path.as_posix()}"\n', encoding="utf-8"
    )

    def rag_faq(*arguments: str, cwd: Path = folder) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from rag_faq.interfaces.cli import main; main()", *arguments],
            cwd=cwd, capture_output=True, text=True, env={**os.environ, "RAG_FAQ_FEEDBACK": "false"}, check=False,
        )  # fmt: skip

    assert rag_faq("index", "build").returncode == 0
    done = rag_faq(
        "gaps", "--json", "--csv", "t.csv", "--table", "complaints", "--drafts", "d.md", "--wordings", "w.md"
    )
    assert done.returncode == 0, done.stderr
    written = ["t.csv", "d.md", "w.md"]
    assert done.stderr.splitlines()[-3:] == [f"rag-faq: {name} is written" for name in written]
    assert json.loads(done.stdout)["totals"]["asked"] == 2
    assert '"Do cats eat?","grounded","Fish. [1]","too short"' in (folder / "t.csv").read_text("utf-8-sig")
    assert "## 4. Do dogs drink [31mwater?" in (folder / "d.md").read_text("utf-8")
    assert (folder / "w.md").read_text("utf-8").endswith("## How long do dogs sleep?\n\n- Do dogs drink [31mwater?\n")
    (folder / "w.md").rename(folder / "pets.wordings.md")
    assert rag_faq("gaps").returncode == 2  # the index is not of this corpus any more
    assert rag_faq("index", "build").returncode == 0
    assert "Not in the FAQ" not in rag_faq("gaps", "--since", "7").stdout  # it has the words of it now
    failed = rag_faq("gaps", "--csv", "no/such/folder/t.csv")
    assert failed.returncode == 2
    assert failed.stderr.startswith("rag-faq: no/such/folder/t.csv cannot be written")
