"""Repair rules for words. Each is led by how the same document writes elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from rag_faq.corpus.document import Line

# Code in a line and web addresses are no prose.
_NO_PROSE: Final = re.compile(r"`+[^`]*`+|\b(?:https?://|www\.)\S+|\S+@\S+")

# --- "Al" for "AI" ---

_AI: Final = re.compile(r"\bAI\b|\bartificial intelligence\b", re.IGNORECASE)
_METAL: Final = re.compile(r"\balumini?um\b|\balloys?\b", re.IGNORECASE)
_KINDS: Final = (
    r"(?:generative|discriminative|conversational|explainable|responsible|artificial|trustworthy|agentic|multimodal|"
    r"predictive)"
)
_PARTICIPLES: Final = (
    r"(?:generated|driven|powered|based|assisted|enabled|enhanced|related|augmented|created|written|made|supported|"
    r"infused|specific|focused|led|native|ready)"
)
_THINGS: Final = (
    r"(?:models?|systems?|algorithms?|technolog(?:y|ies)|agents?|applications?|chatbots?|assistants?|researchers?|"
    r"research|ethics|safety|regulation)"
)
# Places where no name can stand: neither a kind of AI before it nor a participle behind it.
_PROVEN: Final = (
    re.compile(rf"\b{_KINDS} (?P<al>Al)\b(?!-[A-Z])", re.IGNORECASE),
    re.compile(r"\bartificial intelligence \((?P<al>Al)\)", re.IGNORECASE),
    re.compile(rf"\b(?P<al>Al)-{_PARTICIPLES}\b"),
)
# Places where a name could stand, but hardly does.
_LIKELY: Final = (
    re.compile(r"\b(?:[Tt]he|[Aa]n|[Tt]his) (?P<al>Al)(?:['’]s)? (?=[a-z])"),
    re.compile(
        r"\b(?:used|using|uses?|applied|applications?|advances?|progress|breakthroughs?|role|techniques?|field|future|"
        r"history|development|types?|branch(?:es)?|subsets?) (?:in|of|for|by|with) (?P<al>Al)\b(?!['’-]| [A-Z])"
    ),
    re.compile(rf"(?<![.!?:] )(?<!^)\b(?P<al>Al) {_THINGS}\b"),
)
_PERSON: Final = re.compile(
    r"\bAl (?:[A-Z][a-z]+\b|said|says|asked|told|joined|lives|wrote|founded|replied|works|worked|was born)"
    r"|\b(?:Uncle|Mr\.?|Dr\.?|Big|Weird|[Cc]all|[Aa]sk|[Ee]mail|[Cc]ontact|[Mm]eet|[Ww]ho is|[Ww]ith|[Tt]hank) Al\b"
)
_COMPANY: Final = re.compile(r"\b(?P<stem>[A-Z][a-z]{2,})Al\b")
_KNOWN_STEMS: Final = frozenset({"Open", "Gen"})


def read_al_as_ai(lines: Sequence[Line]) -> tuple[tuple[Line, ...], int]:
    """Write "AI" where "Al" cannot be a name: "Generative Al", "Al-generated", "the Al's ability", "OpenAl".

    Only in a document that is about AI and not about aluminium. Where a name might stand ("used in Al?"), only when at
    least two other places have proved the damage and nothing speaks of a person of that name.
    """
    prose = "\n".join(line.text for line in lines if not line.verbatim)
    if not _AI.search(prose) or _METAL.search(prose) or "Al" not in prose:
        return tuple(lines), 0
    stems = frozenset(re.findall(r"\b([A-Z][a-z]{2,})AI\b", prose)) | _KNOWN_STEMS

    def company(text: str) -> tuple[str, int]:
        hits = [match for match in _COMPANY.finditer(text) if match["stem"] in stems]
        return _COMPANY.sub(lambda m: f"{m['stem']}AI" if m["stem"] in stems else m[0], text), len(hits)

    result, companies = _map_prose(lines, company)
    result, proven = _map_prose(result, lambda text: _write_ai(text, _PROVEN))
    likely = 0
    if companies + proven >= 2 and not any(_PERSON.search(line.text) for line in result):
        result, likely = _map_prose(result, lambda text: _write_ai(text, _LIKELY))
    return result, companies + proven + likely


def _write_ai(text: str, patterns: Sequence[re.Pattern[str]]) -> tuple[str, int]:
    places = {match.start("al") for pattern in patterns for match in pattern.finditer(text) if match["al"] == "Al"}
    for place in places:
        text = f"{text[:place]}AI{text[place + 2 :]}"
    return text, len(places)


# --- A space that was lost before an abbreviation ---

_GLUED: Final = re.compile(r"(?<![\w-])(?P<word>or|and|the|with|for|from|of|like|using)(?P<short>[A-Z]{2,}s?)\b")


def part_glued(lines: Sequence[Line]) -> tuple[tuple[Line, ...], int]:
    """`orGANs` gives `or GANs`, where the document writes the abbreviation by itself elsewhere, at least as often."""
    prose = "\n".join(line.text for line in lines if not line.verbatim)
    glued = Counter(match["short"].removesuffix("s") for match in _GLUED.finditer(prose))
    alone = Counter(short.removesuffix("s") for short in re.findall(r"(?<![\w-])[A-Z]{2,}s?\b", prose))

    def part(text: str) -> tuple[str, int]:
        count = 0

        def space(match: re.Match[str]) -> str:
            nonlocal count
            stem = match["short"].removesuffix("s")
            if alone[stem] < glued[stem]:
                return match[0]
            count += 1
            return f"{match['word']} {match['short']}"

        return _GLUED.sub(space, text), count

    return _map_prose(lines, part)


# --- A hyphen that was lost ---

_HYPHENATED: Final = re.compile(r"(?<![\w-])([A-Za-z]{3,})-([a-z]{4,})(?![\w-])")
# First parts that make a hyphenated adjective with any noun: "high-resolution", "large-scale".
_ADJECTIVE: Final = re.compile(
    r"high|low|long|short|large|small|real|full|open|well|deep|fast|hard|soft|wide|close|single|multiple"
)
# Prefixes that also make words without a hyphen: "pretrained" beside "pre-trained" is no damage. Combining forms end in
# o: "socioeconomic", "cardiovascular".
_PREFIX: Final = re.compile(
    r"\w+o|anti|counter|cross|cyber|down|extra|fore|hyper|infra|inter|intra|mega|meta|mid|mini|mis|multi|non|off|out|"
    r"over|para|poly|post|pre|quasi|semi|sub|super|tele|trans|ultra|uni|under|up"
)


def hyphenate_joined(lines: Sequence[Line]) -> tuple[tuple[Line, ...], int]:
    """`highresolution` gives `high-resolution`, where the document has the hyphenated form at least as often.

    Only for compounds that English writes with a hyphen: an adjective with a noun, or a noun with a participle
    ("human-generated"). Words that are also written in one ("healthcare", "pretrained", "email") stay.
    """
    prose = "\n".join(line.text for line in lines if not line.verbatim)
    hyphenated = Counter((match[1].lower(), match[2].lower()) for match in _HYPHENATED.finditer(prose))
    joined = Counter(re.findall(r"(?<![\w-])[a-z]{8,}(?![\w-])", prose))
    parts: dict[str, str] = {}
    for (first, second), count in hyphenated.items():
        word = first + second
        if _needs_hyphen(first, second) and 0 < joined[word] <= count:
            parts[word] = f"{first}-{second}"
    if not parts:
        return tuple(lines), 0
    pattern = re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, parts)) + r")(?![\w-])")
    return _map_prose(lines, lambda text: pattern.subn(lambda match: parts[match[0]], text))


def _needs_hyphen(first: str, second: str) -> bool:
    length = len(first) + len(second)
    if _ADJECTIVE.fullmatch(first):
        return length >= 10
    return length >= 13 and second.endswith("ed") and not _PREFIX.fullmatch(first)


def _map_prose(lines: Sequence[Line], change: Callable[[str], tuple[str, int]]) -> tuple[tuple[Line, ...], int]:
    """Apply `change` to what is neither code nor an address, line by line."""
    total = 0
    result = []
    for line in lines:
        if line.verbatim:
            result.append(line)
            continue
        hidden: list[str] = []

        def hide(match: re.Match[str], hidden: list[str] = hidden) -> str:
            hidden.append(match[0])
            return "\x00"

        text, count = change(_NO_PROSE.sub(hide, line.text))
        total += count
        if count:
            kept = iter(hidden)
            text = re.sub("\x00", lambda _, kept=kept: next(kept), text)  # type: ignore[misc]
            line = replace(line, text=text)
        result.append(line)
    return tuple(result), total
