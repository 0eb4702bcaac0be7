"""Attribution: every sentence of a written answer gets the number of the source that supports it, or is left out.

A small model cites badly when it is asked to (it forgets, or numbers wrongly), so the numbers come from here: each
sentence is checked against each source that the model saw. Nothing is cited because it was merely retrieved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rag_faq.generation.voice import AUTHOR, speaks_as_author
from rag_faq.grounding.clean import clean
from rag_faq.grounding.sentences import list_marker, split_sentences
from rag_faq.grounding.verify import Support
from rag_faq.grounding.words import content_stems
from rag_faq.records import Citation, Source, UnsupportedSentence

NO_SOURCE = "there is no source"
CUT_OFF = "the source supports only what stands before it"
_BARE_REPLY = re.compile(r"\W*(yes|no)\W*", re.IGNORECASE)
# Where a sentence may rest on one source up to here and on another from here.
_JOINT = re.compile(r"\s*;\s+|,?\s+(?:while|whereas|but|and)\s+|,\s+(?=which\s)", re.IGNORECASE)
# Where an addition begins that can be left out without harm to the sentence before it.
_ADDITION = re.compile(
    r"(?:,|;|\s[-–—])\s+(?=(?:which|where|allowing|enabling|making|leading|helping|thus|so|thereby|ensuring|such\s+as|"
    r"including|resulting|improving|providing|reducing|and\s+(?:can|may|help|is|are|it|they|this|thus)|as)\b)",
    re.IGNORECASE,
)
_OPENING = re.compile(r"(?:To|In order to|For that)\b[^,.;:]{3,100},\s+(?=\w)")
_FEWEST_WORDS = 3
# A sentence stands for a passage when it has at least so many of its content words, and this share of them.
_FEWEST_TAKEN, _MOST_OF_IT = 4, 0.6
_NUMBERED = re.compile(r"(?P<indent>[ \t]*\(?)(?P<number>\d{1,3})(?P<tail>[.)]\s*)")


class Checks(Protocol):
    """What attribution asks of a verifier."""

    def check(self, sentence: str, source_text: str, question: str, asked: str = "") -> Support:
        """Whether this source supports this sentence, in an answer to the question `asked`."""
        ...

    def foreign(self, text: str, source_text: str, question: str) -> str:
        """The objection to a name or number in `text` that the source does not have, or ""."""
        ...


@dataclass(frozen=True, slots=True)
class Grounded:
    """An answer in which every sentence is borne out by the source whose [n] follows it."""

    text: str
    citations: tuple[Citation, ...]
    unsupported: tuple[UnsupportedSentence, ...]  # what was left out, in order


@dataclass(frozen=True, slots=True)
class _Piece:
    """One sentence of the answer with what stands round it."""

    before: str  # the space before it
    marker: str  # list marker, or ""
    body: str
    supports: tuple[tuple[Source, Support], ...] = ()
    reason: str = ""
    kept: bool = False
    nearest: tuple[Source, Support] | None = None  # of a piece that is not kept
    left_out: str = ""  # the end of it that was cut off

    @property
    def leads_in(self) -> bool:
        """True for "The steps are:" and headings: nothing is claimed, something is announced."""
        return self.body.rstrip("*_ ").endswith(":") or self.heading

    @property
    def heading(self) -> bool:
        """True for a Markdown heading, or a line that is all bold."""
        return self.body.startswith("#") or re.fullmatch(r"(\*\*|__)[^*_]+\1", self.body) is not None

    @property
    def indent(self) -> int:
        """Columns before the list marker."""
        column = self.before.rsplit("\n", 1)[-1] + self.marker
        return len(column) - len(column.lstrip())

    @property
    def new_line(self) -> bool:
        """True when it begins a line."""
        return "\n" in self.before


@dataclass(frozen=True, slots=True)
class _AnswerTo:
    """A verifier that knows what was asked."""

    verifier: Checks
    asked: str

    def check(self, sentence: str, source_text: str, question: str) -> Support:
        return self.verifier.check(sentence, source_text, question, self.asked)

    def foreign(self, text: str, source_text: str, question: str) -> str:
        return self.verifier.foreign(text, source_text, question)


def ground(text: str, sources: Sequence[Source], verifier: Checks, asked: str = "") -> Grounded:
    """Cite each sentence of `text`, an answer to the question `asked`, that a source supports; leave out the others.

    A lead-in ("The challenges are:") stays, uncited, while something that it leads in stays. Numbered lists are
    numbered afresh. The spans of the citations are those of the sentences in the new text, without their [n].
    """
    checks = _AnswerTo(verifier, asked)
    pieces = _in_its_own_words([_checked(piece, sources, checks) for piece in _pieces(clean(text))])
    pieces = _with_lead_ins(pieces, sources, checks)
    written, citations = _written(pieces)
    left_out = tuple(
        UnsupportedSentence(p.left_out or p.body, p.reason or CUT_OFF) for p in pieces if p.left_out or not p.kept
    )
    return Grounded(written, citations, left_out)


def _pieces(text: str) -> list[_Piece]:
    found: list[_Piece] = []
    end = 0
    for span in split_sentences(text):
        unit = text[span.start : span.end]
        new_line = not found or "\n" in text[end : span.start]
        marker = list_marker(unit) if new_line else ""
        before = text[end : span.start] if found else "\n"
        found.append(_Piece(before, marker, unit[len(marker) :]))
        end = span.end
    return found


def _checked(piece: _Piece, sources: Sequence[Source], verifier: _AnswerTo) -> _Piece:
    if piece.leads_in or _BARE_REPLY.fullmatch(piece.body):
        return piece
    if not sources:
        return replace(piece, reason=NO_SOURCE)
    best, support = _best(piece.body, sources, verifier)
    if support.supported:
        return replace(piece, supports=((best, support),), kept=True)
    joint = _joint_supports(piece.body, sources, verifier) if len(sources) > 1 else ()
    if joint:
        return replace(piece, supports=joint, kept=True)
    return _trimmed(piece, sources, verifier) or replace(piece, reason=support.reason, nearest=(best, support))


def _trimmed(piece: _Piece, sources: Sequence[Source], verifier: _AnswerTo) -> _Piece | None:
    """The piece without what a small model likes to put round a fact, if what remains is supported.

    That is an explanation at the end ("…, which can help doctors") and an echo of the question at the beginning ("To
    find that out, …"): they go, the fact stays. As little as possible is cut off.
    """
    for body, left_out in _shorter(piece.body):
        best, support = _best(body, sources, verifier)
        if support.supported:
            return replace(piece, body=body, supports=((best, support),), kept=True, left_out=left_out)
    return None


def _in_its_own_words(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Pieces that took most of a passage over and yet are not borne out, replaced by that passage as it stands.

    Whatever the model made of it, the passage itself is true to the source; each is given once.
    """
    given = {support.quote for piece in pieces for _, support in piece.supports}
    found: list[_Piece] = []
    for piece in pieces:
        if not piece.kept and piece.nearest is not None and piece.nearest[1].quote not in given:
            source, support = piece.nearest
            if _takes_over(piece.body, support.quote) and not support.in_question:
                given.add(support.quote)
                piece = replace(
                    piece,
                    body=_as_sentence(support.quote),
                    supports=((source, replace(support, score=1.0, supported=True, reason="")),),
                    kept=True,
                    left_out=piece.body,
                    reason=f"{piece.reason}; the source's own words were given instead",
                )
        found.append(piece)
    return found


def _takes_over(sentence: str, quote: str) -> bool:
    """True when the sentence has most of the quote's content words, and not just a few."""
    wanted = content_stems(quote)
    shared = wanted & content_stems(sentence)
    return len(shared) >= _FEWEST_TAKEN and len(shared) >= _MOST_OF_IT * len(wanted)


def _as_sentence(quote: str) -> str:
    """The quote on one line, without list markers, its author named where it says "I"."""
    lines = [line[len(list_marker(line)) :].strip() for line in quote.strip().splitlines()]
    text = " ".join(line for line in lines if line)
    text = text if text.endswith((".", "!", "?")) else f"{text}."
    return f'{AUTHOR} writes: "{text}"' if speaks_as_author(text) else text


def _shorter(sentence: str) -> Iterator[tuple[str, str]]:
    """Shorter forms of the sentence, each with what it leaves out."""
    opening = _OPENING.match(sentence)
    start = opening.end() if opening else 0
    for begin in sorted({0, start}):
        kept = sentence[begin : begin + 1].upper() + sentence[begin + 1 :]
        if begin:
            yield kept, sentence[:begin].strip()
        for addition in reversed(list(_ADDITION.finditer(kept))):
            if len(kept[: addition.start()].split()) >= _FEWEST_WORDS:
                yield f"{kept[: addition.start()]}.", kept[addition.end() :]


def _best(sentence: str, sources: Sequence[Source], verifier: _AnswerTo) -> tuple[Source, Support]:
    checked = [(s, verifier.check(sentence, s.text, s.entry.question)) for s in sources]
    return max(checked, key=lambda pair: (pair[1].supported, pair[1].score, -pair[0].number))


def _joint_supports(
    sentence: str, sources: Sequence[Source], verifier: _AnswerTo
) -> tuple[tuple[Source, Support], ...]:
    """The sources of a sentence in two halves, each borne out by a source of its own; () when it cannot be so cut."""
    for joint in _JOINT.finditer(sentence):
        halves = sentence[: joint.start()], sentence[joint.end() :]
        if min(len(half.split()) for half in halves) < 3:
            continue
        found = [_best(half, sources, verifier) for half in halves]
        if all(support.supported for _, support in found):
            by_number = {source.number: (source, support) for source, support in found}
            return tuple(by_number[number] for number in sorted(by_number))
    return ()


def _with_lead_ins(pieces: list[_Piece], sources: Sequence[Source], verifier: _AnswerTo) -> list[_Piece]:
    """Decide on lead-ins and bare replies from the last to the first, since one lead-in may announce another."""
    pieces = list(pieces)
    for place in range(len(pieces) - 1, -1, -1):
        piece = pieces[place]
        if _BARE_REPLY.fullmatch(piece.body):
            pieces[place] = _reply(piece, pieces[place + 1 : place + 2])
        elif piece.leads_in:
            led = [p for p in _led_by(pieces, place) if p.kept]
            cited = {s.number: s for p in led for s, _ in p.supports}.values()
            objections = [verifier.foreign(piece.body, s.text, s.entry.question) for s in cited]
            if not led:
                reason = "nothing that it leads in is supported"
            else:
                reason = "" if not objections or "" in objections else objections[0]
            pieces[place] = replace(piece, kept=not reason, reason=reason)
    return pieces


def _led_by(pieces: Sequence[_Piece], place: int) -> list[_Piece]:
    """What a lead-in announces: its list, else the one piece after it; for a heading all up to the next heading."""
    lead, following = pieces[place], pieces[place + 1 :]
    found: list[_Piece] = []
    for piece in following:
        if _ends_scope(lead, piece, bool(found)):
            break
        found.append(piece)
        if not lead.heading and len(found) == 1 and not piece.marker:
            break
    return found


def _ends_scope(lead: _Piece, piece: _Piece, any_before: bool) -> bool:
    """Whether `piece` no longer belongs to what `lead` announces."""
    if lead.heading:
        return piece.heading
    if lead.marker and piece.marker and piece.indent <= lead.indent and _alike(lead.marker, piece.marker):
        return True
    return any_before and piece.new_line and not piece.marker and piece.indent <= lead.indent


def _alike(marker: str, other: str) -> bool:
    return bool(_NUMBERED.match(marker)) == bool(_NUMBERED.match(other))


def _reply(piece: _Piece, following: Sequence[_Piece]) -> _Piece:
    """A bare "Yes." stays before a sentence that stays, unless the source of that begins with the opposite."""
    said = piece.body.strip(" .!,*").lower()
    if not following or not following[0].kept:
        return replace(piece, reason="nothing that follows it is supported")
    for source, _ in following[0].supports:
        first = re.match(r"\W*(yes|no)\b", source.text, re.IGNORECASE)
        if first and first[1].lower() != said:
            return replace(piece, reason="the source says the opposite")
    return replace(piece, kept=True)


def _written(pieces: Sequence[_Piece]) -> tuple[str, tuple[Citation, ...]]:
    parts: list[str] = []
    length = 0
    citations: list[Citation] = []
    counters: dict[int, tuple[int, int]] = {}  # indent -> (number as written, number as given)
    pending = ""  # the widest space since the last piece that was kept
    marker = ""  # of a line whose first sentence was left out
    for piece in pieces:
        pending = _wider(pending, piece.before)
        marker = piece.marker or ("" if piece.new_line else marker)
        if not piece.kept:
            continue
        gap = pending if parts else ""
        if "\n" not in pending:
            gap, marker = " " if parts else "", ""
        if numbered := _NUMBERED.match(marker):
            marker = _renumbered(numbered, piece.indent, counters)
        head = gap + marker
        start = length + len(head)
        numbers = "".join(f"[{source.number}]" for source, _ in piece.supports)
        parts.append(head + piece.body + (f" {numbers}" if numbers else ""))
        length += len(parts[-1])
        for source, support in piece.supports:
            citations.append(
                Citation(
                    number=source.number,
                    entry_id=source.entry.id,
                    quote=support.quote,
                    start=start,
                    end=start + len(piece.body),
                    support=support.score,
                )
            )
        pending, marker = "", ""
    return "".join(parts), tuple(citations)


def _wider(one: str, other: str) -> str:
    """The gap with more line breaks, at most one empty line; the later one's indent."""
    breaks = min(2, max(one.count("\n"), other.count("\n")))
    if not breaks:
        return other or one
    indent = other.rsplit("\n", 1)[-1] if "\n" in other else one.rsplit("\n", 1)[-1]
    return "\n" * breaks + indent


def _renumbered(marker: re.Match[str], indent: int, counters: dict[int, tuple[int, int]]) -> str:
    written = int(marker["number"])
    before = counters.get(indent)
    # A list goes on while its numbers rise.
    given = before[1] + 1 if before is not None and written > before[0] else 1
    counters[indent] = (written, given)
    for deeper in [i for i in counters if i > indent]:
        del counters[deeper]
    return f"{marker['indent']}{given}{marker['tail']}"
