"""What the doctor finds: one line a finding, good or bad, with the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rag_faq.errors import RagFaqError

Level: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. A `problem` keeps something from working; a `warning` only makes it worse."""

    subject: str  # "processor", "llama.cpp", "weights", "index", …
    level: Level
    text: str
    mend: str = ""  # a command or an action


def ok(subject: str, text: str) -> Finding:
    """All is well."""
    return Finding(subject, "ok", text)


def from_error(subject: str, error: RagFaqError, level: Level = "problem") -> Finding:
    """What an error of ours says: what was found, what was expected, and what mends it."""
    expected = f" (expected: {error.expected})" if error.expected else ""
    mend = error.mend or ""
    alone = mend.count("`") == 2 and mend.startswith("`") and mend.endswith("`")  # a command and nothing else
    return Finding(subject, level, f"{error.found}{expected}", mend.strip("`") if alone else mend)


def any_problem(findings: Sequence[Finding]) -> bool:
    """True when something does not work."""
    return any(finding.level == "problem" for finding in findings)


def as_text(findings: Sequence[Finding]) -> str:
    """The findings as lines, each subject named once, what mends them below."""
    signs = {"ok": "ok", "warning": "WARN", "problem": "BAD"}
    width = max((len(finding.subject) for finding in findings), default=0)
    lines: list[str] = []
    before = ""
    for finding in findings:
        subject = finding.subject if finding.subject != before else ""
        before = finding.subject
        lines.append(f"{subject:{width}}  {signs[finding.level]:4}  {finding.text}")
        if finding.mend:
            lines.append(f"{'':{width}}        to mend it: {finding.mend}")
    return "\n".join(lines)
