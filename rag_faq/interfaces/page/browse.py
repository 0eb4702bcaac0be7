"""The whole FAQ to read: a list that is filtered by words and by meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_faq.interfaces.page.markup import plain, render
from rag_faq.interfaces.page.texts import Texts
from rag_faq.records import FaqEntry


def find_entry(entries: Sequence[FaqEntry], asked: str) -> FaqEntry | None:
    """The entry of a link: by its number, or by its id where several documents have that number."""
    wanted = asked.strip()
    by_id = next((entry for entry in entries if entry.id == wanted), None)
    return by_id or next((entry for entry in entries if str(entry.number) == wanted), None)


def link_to(entry: FaqEntry, entries: Sequence[FaqEntry]) -> str:
    """What stands behind `?entry=` in the entry's permanent link: what `find_entry` finds it by."""
    return _links(entries).get(entry.id, entry.id)


def addresses(entries: Sequence[FaqEntry]) -> dict[str, str]:
    """By id, what stands behind `?entry=`, with the marks masked that mean something in an address. Plain text."""
    return {
        entry_id: link.replace("%", "%25").replace("#", "%23").replace("&", "%26").replace("+", "%2B")
        for entry_id, link in _links(entries).items()
    }


def _links(entries: Sequence[FaqEntry]) -> dict[str, str]:
    """By id: the number of an entry where that alone leads to it, else the id."""
    found_by = {str(entry.number): entry.id for entry in reversed(entries)} | {entry.id: entry.id for entry in entries}
    return {e.id: str(e.number) if found_by[str(e.number)] == e.id else e.id for e in entries}


def with_words(entries: Sequence[FaqEntry], typed: str, first: Sequence[FaqEntry] = ()) -> tuple[FaqEntry, ...]:
    """The entries in which every typed word begins some word, whatever its case; those of `first` before the others."""
    words = [re.compile(r"\b" + re.escape(word), re.IGNORECASE) for word in re.findall(r"\w+", typed)]
    ordered = [*first, *(entry for entry in entries if entry not in first)]
    return tuple(e for e in ordered if all(w.search(f"{e.question}\n{e.answer}") for w in words))


def entry_list(
    entries: Sequence[FaqEntry],
    texts: Texts,
    *,
    heading: str,
    every: Sequence[FaqEntry],
    opened: str = "",
) -> str:
    """Entries under a heading, each to be opened; the one with the id `opened` is open."""
    if not entries:
        return f'<p class="count">{plain(heading)}</p>'
    links = addresses(every)
    items = "".join(_entry(entry, texts, links[entry.id], entry.id == opened) for entry in entries)
    return f'<h3 class="count">{plain(heading)}</h3>{items}'


def _entry(entry: FaqEntry, texts: Texts, address: str, opened: bool) -> str:
    address = plain(address)
    return (
        f'<details class="entry" id="entry-{plain(entry.id)}" data-link="{address}"{" open" if opened else ""}>'
        f'<summary><span class="number">{entry.number}</span><span dir="auto">{plain(entry.question)}</span></summary>'
        f'<div class="text">{render(entry.answer)}</div><div class="actions">'
        f'<button type="button" data-ask="{plain(entry.question)}">{plain(texts("ask_about"))}</button>'
        f'<a href="?entry={address}" data-permanent>{plain(texts("permanent"))}</a>'
        f'<span class="where">{plain(entry.source)}:{entry.lines[0]}</span></div></details>'
    )
