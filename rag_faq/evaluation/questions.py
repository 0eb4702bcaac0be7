"""Question sets: JSON lines that say what is asked, which entries answer it, and what the answer must and must not say.

    {"id": "q1", "kind": "detail", "question": "…", "history": [["user", "…"], ["assistant", "…"]],
     "gold": [8], "facts": [["mode collapse", "collapsed"]], "forbidden": ["^yes"]}

`gold` are the document's own entry numbers; without any, the FAQ does not answer the question and a refusal is right.
A fact is a list of alternative patterns, of which one must occur. Patterns are Python regular expressions, searched
for without regard to case. `history`, `facts` and `forbidden` may be left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from rag_faq.errors import InputFileError
from rag_faq.records import History

Kind: TypeAlias = Literal[
    "reworded",
    "paraphrase",
    "detail",
    "multi",
    "follow_up",
    "out_of_scope",
    "near_miss",
    "false_premise",
    "override",
    "odd_input",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_REQUIRED = ("id", "kind", "question", "gold")
_KEYS = ("id", "kind", "question", "history", "gold", "facts", "forbidden")
_ROLES = ("user", "assistant")


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a question set."""

    id: str
    kind: Kind
    question: str
    gold: tuple[int, ...]  # numbers of the entries that answer it, without repetition
    history: History = ()
    facts: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[str, ...] = ()

    @property
    def answerable(self) -> bool:
        """Whether the FAQ answers it."""
        return bool(self.gold)


class Line(NamedTuple):
    """What one line came to: its id where that can be told, its question where nothing is wrong, and what is wrong."""

    id: str | None
    question: Question | None
    problems: tuple[str, ...]


def load_questions(path: Path, known: Collection[int] | None = None) -> tuple[Question, ...]:
    """Read and check a whole question set. `known` are the entry numbers that exist; `None` leaves gold unchecked.

    Blank lines are passed over. Raises InputFileError, which names every problem of the file with its line number.
    """
    questions: list[Question] = []
    problems: list[str] = []
    lines_of: dict[str, int] = {}
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        read = read_line(line, known)
        problems += [f"line {number}: {problem}" for problem in read.problems]
        if read.id in lines_of:
            problems.append(f"line {number}: the id {read.id!r} was used on line {lines_of[read.id]} already")
        elif read.id is not None:
            lines_of[read.id] = number
        if read.question is not None:
            questions.append(read.question)
    if problems:
        count = f"{len(problems)} problems" if len(problems) > 1 else "one problem"
        raise InputFileError(f"{path} has {count}:\n  " + "\n  ".join(problems) + "\n", mend=f"correct {path}")
    if not questions:
        raise InputFileError(f"{path} holds no question", expected='JSON lines {"id", "kind", "question", "gold", …}')
    return tuple(questions)


def read_line(line: str, known: Collection[int] | None = None) -> Line:
    """Read and check one line."""
    try:
        record = json.loads(line, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        return Line(None, None, (f"it is no JSON ({error.msg} at column {error.colno})",))
    except (ValueError, RecursionError) as error:
        return Line(None, None, (f"it cannot be read ({error})",))
    if not isinstance(record, dict):
        return Line(None, None, (f"it is a JSON {type(record).__name__}, not an object",))
    problems = [f"the key {key!r} is missing" for key in _REQUIRED if key not in record]
    problems += [f"the key {key!r} is not known" for key in record if key not in _KEYS]
    problems += _wrong_values({"history": [], "facts": [], "forbidden": []} | record, known)
    id_ = str(record["id"]) if _is_id(record.get("id")) else None
    return Line(id_, None if problems else _question(record), tuple(problems))


def question_json(question: Question) -> dict[str, Any]:
    """The line's object, with all keys."""
    return asdict(question)


def question_from_json(record: dict[str, Any]) -> Question:
    """The reverse of `question_json`. Raises ValueError for an object that is no question."""
    read = read_line(json.dumps(record))
    if read.question is None:
        raise ValueError("; ".join(read.problems))
    return read.question


def fingerprint(questions: Iterable[Question]) -> str:
    """sha256 of the questions themselves: blanks and key order in the file do not change it."""
    digest = hashlib.sha256()
    for question in questions:
        digest.update(json.dumps(question_json(question), sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}", expected="a file of JSON lines") from error
    except UnicodeDecodeError as error:
        raise InputFileError(
            f"{path} is not UTF-8 (byte {error.start})", expected="a UTF-8 file of JSON lines"
        ) from error


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is given twice")
    return record


def _question(record: dict[str, Any]) -> Question:
    return Question(
        id=str(record["id"]),
        kind=record["kind"],
        question=record["question"],
        gold=tuple(dict.fromkeys(record["gold"])),
        history=tuple((role, text) for role, text in record.get("history", [])),
        facts=tuple(tuple(patterns) for patterns in record.get("facts", [])),
        forbidden=tuple(record.get("forbidden", [])),
    )


def _wrong_values(record: dict[str, Any], known: Collection[int] | None) -> list[str]:
    """What is wrong with the values of the keys that are there."""
    problems: list[str] = []
    if "id" in record and not _is_id(record["id"]):
        problems.append('"id" must be a string that is not empty, or a whole number')
    if "kind" in record and record["kind"] not in KINDS:
        problems.append(f"the kind {record['kind']!r} is not known; it must be one of {', '.join(KINDS)}")
    if "question" in record and not _is_text(record["question"]):
        problems.append('"question" must be a string of valid Unicode')
    if not _is_history(record["history"]):
        problems.append('"history" must be a list of ["user" or "assistant", text] pairs')
    if "gold" in record:
        problems += _wrong_gold(record["gold"], known)
    facts = record["facts"]
    if isinstance(facts, list) and all(isinstance(fact, list) and fact for fact in facts):
        problems += [p for i, fact in enumerate(facts, start=1) for p in _wrong_patterns(fact, f"fact {i}")]
    else:
        problems.append('"facts" must be a list of lists of patterns, none of them empty')
    if isinstance(record["forbidden"], list):
        problems += _wrong_patterns(record["forbidden"], '"forbidden"')
    else:
        problems.append('"forbidden" must be a list of patterns')
    return problems


def _wrong_gold(gold: Any, known: Collection[int] | None) -> list[str]:
    if not isinstance(gold, list) or not all(isinstance(n, int) and not isinstance(n, bool) for n in gold):
        return ['"gold" must be a list of entry numbers']
    missing = [number for number in dict.fromkeys(gold) if known is not None and number not in known]
    return [f"there is no entry {number} for gold in the index" for number in missing]


def _wrong_patterns(patterns: list[Any], where: str) -> list[str]:
    problems = []
    for pattern in patterns:
        if not _is_text(pattern) or not pattern:
            problems.append(f"{where} must hold patterns that are strings and not empty, not {pattern!r}")
            continue
        try:
            re.compile(pattern, re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            problems.append(f"{where} has an invalid pattern {pattern!r} ({error})")
    return problems


def _is_id(value: Any) -> bool:
    return (_is_text(value) and bool(value.strip())) or (isinstance(value, int) and not isinstance(value, bool))


def _is_text(value: Any) -> bool:
    """A string that can be written as UTF-8: JSON lets half of a surrogate pair through."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(turn, list) and len(turn) == 2 and all(_is_text(part) for part in turn) and turn[0] in _ROLES
        for turn in value
    )
