"""Answers from kept states held against those of a cold run: what is equal, and that what is not is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_faq import pet_retriever

from benchmarks import equal_answers
from benchmarks.cold_and_kept import Compared, Held, first_difference
from benchmarks.equal_answers import answers_differ, differences, figures, measure
from rag_faq.evaluation.questions import Question
from rag_faq.generation.llama import LlamaModel, State
from rag_faq.generation.loading import Layout
from rag_faq.generation.states import MemoryStates, StateStore
from rag_faq.models.cache import models_folder
from rag_faq.models.resolve import resolve
from rag_faq.retrieval.retriever import Retriever
from rag_faq.settings import Settings

SMALL = "smollm2-135m-instruct-q4_1"
SAME = Held(200, 0.5, scores_equal=True, context_equal=True, written=False, furthest=0.0)
OTHER_SCORES = replace(SAME, scores_equal=False, furthest=0.01234)
OTHER_ANSWER = replace(
    OTHER_SCORES, context_equal=False, written=True, parts_at=3, parts_with=(" twelve", " eighteen")
)  # fmt: skip


def row(name: str, first: Held = SAME, second: Held = SAME, third: Held = SAME) -> Compared:
    return Compared(name, 1, 220, 4.0, (first, second, third, SAME))


def asked(*texts: str) -> list[Question]:
    return [Question(f"q{number}", "detail", text, (1,)) for number, text in enumerate(texts, start=1)]


# -- what is said of it


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [([1, 2], [1, 2], None), ([], [], None), ([1, 2, 3], [1, 5, 3], 1), ([1, 2], [1], 1), ([], [7], 0)],
)
def test_answers_part_at_the_first_token_that_is_not_the_same(
    one: list[int], other: list[int], place: int | None
) -> None:
    assert first_difference(one, other) == place


def test_each_reading_that_differs_is_named_with_what_differs() -> None:
    assert differences([row("a"), row("b", SAME, OTHER_SCORES), row("c", OTHER_ANSWER, SAME)]) == [
        "b, behind the gate: scores differ by up to 0.0123; the answers are the same",
        "c, from kept states: scores differ by up to 0.0123; the context's state differs; "
        "the answers part at token 3: ' twelve' cold, ' eighteen' here",
    ]


def test_equal_questions_are_counted_for_each_way_and_all_must_be_equal() -> None:
    slow, further = replace(OTHER_ANSWER, seconds=2.0), replace(OTHER_SCORES, restored=216)
    found = {figure.name: figure for figure in figures([row("a"), row("b", slow), row("c", SAME, further)], 4)}
    assert {name: (figure.value, figure.unit, figure.reached) for name, figure in found.items()} == {
        "questions compared": (3, "of 4", None),
        "scores equal, from kept states": (2, "of 3", False),
        "context equal, from kept states": (2, "of 3", False),
        "answers equal, from kept states": (2, "of 3", False),
        "scores equal, behind the gate": (2, "of 3", False),
        "context equal, behind the gate": (3, "of 3", True),
        "answers equal, behind the gate": (3, "of 3", True),
        "scores equal, in one batch": (3, "of 3", True),
        "context equal, in one batch": (3, "of 3", True),
        "answers equal, in one batch": (3, "of 3", True),
        "scores equal, in one batch with likelihoods": (3, "of 3", True),
        "context equal, in one batch with likelihoods": (3, "of 3", True),
        "answers equal, in one batch with likelihoods": (3, "of 3", True),
        "read on from the state that the gate left": (1, "of 3", None),
        "prompt read cold, p50": (4.0, "s", None),
        "prompt read from kept states, p50": (0.5, "s", None),
        "cold / from kept states": (8.0, "ratio", None),
        "prompt read behind the gate, p50": (0.5, "s", None),
        "cold / behind the gate": (8.0, "ratio", None),
        "prompt read in one batch, p50": (0.5, "s", None),
        "cold / in one batch": (8.0, "ratio", None),
        "prompt read in one batch with likelihoods, p50": (0.5, "s", None),
        "cold / in one batch with likelihoods": (8.0, "ratio", None),
    }


def test_only_another_answer_makes_the_status_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = equal_answers.Report("equal answers", False, ())
    monkeypatch.setattr("sys.argv", ["equal_answers"])

    def ended(*rows: Compared) -> tuple[int, str]:
        monkeypatch.setattr(equal_answers, "run", lambda *_, **__: (report, rows))
        return equal_answers.main(), capsys.readouterr().err

    assert ended(row("a"), row("b", OTHER_SCORES)) == (0, "")
    assert ended(row("a"), row("b", OTHER_ANSWER, OTHER_ANSWER)) == (
        1,
        "1 of 2 questions are answered otherwise from kept states\n",
    )


# -- on the small model


@pytest.fixture(scope="module")
def model() -> Iterator[LlamaModel]:
    loaded = LlamaModel(resolve(SMALL, "llm", models_folder(Settings.load().models)).path, Layout(1024, threads=1))
    yield loaded
    loaded.free()


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    return pet_retriever(tmp_path_factory.mktemp("pets"))


class Broken(MemoryStates):
    """Gives each state back with other bytes than were kept."""

    def __init__(self, change: Callable[[State], None]) -> None:
        super().__init__(2**28)
        self._change = change

    def get(self, key: str) -> State | None:
        state = super().get(key)
        if state is not None:
            state = state.copy()
            self._change(state)
        return state


def store(memory: MemoryStates | None = None) -> StateStore:
    return StateStore(MemoryStates(2**28) if memory is None else memory, None, MemoryStates(2**24))


def compare(model: LlamaModel, pets: Retriever, texts: Sequence[str], states: StateStore, proof: int) -> list[Compared]:
    return measure(model, pets, asked(*texts), 6, states=states, proof=proof)


NINE = (
    "Do cats drink water?",
    "Tell me which fish a cat will eat",
    "How many hours do puppies sleep?",
    "Is the cage made of steel?",
    "How many perches does the parrot's cage have?",
    "Can grown dogs sleep for twelve hours?",
    "Which animals eat chicken?",
    "Who sleeps eighteen hours a day?",
    "Do cats sleep as long as dogs do, and what do they eat?",
)


@pytest.mark.weights
def test_kept_states_give_the_scores_the_context_and_the_answer_of_a_cold_run(
    model: LlamaModel, pets: Retriever
) -> None:
    rows = compare(model, pets, NINE, store(), 2)
    assert [each.sources for each in rows] == [1, 1, 2, 1, 1, 2, 1, 1, 3]
    assert answers_differ(rows) == 0
    assert all(held.scores_equal and held.furthest == 0.0 for r in rows for held in r.held[:3])
    assert all(held.context_equal and held.furthest < 1e-4 for r in rows for held in r.held)
    # Only the proof's answers were written on each side.
    assert [[held.written for held in r.held[:3]] for r in rows] == [[True] * 3] * 2 + [[False] * 3] * 7
    # Behind the gate, all questions but those of a few words are read on from a state that reaches into them.
    further = [r.held[0].restored < r.held[1].restored < r.prompt_tokens for r in rows]
    assert further == [False, True, False, False, True, True, False, True, True]
    assert all(0 < r.held[0].restored <= r.held[1].restored for r in rows)


@pytest.mark.weights
def test_states_for_which_there_is_no_room_ahead_are_made_by_pushing_out_older_ones(
    model: LlamaModel, pets: Retriever
) -> None:
    roomy = store()
    compare(model, pets, NINE[1:2], roomy, 0)
    tight = store(MemoryStates(roomy.memory.used * 11 // 10))
    # The first entry, another one, and the first again; the third question would take two entries, and is passed over.
    rows = compare(model, pets, (NINE[1], NINE[4], "?!", "What would a cat like to eat, fish or chicken?"), tight, 0)
    assert differences(rows) == []
    assert [r.held[0].restored for r in rows[::2]] == [192, 192]
    assert all(0 < r.held[0].restored < r.held[1].restored for r in rows)
    assert len(tight.memory) == 2  # of the system prompt, and of one entry


@pytest.mark.weights
def test_states_whose_values_were_changed_are_found_to_give_another_answer(model: LlamaModel, pets: Retriever) -> None:
    def overwrite(state: State) -> None:
        state[-12288:].view(np.float16)[:] = 1000  # of the last layer

    (found,) = compare(model, pets, NINE[:1], store(Broken(overwrite)), 0)
    assert answers_differ([found]) == 1
    for held in found.held:
        assert (held.scores_equal, held.context_equal, held.written) == (False, False, True)
        assert held.furthest > 1
        assert held.parts_at is not None
        assert held.parts_at <= 6
    assert [line.partition(": ")[0] for line in differences([found])] == [
        "q1, from kept states",
        "q1, behind the gate",
        "q1, in one batch",
        "q1, in one batch with likelihoods",
    ]


@pytest.mark.weights
def test_a_single_bit_that_was_changed_is_found(model: LlamaModel, pets: Retriever) -> None:
    def flip(state: State) -> None:
        state[-2] ^= 1  # the last bit of one value

    (found,) = compare(model, pets, NINE[:1], store(Broken(flip)), 0)
    assert [(held.context_equal, held.written) for held in found.held] == [(False, True)] * 4
    assert all("the context's state differs" in line for line in differences([found]))
    assert len(differences([found])) == 4


@pytest.mark.weights
def test_questions_without_words_and_those_too_long_for_the_context_are_passed_over(
    model: LlamaModel, pets: Retriever
) -> None:
    texts = ("?!", "Do cats eat " + "pneumonoultramicroscopicsilicovolcanoconiosis" * 60 + "?", "Do cats drink?")
    assert [each.id for each in compare(model, pets, texts, store(), 0)] == ["q3"]


@pytest.mark.weights
def test_it_runs_on_the_question_set(tmp_path: Path) -> None:
    lines = equal_answers.QUESTIONS.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "few.jsonl").write_text("".join(lines[:5]), encoding="utf-8")
    report, rows = equal_answers.run(Settings.load(llm=SMALL), tmp_path / "few.jsonl", None, 32, quick=True)
    assert [each["id"] for each in report.rows] == [each.id for each in rows] == ["dev-001", "dev-002", "dev-003"]
    assert differences(rows) == []
    assert report.quick
    assert report.setup["tokens"] == 8
