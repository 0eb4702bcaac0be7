"""Attribution: every sentence of a written answer gets the number of the source that supports it, or is left out.

A small model cites badly when it is asked to (it forgets, or numbers wrongly), so the numbers come from here: each
sentence is checked against each source that the model saw. Nothing is cited because it was merely retrieved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rag_faq.generation.verbatim import reply_of
from rag_faq.generation.voice import AUTHOR, speaks_as_author
from rag_faq.grounding.clean import clean
from rag_faq.grounding.layout import laid_out
from rag_faq.grounding.pieces import Piece, led_by, pieces_of
from rag_faq.grounding.references import ANOTHER, strays
from rag_faq.grounding.sentences import list_marker
from rag_faq.grounding.shorten import shorter
from rag_faq.grounding.verify import Asked, Support
from rag_faq.grounding.words import content_stems
from rag_faq.records import Citation, Source, UnsupportedSentence

NO_SOURCE = "there is no source"
CUT_OFF = "the source supports only what stands before it"
BLIND = "the question names something else than the source does here"
CLAIMED = "the source does not say what the question claims"
_BARE_REPLY = re.compile(r"\W*(yes|no)\W*", re.IGNORECASE)
_YES = re.compile(r"yes\b[,:]?\s+(?=\w)", re.IGNORECASE)
# A claim that is put to somebody: "Cats bark, don't they?", "Cats bark, is that right?"
_CLAIM = re.compile(
    r"(?P<claim>.+?),?\s+(?:right|correct|true|yes|no|(?:is|was|does|do|are|can|has|have|will)(?:n['’]t|\s+not)?\s+"
    r"(?:it|that|this|they|he|she|there)(?:\s+(?:right|so|true|correct|the\s+case))?)\s*[?.!]*\s*",
    re.IGNORECASE | re.DOTALL,
)
# Where a sentence may rest on one source up to here and on another from here.
_JOINT = re.compile(r"\s*;\s+|,?\s+(?:while|whereas|but|and)\s+|,\s+(?=which\s)", re.IGNORECASE)
# A sentence stands for a passage when it has at least so many of its content words, and this share of them.
_FEWEST_TAKEN, _MOST_OF_IT = 4, 0.6


class Checks(Protocol):
    """What attribution asks of a verifier."""

    def check(self, sentence: str, source_text: str, question: str, asked: Asked) -> Support:
        """Whether this source supports this sentence, in an answer to what was `asked`."""
        ...

    def foreign(self, text: str, source_text: str, question: str) -> str:
        """The objection to a name or number in `text` that the source does not have, or ""."""
        ...

    def foreign_asked(self, asked: str, source_text: str, question: str) -> str:
        """The same for what a user asks."""
        ...


@dataclass(frozen=True, slots=True)
class Grounded:
    """An answer in which every sentence is borne out by the source whose [n] follows it."""

    text: str
    citations: tuple[Citation, ...]
    unsupported: tuple[UnsupportedSentence, ...]  # what was left out, in order


@dataclass(frozen=True, slots=True)
class _AnswerTo:
    """A verifier that knows what was asked."""

    verifier: Checks
    asked: Asked

    def check(self, sentence: str, source_text: str, question: str) -> Support:
        return self.verifier.check(sentence, source_text, question, self.asked)

    def foreign(self, text: str, source_text: str, question: str) -> str:
        return self.verifier.foreign(text, source_text, question)

    def bears_out(self, claim: str, source_text: str, question: str) -> bool:
        """Whether the source supports what the question claims; that it is the user's own words is no objection."""
        return self.verifier.check(claim, source_text, question, Asked()).supported

    def asks_beyond(self, text: str) -> bool:
        """Whether the question has a name or number that the text does not have."""
        return bool(self.verifier.foreign_asked(self.asked.question, text, ""))


def ground(text: str, sources: Sequence[Source], verifier: Checks, asked: Asked | None = None) -> Grounded:
    """Cite each sentence of `text`, an answer to what was `asked`, that a source supports; leave out the others.

    A lead-in ("The challenges are:") stays, uncited, while something that it leads in stays. Numbered lists are
    numbered afresh. The spans of the citations are those of the sentences in the new text, without their [n].
    """
    checks = _AnswerTo(verifier, asked or Asked())
    pieces = _in_its_own_words([_checked(piece, sources, checks) for piece in pieces_of(clean(text))])
    pieces = _without_strays(pieces, checks.asked.question)
    pieces = [_without_blind_yes(piece, checks) for piece in pieces]
    pieces = _with_lead_ins(pieces, sources, checks)
    written, citations = laid_out(pieces)
    left_out = tuple(
        UnsupportedSentence(p.left_out or p.body, p.reason or CUT_OFF) for p in pieces if p.left_out or not p.kept
    )
    return Grounded(written, citations, left_out)


