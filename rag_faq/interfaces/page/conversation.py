"""A conversation as it is kept in the person's browser, and what is made of it: history, and Markdown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rag_faq.interfaces.page.texts import Texts
from rag_faq.records import Answer, History

FORMAT = 1
MOST_TURNS = 50  # kept in the browser, whose store is small; older ones go
MOST_CHARS = 400_000  # of a conversation as JSON
MOST_TITLE = 80


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its answer."""

    answer: Answer
    words_a_second: float | None = None  # while the model wrote
    answer_id: str | None = None  # under which the owner's store has it


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was asked and answered so far, oldest first."""

    turns: tuple[Turn, ...] = ()
    first: int = 1  # number of the first turn: older ones may be gone
    title: str = ""  # as a person named it

    @property
    def name(self) -> str:
        """The title, or the beginning of the first question."""
        first = self.turns[0].answer.question if self.turns else ""
        return self.title or shortened(" ".join(first.split()), MOST_TITLE)

    @property
    def next_number(self) -> int:
        """The number of the turn that comes next; turns are named by it in the page."""
        return self.first + len(self.turns)

    @property
    def history(self) -> History:
        """The conversation as the chatbot takes it."""
        return tuple(pair for t in self.turns for pair in (("user", t.answer.question), ("assistant", t.answer.text)))

    def numbered(self) -> tuple[tuple[int, Turn], ...]:
        """The turns with their numbers."""
        return tuple(enumerate(self.turns, self.first))

    def with_turn(self, turn: Turn, *, longest: int) -> Conversation:
        """One turn more; of a question longer than `longest` characters, which nobody worked on, only the start."""
        question = shortened(turn.answer.question, longest)
        searched = shortened(turn.answer.searched, longest)
        kept = replace(turn, answer=replace(turn.answer, question=question, searched=searched))
        turns = (*self.turns, kept)
        room, fitting = MOST_CHARS, 0
        for one in reversed(turns[-MOST_TURNS:]):
            room -= len(_TURN.dump_json(one))
            fitting += room >= 0
        gone = len(turns) - max(1, fitting)
        return replace(self, turns=turns[gone:], first=self.first + gone)

    def before(self, number: int) -> Conversation:
        """The conversation as it was before the turn of this number."""
        return replace(self, turns=self.turns[: max(0, number - self.first)])

    def named(self, title: str) -> Conversation:
        """Under another name; an empty one gives it back its own."""
        return replace(self, title=" ".join(title.split())[:MOST_TITLE])

    def dump(self) -> dict[str, Any]:
        """As JSON, for the browser's store."""
        turns = _TURNS.dump_python(self.turns, mode="json")
        return {"format": FORMAT, "first": self.first, "title": self.title, "turns": turns}


_TURN: TypeAdapter[Turn] = TypeAdapter(Turn)
_TURNS: TypeAdapter[tuple[Turn, ...]] = TypeAdapter(tuple[Turn, ...])


def load_conversation(stored: Any) -> Conversation | None:
    """The conversation that a browser sent; None when it is of another format or was altered beyond reading."""
    if stored is None or stored == "":
        return Conversation()
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        return None
    first, title = stored.get("first"), stored.get("title", "")
    try:
        turns = _TURNS.validate_python(stored.get("turns"))
    except ValidationError:
        return None
    if not isinstance(first, int) or not 1 <= first < 10**9 or len(turns) > MOST_TURNS:
        return None
    if not isinstance(title, str) or len(title) > MOST_TITLE:
        return None
    return Conversation(turns, first, title) if all(_consistent(t) for t in turns) else None


def _consistent(turn: Turn) -> bool:
    """Whether every citation leads to a source of this answer, and to a place in its text."""
    if turn.answer_id is not None and len(turn.answer_id) > MOST_TITLE:
        return False
    answer = turn.answer
    numbers = {source.number for source in answer.sources}
    return all(c.number in numbers and 0 <= c.start <= c.end <= len(answer.text) for c in answer.citations)


def shortened(text: str, longest: int) -> str:
    """`text`, or its start and an ellipsis."""
    return text if len(text) <= longest else text[:longest] + " …"


def as_markdown(answer: Answer, texts: Texts) -> str:
    """An answer to paste elsewhere: its text with [n], then the cited sources with their words."""
    parts = [f"**{answer.question.strip()}**", answer.text]
    if answer.outcome == "refused":
        parts[0] += " " + texts("markdown_refused")
    cited = {c.number for c in answer.citations}
    lines = []
    for source in answer.sources:
        if source.number in cited:
            where = f"{source.entry.source}, {texts('entry', number=source.entry.number)}"
            lines.append(f"[{source.number}] {source.entry.question} ({where})")
            quotes = dict.fromkeys(c.quote for c in answer.citations if c.number == source.number)
            lines += [f"    > {' '.join(quote.split())}" for quote in quotes if quote]
    if lines:
        parts.append(f"{texts('markdown_sources')}:\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def conversation_as_markdown(conversation: Conversation, texts: Texts) -> str:
    """All its answers, to keep as a file."""
    heading = conversation.name or texts("conversation_empty")
    return "\n".join((f"# {heading}\n", *(as_markdown(turn.answer, texts) for turn in conversation.turns)))
