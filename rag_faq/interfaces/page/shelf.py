"""The conversations that a browser keeps besides the one in sight."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from rag_faq.interfaces.page.conversation import Conversation, load_conversation

FORMAT = 1
MOST_KEPT = 30
MOST_CHARS = 1_200_000  # all of them as JSON; a browser has room for some 5 million in all


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation on the shelf, under a number that is its own for good."""

    number: int
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class Shelf:
    """Conversations, the latest first, and the one that was deleted last: it can be brought back."""

    kept: tuple[Kept, ...] = ()
    next_number: int = 1
    deleted: Kept | None = None

    def find(self, number: int) -> Kept | None:
        """The conversation of this number."""
        return next((one for one in self.kept if one.number == number), None)

    def with_put(self, conversation: Conversation) -> Shelf:
        """One conversation more, unless there is nothing in it; the oldest go when there is no more room."""
        if not conversation.turns:
            return replace(self, deleted=None)
        put = Kept(self.next_number, conversation)
        return Shelf(_that_fit((put, *self.kept)), self.next_number + 1)

    def without(self, number: int) -> Shelf:
        """Without one; nothing of it is left."""
        return replace(self, kept=tuple(one for one in self.kept if one.number != number), deleted=None)

    def with_deleted(self, number: int) -> Shelf:
        """Without one, which can still be brought back."""
        return replace(self.without(number), deleted=self.find(number))

    def with_undone(self) -> Shelf:
        """With the one that was deleted last, in its old place."""
        if self.deleted is None:
            return self
        kept = sorted((*self.kept, self.deleted), key=lambda one: -one.number)
        return Shelf(_that_fit(tuple(kept)), self.next_number)

    def with_named(self, number: int, title: str) -> Shelf:
        """One under another name."""
        renamed = (
            replace(one, conversation=one.conversation.named(title)) if one.number == number else one
            for one in self.kept
        )
        return replace(self, kept=tuple(renamed), deleted=None)

    def dump(self) -> dict[str, Any]:
        """As JSON, for the browser's store."""
        return {
            "format": FORMAT,
            "next": self.next_number,
            "kept": [_dump(one) for one in self.kept],
            "deleted": _dump(self.deleted) if self.deleted else None,
        }


def load_shelf(stored: Any) -> Shelf | None:
    """The shelf that a browser sent; None when it is of another format or was altered beyond reading."""
    if stored is None or stored == "":
        return Shelf()
    if not isinstance(stored, dict) or stored.get("format") != FORMAT or not isinstance(stored.get("kept"), list):
        return None
    kept = [_load(one) for one in stored["kept"][:MOST_KEPT]]
    deleted = _load(stored["deleted"]) if stored.get("deleted") is not None else None
    numbers = [one.number for one in (*kept, deleted) if one is not None]
    following = stored.get("next")
    if None in kept or len(set(numbers)) != len(numbers):
        return None
    if not isinstance(following, int) or not max(numbers, default=0) < following < 10**9:
        return None
    return Shelf(tuple(one for one in kept if one is not None), following, deleted)


def _dump(kept: Kept) -> dict[str, Any]:
    return {"number": kept.number, "conversation": kept.conversation.dump()}


def _load(stored: Any) -> Kept | None:
    if not isinstance(stored, dict) or not isinstance(stored.get("number"), int) or stored["number"] < 1:
        return None
    conversation = load_conversation(stored.get("conversation"))
    return Kept(stored["number"], conversation) if conversation is not None and conversation.turns else None


def _that_fit(kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
    """The latest ones, as far as the browser has room for them; the latest of all in any case."""
    room, fitting = MOST_CHARS, 0
    for one in kept[:MOST_KEPT]:
        room -= len(json.dumps(one.conversation.dump()))
        if room < 0:
            break
        fitting += 1
    return kept[: max(1, fitting)]