def _checked(piece: Piece, sources: Sequence[Source], verifier: _AnswerTo) -> Piece:
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


def _trimmed(piece: Piece, sources: Sequence[Source], verifier: _AnswerTo) -> Piece | None:
    """The piece without what a small model likes to put round a fact, if what remains is supported.

    That is an explanation at the end ("…, which can help doctors") and an echo of the question at the beginning ("To
    find that out, …"): they go, the fact stays. As little as possible is cut off.
    """
    for body, left_out in shorter(piece.body):
        best, support = _best(body, sources, verifier)
        if support.supported:
            return replace(piece, body=body, supports=((best, support),), kept=True, left_out=left_out)
    return None


def _in_its_own_words(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces that took most of a passage over and yet are not borne out, replaced by that passage as it stands.

    Whatever the model made of it, the passage itself is true to the source; each is given once.
    """
    given = {support.quote for piece in pieces for _, support in piece.supports}
    found: list[Piece] = []
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


def _without_strays(pieces: Sequence[Piece], asked: str) -> list[Piece]:
    """The pieces, those not kept whose "it" or "this" would stand for something else than in the source."""
    found: list[Piece] = []
    before: Piece | None = None
    for piece in pieces:
        if piece.kept and piece.supports:
            support = before.supports[-1] if before is not None else None
            if strays(piece.body, piece.supports[0], support, asked if before is None else before.body):
                piece = replace(piece, kept=False, reason=ANOTHER)
            else:
                before = piece
        found.append(piece)
    return found


def _without_blind_yes(piece: Piece, verifier: _AnswerTo) -> Piece:
    """The piece without its "Yes" where it agrees to something that its source does not say.

    "Yes, it is built on B." is no agreement to "Is it built on A?", nor to "It is not built on B, right?": the fact
    stays.
    """
    agrees = _YES.match(piece.body) if piece.kept else None
    reason = "" if agrees is None else _no_agreement(piece, verifier)
    if agrees is None or not reason:
        return piece
    rest = piece.body[agrees.end() :]
    return replace(piece, body=rest[0].upper() + rest[1:], left_out=agrees[0].strip(" ,:"), reason=reason)


def _no_agreement(piece: Piece, verifier: _AnswerTo) -> str:
    """Why a "Yes" before this piece, which stays, would not be true to its source; "" where it may be.

    The question has a name or number that neither the piece nor what bears it out has; or it is a claim that none of
    the piece's sources bears out.
    """
    if _asks_of_others(piece, verifier):
        return BLIND
    claim = _CLAIM.fullmatch(verifier.asked.question)
    if claim is None:
        return ""
    sources = [source for source, _ in piece.supports]
    borne_out = any(verifier.bears_out(claim["claim"], source.text, source.entry.question) for source in sources)
    return "" if borne_out else CLAIMED


def _asks_of_others(piece: Piece, verifier: _AnswerTo) -> bool:
    """Whether the question has a name or number that neither the piece nor what bears it out has."""
    said = " ".join([piece.body, *(support.quote for _, support in piece.supports)])
    return verifier.asks_beyond(said)


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


def _with_lead_ins(pieces: list[Piece], sources: Sequence[Source], verifier: _AnswerTo) -> list[Piece]:
    """Decide on lead-ins and bare replies from the last to the first, since one lead-in may announce another."""
    pieces = list(pieces)
    for place in range(len(pieces) - 1, -1, -1):
        piece = pieces[place]
        if _BARE_REPLY.fullmatch(piece.body):
            pieces[place] = _reply(piece, pieces[place + 1 : place + 2], verifier)
        elif piece.leads_in:
            led = [p for p in led_by(pieces, place) if p.kept]
            cited = {s.number: s for p in led for s, _ in p.supports}.values()
            objections = [verifier.foreign(piece.body, s.text, s.entry.question) for s in cited]
            if not led:
                reason = "nothing that it leads in is supported"
            else:
                reason = "" if not objections or "" in objections else objections[0]
            pieces[place] = replace(piece, kept=not reason, reason=reason)
    return pieces


def _reply(piece: Piece, following: Sequence[Piece], verifier: _AnswerTo) -> Piece:
    """A bare "Yes." stays before a sentence that stays, unless the source of that begins with the opposite.

    Nor does it stay where the question is about something else than that sentence, or claims what its source does not.
    """
    said = piece.body.strip(" .!,*").lower()
    if not following or not following[0].kept:
        return replace(piece, reason="nothing that follows it is supported")
    for source, _ in following[0].supports:
        if reply_of(source.text) not in ("", said):
            return replace(piece, reason="the source says the opposite")
    reason = _no_agreement(following[0], verifier) if said == "yes" else ""
    return replace(piece, kept=not reason, reason=reason)
