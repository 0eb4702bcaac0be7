"""What stands in the way of an installation, and how to mend it on each system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One thing that is missing.

    `remedies` maps a system ("Debian, Ubuntu") to the command that mends it there.
    """

    title: str
    found: str
    needed: str
    remedies: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        rows = [("Found", self.found), ("Needed", self.needed), *self.remedies.items()]
        width = max(len(label) for label, _ in rows) + 1
        return "\n".join([f"  * {self.title}", *(f"    {label + ':':<{width}}  {text}" for label, text in rows)])


class SetupError(Exception):
    """The environment cannot be made: one or more problems, all said at once."""

    def __init__(self, *problems: Problem) -> None:
        self.problems: Sequence[Problem] = problems
        super().__init__("rag-faq cannot be set up here yet:\n\n" + "\n\n".join(str(p) for p in problems))
