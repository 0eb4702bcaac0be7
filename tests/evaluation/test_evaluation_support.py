import json
from pathlib import Path

import pytest

from rag_faq.assembly import load_embedder
from rag_faq.corpus.reader import read_corpus
from rag_faq.errors import InputFileError
from rag_faq.evaluation.support import SupportCase, evaluate_support, read_support_cases
from rag_faq.grounding.sentences import Span
from rag_faq.grounding.verify import Support, Verifier
from rag_faq.records import FaqEntry
from rag_faq.settings import Settings

ENTRIES = [FaqEntry("faq#3", 3, "What do cats do?", "They purr.", "faq.md", (1, 2))]
REPOSITORY = Path(__file__).resolve().parents[2]


class Gullible:
    """Believes every sentence but one, and remembers what it was asked."""

    def __init__(self, doubts: str) -> None:
        self.doubts = doubts
        self.asked: list[tuple[str, str, str]] = []

    def check(self, sentence: str, source_text: str, question: str) -> Support:
        self.asked.append((sentence, source_text, question))
        believed = sentence != self.doubts
        return Support(float(believed), believed, "", Span(0, 0), "" if believed else "doubted")


def case(number: int, supported: bool, kind: str = "copied") -> SupportCase:
    return SupportCase(f"s{number}", 3, f"Sentence {number}.", supported, kind)


def test_the_rates() -> None:
    verifier = Gullible("Sentence 2.")
    cases = [case(1, True), case(2, True), case(3, False, "number"), case(4, True, "joined")]
    report = evaluate_support(cases, ENTRIES, verifier)
    assert (report.cases, report.kept, report.caught, report.precision) == (4, 2 / 3, 0.0, 2 / 3)
    assert report.by_kind == {"copied": (1, 2), "number": (0, 1), "joined": (1, 1)}
    assert [(miss.case.id, miss.support.reason) for miss in report.misses] == [("s2", "doubted"), ("s3", "")]
    assert verifier.asked[0] == ("Sentence 1.", "They purr.", "What do cats do?")
    assert str(report).splitlines()[:2] == ["4 sentences", "  true sentences kept      66.7%"]


def test_what_there_is_none_of_has_no_rate() -> None:
    report = evaluate_support([case(1, True)], ENTRIES, Gullible("Sentence 1."))
    assert (report.kept, report.caught, report.precision) == (0.0, None, None)


def test_an_entry_that_does_not_exist() -> None:
    with pytest.raises(InputFileError, match="do not exist: 7"):
        evaluate_support([SupportCase("s1", 7, "Sentence.", True, "copied")], ENTRIES, Gullible(""))


def test_a_file_is_read(tmp_path: Path) -> None:
    row = {"id": "s1", "entry": 3, "sentence": "They purr.", "supported": True, "kind": "copied"}
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(row) + "\n\n", encoding="utf-8")
    assert read_support_cases(file) == (SupportCase("s1", 3, "They purr.", True, "copied"),)


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    row = {"id": "s1", "entry": 3, "sentence": "They purr.", "supported": True, "kind": "copied"}
    lines = [json.dumps(row), "{", json.dumps({**row, "entry": True}), json.dumps({"id": "s2"}), json.dumps(row)]
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputFileError) as caught:
        read_support_cases(file)
    message = str(caught.value)
    assert "line 2:" in message
    assert "line 3: 'entry' is True, not of type int" in message
    assert "line 4: the keys are not id, entry, sentence, supported, kind" in message
    assert "line 5: the id 's1' was used before" in message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="cannot be read"):
        read_support_cases(tmp_path / "none.jsonl")


@pytest.mark.weights
@pytest.mark.timeout(1200)
def test_the_verifier_on_the_development_sentences_without_the_models_word() -> None:
    embedder = load_embedder(Settings.load())
    cases = read_support_cases(REPOSITORY / "evaluation" / "support_development.jsonl")
    # Those that were added later are hard ones, which wording and meaning alone hardly tell apart.
    cases = tuple(case for case in cases if not case.id.startswith("dev-third"))
    report = evaluate_support(cases, read_corpus(REPOSITORY / "corpus").entries, Verifier(embedder))
    assert report.kept is not None
    assert report.kept >= 0.88, str(report)
    assert report.caught is not None
    assert report.caught >= 0.74, str(report)
