"""One question and its answer as HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_faq.interfaces.page.conversation import Turn, as_markdown
from rag_faq.interfaces.page.feedback import thumbs
from rag_faq.interfaces.page.markup import Insert, Span, plain, render
from rag_faq.interfaces.page.sources import source_cards
from rag_faq.interfaces.page.texts import Texts
from rag_faq.records import Answer, Related, Source

_MARKERS = re.compile(r'"?(?P<numbers>[ \t]*(?:\[\d+\])+)')  # behind a sentence, or a passage in quotation marks
_JOINER = "&#8288;"
_BULLET = re.compile(r"^[ \t]*[-*+•][ \t]+(.+?)[ \t]*$", re.MULTILINE)


def name_of(number: int) -> str:
    """What a turn is called in the page."""
    return f"t{number}"


def whole_turn(number: int, turn: Turn, texts: Texts, *, last: bool = False) -> str:
    """A finished turn: question, answer and sources."""
    name = name_of(number)
    return (
        f'<section class="turn {turn.answer.outcome}" aria-label="{plain(turn.answer.question[:80])}">'
        f"{question(name, turn.answer.question, turn.answer.searched, texts)}"
        f'<div class="two"><div>{answer(name, turn, texts, last=last)}</div>'
        f"<div>{sources(name, turn.answer.sources, turn.answer, texts)}</div></div></section>"
    )


def question(name: str, asked: str, searched: str, texts: Texts, *, fresh: bool = False) -> str:
    """The question, and what it was understood as where that differs. A `fresh` one is scrolled to."""
    understood = ""
    if searched.strip() and searched.split() != asked.split():
        understood = f'<p class="understood">{plain(texts("understood_as"))} <bdi>{plain(searched)}</bdi></p>'
    return (
        f'<h2 class="question" id="{name}" tabindex="-1"{" data-fresh" if fresh else ""}>'
        f'<span class="unseen">{plain(texts("you_asked"))}: </span><bdi>{plain(asked)}</bdi></h2>{understood}'
    )


def writing(text: str, status: str, texts: Texts) -> str:
    """The answer while it is written: nothing in it is cited yet."""
    note = f'<p class="hint">{plain(texts("not_checked_yet"))}</p>' if text else ""
    return (
        f'<div class="answer" aria-live="polite" aria-busy="true">'
        f'<p class="status"><span class="dot" aria-hidden="true"></span>{plain(status)}</p>'
        f'<div class="text unchecked">{render(text)}</div>{note}</div>'
    )


def sources(name: str, found: Sequence[Source], answered: Answer | None, texts: Texts, *, settled: bool = True) -> str:
    """The column of sources; nothing for a refusal, which has none.

    Not `settled`: what the search found, of which the best is open to read while it is judged.
    """
    if not found:
        return ""
    heading = plain(texts("sources_heading" if settled else "candidates_heading"))
    cards = source_cards(name, found, answered, texts, settled=settled)
    return f'<aside class="sources" aria-label="{heading}"><h3>{heading}</h3>{cards}</aside>'


def answer(name: str, turn: Turn, texts: Texts, *, last: bool = False) -> str:
    """The checked answer with its linked [n], what was left out, timings, and what can be done with it."""
    given = turn.answer
    badge = f'<p class="badge">{plain(texts(given.outcome + "_badge"))}</p>'
    note = f'<p class="note">{plain(given.note)}</p>' if given.note else ""
    live = ' aria-live="polite"' if last else ""
    body = _refusal(given, texts) if given.outcome == "refused" else _cited(name, given, texts)
    return (
        f'<div class="answer {given.outcome}"{live}>{badge}<div class="text">{body}</div>{note}'
        f"{_left_out(given, texts)}{_timings(turn, texts)}{_actions(name, given, texts, last)}"
        f"{thumbs(turn.answer_id, texts)}</div>"
    )


def failure(message: str, asked: str, texts: Texts) -> str:
    """An answer that could not be written, with the reason and a way on."""
    return (
        f'<div class="answer failed" role="alert"><p class="badge">{plain(texts("failed"))}</p>'
        f'<div class="text"><p>{plain(message)}</p></div><p class="actions">'
        f'<button type="button" data-ask="{plain(asked)}">{plain(texts("ask_failed_again"))}</button></p></div>'
    )


def _cited(name: str, given: Answer, texts: Texts) -> str:
    """The text with each sentence marked and each [n] after it a link to its source."""
    by_span: dict[tuple[int, int], list[int]] = {}
    for i, citation in enumerate(given.citations, 1):
        by_span.setdefault((citation.start, citation.end), []).append(i)
    spans, inserts = [], []
    for (start, end), indices in by_span.items():
        spans.append(Span(start, end, tuple(f"{name}-c{i}" for i in indices)))
        markers = _MARKERS.match(given.text, end)
        links = "".join(_link(name, i, given, texts) for i in indices)
        if markers:
            inserts.append(Insert(markers.start("numbers"), markers.end("numbers"), links))
    return render(given.text, spans, inserts, css="said", anchors=True)


def _link(name: str, index: int, given: Answer, texts: Texts) -> str:
    citation = given.citations[index - 1]
    return (
        # Joined to the last word: a number does not begin a line.
        f'{_JOINER}<a class="cite" href="#{name}-s{citation.number}" data-cite="{name}-c{index}">[{citation.number}]'
        f'<span class="unseen"> {plain(texts("supports_this"))}</span></a>'
    )


def _refusal(given: Answer, texts: Texts) -> str:
    """Why there is no answer. A bullet that names a related question becomes the button that asks it."""
    known = {related.entry.question for related in given.related}
    said, named = _BULLET.subn(lambda m: "" if m[1] in known else m[0], given.text)
    lead = "" if named or not known else f"<p>{plain(texts('related'))}</p>"
    return render(said.strip()) + lead + _offers(given.related, texts)


def _offers(related: Sequence[Related], texts: Texts) -> str:
    if not related:
        return ""
    buttons = "".join(
        f'<li><button type="button" class="offer" data-ask="{plain(r.entry.question)}" dir="auto">'
        f"{plain(r.entry.question)}</button></li>"
        for r in related
    )
    return f'<ul class="offers" aria-label="{plain(texts("related"))}">{buttons}</ul>'


def _left_out(given: Answer, texts: Texts) -> str:
    if not given.unsupported:
        return ""
    items = "".join(
        f'<li dir="auto"><s>{plain(u.text)}</s> <span>{plain(texts("because", reason=u.reason))}</span></li>'
        for u in given.unsupported
    )
    line = plain(texts.count("unsupported", len(given.unsupported)))
    return f'<details class="left-out"><summary>{line}</summary><ul>{items}</ul></details>'


def _timings(turn: Turn, texts: Texts) -> str:
    times = turn.answer.timings
    parts = []
    if times.first_token_s is not None:
        parts.append(texts("first_word", seconds=f"{times.first_token_s:.1f}"))
    parts.append(texts("in_all", seconds=f"{times.total_s:.1f}" if times.total_s >= 0.1 else f"{times.total_s:.2f}"))
    if turn.words_a_second:
        parts.append(texts("speed", words=f"{turn.words_a_second:.0f}"))
    if times.first_token_s is not None:
        parts.append(f"{turn.answer.model.name}, {turn.answer.model.device}")
    return f'<p class="timings">{plain(" · ".join(parts))}</p>'


def _actions(name: str, given: Answer, texts: Texts, last: bool) -> str:
    """What can be done with an answer; the place is the turn that a new answer takes the place of."""
    asked, place = plain(given.question), plain(name.removeprefix("t"))
    buttons = [f'<button type="button" data-copy="{plain(as_markdown(given, texts))}">{plain(texts("copy"))}</button>']
    if last:
        again = plain(texts("again"))
        buttons.append(f'<button type="button" data-ask="{asked}" data-place="{place}" data-again>{again}</button>')
    buttons.append(f'<button type="button" data-edit="{asked}" data-place="{place}">{plain(texts("edit"))}</button>')
    return f'<div class="actions">{"".join(buttons)}</div>'
