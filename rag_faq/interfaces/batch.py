"""Answering a file of questions: one JSON object a line in, one out, going on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_faq.errors import DiskError, InputFileError
from rag_faq.interfaces.wire import answer_json
from rag_faq.records import History

if TYPE_CHECKING:
    from rag_faq.chatbot import FaqChatbot

_ROLES = ("user", "assistant")


@dataclass(frozen=True, slots=True)
class BatchQuestion:
    """One line of the input."""

    id: str | int
    question: str
    history: History = ()


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """How many lines were answered now, were answered before, or are malformed."""

    answered: int
    skipped: int
    bad: tuple[str, ...]  # one message a malformed line, with its line number


def parse_line(line: str) -> BatchQuestion:
    """One line; ValueError says what is wrong with it."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON ({error.msg} at column {error.colno})") from None
    if not isinstance(record, dict):
        raise ValueError(f"it is a JSON {type(record).__name__}, not an object")
    if isinstance(record.get("id"), bool) or not isinstance(record.get("id"), str | int):
        raise ValueError('its "id" must be a string or a whole number')
    if not isinstance(record.get("question"), str):
        raise ValueError('its "question" must be a string')
    return BatchQuestion(record["id"], record["question"], _history(record.get("history") or []))


def _history(turns: Any) -> History:
    if not isinstance(turns, list):
        raise ValueError('its "history" must be a list of ["user" or "assistant", text] pairs')
    for turn in turns:
        pair = isinstance(turn, list) and len(turn) == 2 and all(isinstance(part, str) for part in turn)
        if not pair or turn[0] not in _ROLES:
            raise ValueError('its "history" must be a list of ["user" or "assistant", text] pairs')
    return tuple((role, text) for role, text in turns)


def read_questions(path: Path) -> tuple[list[BatchQuestion], list[str]]:
    """The good lines, and a message for each bad one. Blank lines are passed over."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path} cannot be read: {error}", expected="a UTF-8 file of JSON lines") from error
    questions: list[BatchQuestion] = []
    bad: list[str] = []
    seen: dict[str | int, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            question = parse_line(line)
            if question.id in seen:
                raise ValueError(f"its id {question.id!r} was used on line {seen[question.id]} already")
        except ValueError as error:
            bad.append(f"{path}, line {number}: {error}")
            continue
        seen[question.id] = number
        questions.append(question)
    return questions, bad


def answered_ids(path: Path) -> set[str | int]:
    """Ids that the output has already. A last line that was cut short is taken away, so that it is answered again."""
    if not path.exists():
        return set()
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) != len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    try:
        return {json.loads(line)["id"] for line in whole.splitlines() if line.strip()}
    except (ValueError, KeyError, TypeError) as error:
        raise InputFileError(
            f"{path} is there and holds a line that `rag-faq batch` did not write ({error})",
            mend=f"name another output file, or remove {path}",
        ) from error


def run_batch(
    load: Callable[[], FaqChatbot], source: Path, target: Path, progress: Callable[[int, int], None] | None = None
) -> BatchSummary:
    """Answer all questions of `source` that `target` does not answer yet, in order, each written as it is done.

    `load` makes the chatbot, once the files were looked at and only if there is something to answer.
    """
    questions, bad = read_questions(source)
    done = answered_ids(target)
    todo = [question for question in questions if question.id not in done]
    if todo:
        chatbot = load()
        for count, _ in enumerate(_answer(chatbot, todo, target), start=1):
            if progress:
                progress(len(questions) - len(todo) + count, len(questions))
    return BatchSummary(answered=len(todo), skipped=len(questions) - len(todo), bad=tuple(bad))


def _answer(chatbot: FaqChatbot, questions: list[BatchQuestion], target: Path) -> Iterator[None]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a", encoding="utf-8") as file:
            for question in questions:
                answer = chatbot.ask(question.question, question.history)
                file.write(json.dumps({"id": question.id, **answer_json(answer)}, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
                yield
    except OSError as error:
        raise DiskError(
            f"{target} cannot be written: {error.strerror}", mend="free some space, then run the same command again"
        ) from error
