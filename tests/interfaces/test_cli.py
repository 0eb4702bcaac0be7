"""The command, run in a process of its own, without a language model."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

FAQ = "## 1. What do cats eat?\n\nCats eat fish.\n\n## 2. How long do dogs sleep?\n\nDogs sleep twelve hours a day.\n"
pytestmark = [pytest.mark.weights, pytest.mark.timeout(600)]  # the weights of the embedder


def rag_faq(*arguments: str, cwd: Path, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from rag_faq.interfaces.cli import main; main()", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=280,
        check=False,
    )


@pytest.fixture(scope="module")
def pets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pets")
    (folder / "pets.md").write_text(FAQ, encoding="utf-8")
    (folder / "rag-faq.toml").write_text('corpus = "pets.md"\nindex = "pets-index"\nllm = "none"\n', encoding="utf-8")
    built = rag_faq("index", "build", cwd=folder)
    assert (built.returncode, built.stderr) == (0, "")
    assert "2 entries" in built.stdout
    return folder


def test_a_second_build_has_nothing_to_do(pets):
    assert "up to date" in rag_faq("index", "build", cwd=pets).stdout


def test_ask_prints_the_answer_and_where_it_stands(pets):
    done = rag_faq("ask", "What do cats eat?", cwd=pets)
    assert done.stdout.splitlines()[0] == "Cats eat fish. [1]"
    assert "[1] 1. What do cats eat? (pets.md, lines 1-3)" in done.stdout
    assert done.stderr == ""


def test_ask_as_json_from_standard_input(pets):
    answer = json.loads(rag_faq("ask", "--json", "-", cwd=pets, stdin="How long do dogs sleep?\n").stdout)
    assert (answer["outcome"], [c["entry"] for c in answer["citations"]]) == ("verbatim", [2])


def test_batch_tells_bad_lines_and_ends_with_1(pets):
    (pets / "in.jsonl").write_text('{"id": "a", "question": "What do cats eat?"}\nno json\n', encoding="utf-8")
    done = rag_faq("batch", "in.jsonl", "out.jsonl", cwd=pets)
    assert done.returncode == 1
    assert "in.jsonl, line 2: it is no JSON" in done.stderr
    assert [json.loads(line)["id"] for line in (pets / "out.jsonl").read_text("utf-8").splitlines()] == ["a"]


def test_chat_ends_at_an_empty_line(pets):
    done = rag_faq("chat", cwd=pets, stdin="What do cats eat?\n\n")
    assert done.returncode == 0
    assert "Cats eat fish. [1]" in done.stdout


def test_eval_writes_its_reports(pets):
    line = {
        "id": "q",
        "kind": "detail",
        "question": "What do cats eat?",
        "history": [],
        "gold": [1],
        "facts": [["fish"]],
    }
    (pets / "set.jsonl").write_text(json.dumps({**line, "forbidden": []}) + "\n", encoding="utf-8")
    done = rag_faq("eval", "set.jsonl", "--stage", "retrieval", cwd=pets)
    assert done.returncode == 0, done.stderr
    assert (pets / "reports" / "set-retrieval.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "prot=1", "ask", "q"], "`prot` is no setting"),
        (["--set", "port", "ask", "q"], "has no value"),
        (["--config", "none.toml", "ask", "q"], "There is no settings file"),
        (["--set", "index=nowhere", "ask", "q"], "rag-faq index build"),
        (["--set", "corpus=nowhere.md", "index", "build"], "nowhere.md"),
        (["--set", "embedder=no-such", "ask", "q"], "no-such"),
        (["models", "fetch", "no-such"], "no-such"),
        (["batch", "nothing.jsonl", "out2.jsonl"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(pets, arguments, said):
    done = rag_faq(*arguments, cwd=pets)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("rag-faq: ")


def test_an_index_of_another_corpus_is_not_used(pets, tmp_path):
    other = tmp_path / "pets.md"
    other.write_text(FAQ.replace("fish", "mice"), encoding="utf-8")
    done = rag_faq("--set", f"corpus={other}", "ask", "What do cats eat?", cwd=pets)
    assert done.returncode == 2
    assert "rag-faq index build" in done.stderr


def test_a_port_that_is_taken(pets):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = rag_faq("serve", "--port", str(taken.getsockname()[1]), cwd=pets)
    assert done.returncode == 2
    assert "cannot be used" in done.stderr


def test_help_is_quick_to_import_and_names_every_command():
    done = rag_faq("--help", cwd=Path.cwd())
    for command in ("ask", "batch", "chat", "eval", "index", "models", "serve"):
        assert command in done.stdout
