"""The cards of the sources, with the words that support the answer marked in them."""

from __future__ import annotations

from collections.abc import Sequence

from rag_faq.interfaces.page.markup import Span, plain, render
from rag_faq.interfaces.page.texts import Texts
from rag_faq.records import Answer, Citation, Source


def sentence_numbers(citations: Sequence[Citation]) -> dict[tuple[int, int], int]:
    """The cited sentences of an answer, numbered from 1 in reading order."""
    return {span: number for number, span in enumerate(sorted({(c.start, c.end) for c in citations}), 1)}


def source_cards(
    turn: str, sources: Sequence[Source], answer: Answer | None, texts: Texts, *, settled: bool = True
) -> str:
    """All cards of one turn. Without an answer yet, nothing is said about what rests on them."""
    if not sources:
        return f'<p class="none">{plain(texts("sources_none"))}</p>'
    citations = answer.citations if answer else ()
    closed = () if settled else sources[1:]  # what goes again leaves no gap
    return "".join(
        _card(turn, source, citations, answer is not None, texts, closed=source in closed) for source in sources
    )


def _card(
    turn: str, source: Source, citations: Sequence[Citation], answered: bool, texts: Texts, *, closed: bool = False
) -> str:
    mine = [(i, c) for i, c in enumerate(citations, 1) if c.number == source.number]
    in_text = _places(source.text, [(f"{turn}-c{i}", c.quote) for i, c in mine])
    found = {name for span in in_text for name in span.names}
    rest = [(f"{turn}-c{i}", c.quote) for i, c in mine if f"{turn}-c{i}" not in found]
    in_question = _places(source.entry.question, rest)
    question = render(source.entry.question, in_question, css="quote") if in_question else ""
    body = render(source.text, in_text, css="quote")
    unused = answered and not mine
    # The first source can be read at once; one that nothing rests on steps back.
    state = "" if unused or closed else " open"
    head = (
        f'<span class="number" aria-hidden="true">{source.number}</span>'
        f'<span class="question" dir="auto">{question or plain(source.entry.question)}</span>'
    )
    percent = round(100 * max(0.0, min(1.0, source.score)))
    facts = [
        f"<span>{plain(texts('entry', number=source.entry.number))}</span>",
        f"<span>{plain(texts('match', percent=percent))}</span>",
        f'<a href="?entry={source.entry.number}" data-entry="{plain(source.entry.id)}">'
        f"{plain(texts('open_in_browse'))}</a>",
    ]
    return (
        f'<article class="card{" unused" if unused else ""}" id="{turn}-s{source.number}" tabindex="-1">'
        f"<details{state}><summary>{head}</summary>"
        f'<div class="text">{body}</div></details>'
        f'<div class="facts">{"".join(facts)}</div>'
        f"{_supports(turn, mine, citations, answered, texts)}</article>"
    )


def _supports(
    turn: str, mine: Sequence[tuple[int, Citation]], all_of_it: Sequence[Citation], answered: bool, texts: Texts
) -> str:
    """Which sentences of the answer rest on a source, each a link to it."""
    if not answered:
        return ""
    if not mine:
        return f'<p class="supports">{plain(texts("not_used"))}</p>'
    numbers = sentence_numbers(all_of_it)
    first = {(c.start, c.end): i for i, c in reversed([*enumerate(all_of_it, 1)])}
    links = [
        f'<a href="#{turn}-c{first[c.start, c.end]}" data-cite="{turn}-c{i}">{numbers[c.start, c.end]}</a>'
        for i, c in sorted(mine, key=lambda pair: pair[1].start)
    ]
    return f'<p class="supports">{plain(texts.count("supports", len(links)))} {", ".join(links)}</p>'


def _places(text: str, quotes: Sequence[tuple[str, str]]) -> list[Span]:
    """Where the quotes stand in the text; those that do not stand there are left out."""
    spans = []
    for name, quote in quotes:
        start = text.find(quote) if quote else -1
        if start >= 0:
            spans.append(Span(start, start + len(quote), (name,)))
    return spans
