"""What the owner sees, as HTML: tables, and links that save them as files. Everything that was asked is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag_faq.feedback.export import Cell, csv_text, drafts, tables, when, wording_drafts
from rag_faq.feedback.gaps import Gap, Gaps
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.texts import Texts

_FIGURES = frozenset({"times", "entry", "down", "up", "cosine", "when"})
_SHOWN = 50  # rows of a table on the page
_SAVED = 2000  # rows of a table in a link; `rag-faq gaps` writes them all


def admin_html(gaps: Gaps, texts: Texts) -> str:
    """The whole view."""
    t = gaps.totals
    trouble = f'<p class="notice" role="alert">{plain(gaps.trouble)}</p>' if gaps.trouble else ""
    totals = "".join(
        f"<div><dt>{plain(texts(f'admin_{name}'))}</dt><dd>{count}</dd></div>"
        for name, count in (
            ("total_asked", t.asked),
            ("total_answered", t.grounded + t.verbatim),
            ("total_refused", t.refused),
            ("total_up", t.up),
            ("total_down", t.down),
        )
    )
    return f'{trouble}<dl class="totals">{totals}</dl>{_links(gaps, texts)}{"".join(_sections(gaps, texts))}'


def _links(gaps: Gaps, texts: Texts) -> str:
    """A link for each table and for the drafts. The file is in the link: none has to lie about on the server."""
    links = [
        _saving(f"{table.name}.csv", "text/csv", "\ufeff" + csv_text(replace(table, rows=table.rows[:_SAVED])))
        for table in tables(gaps)
        if table.rows
    ]
    if gaps.gaps:
        text = drafts(gaps, [use.entry for use in gaps.entries])
        links.append(_saving("drafts.md", "text/markdown", text))
        links.append(_saving("wordings.md", "text/markdown", wording_drafts(gaps)))
    return f'<p class="actions saving"><span>{plain(texts("admin_save"))}</span>{"".join(links)}</p>'


def _saving(name: str, kind: str, text: str) -> str:
    data = b64encode(text.encode("utf-8")).decode("ascii")
    return f'<a download="rag-faq-{name}" href="data:{kind};charset=utf-8;base64,{data}">{name}</a>'


def _sections(gaps: Gaps, texts: Texts) -> Iterable[str]:
    yield _table("gaps", ("times", "question", "words", "nearest"), [_gap_row(gap) for gap in gaps.gaps], texts)
    yield _table(
        "bad",
        ("entry", "question", "down", "up"),
        [(use.entry.number, use.entry.question, use.down, use.up) for use in gaps.badly_used],
        texts,
    )
    yield _table(
        "complaints",
        ("when", "question", "answer", "reason"),
        [(_moment(one.at), one.question, one.text, one.reason) for one in gaps.complaints],
        texts,
    )
    unused = [(use.entry.number, use.entry.question) for use in gaps.never_used] if gaps.totals.asked else []
    yield _table("unused", ("entry", "question"), unused, texts)
    yield _table(
        "duplicates",
        ("entry", "question", "entry", "question", "cosine"),
        [
            (pair.first.number, pair.first.question, pair.second.number, pair.second.question, f"{pair.cosine:.2f}")
            for pair in gaps.duplicates
        ],
        texts,
    )
    yield _table("often", ("times", "question"), [(q.times, q.text) for q in gaps.asked], texts)
    yield _table(
        "recent",
        ("when", "question", "outcome"),
        [(_moment(one.at), one.question, texts(f"{one.outcome}_badge")) for one in gaps.recent],
        texts,
    )


def _gap_row(gap: Gap) -> tuple[Cell, ...]:
    nearest = f"{gap.nearest.number}. {gap.nearest.question}" if gap.nearest else ""
    return gap.cluster.times, gap.cluster.name, ", ".join(gap.cluster.words), nearest


def _table(name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], texts: Texts) -> str:
    """A table under its heading, or a line that there is nothing. It scrolls by itself where it is too wide."""
    title = plain(texts(f"admin_{name}"))
    if not rows:
        return f'<section class="kept"><h3>{title}</h3><p class="hint">{plain(texts("admin_nothing"))}</p></section>'
    head = "".join(f'<th scope="col">{plain(texts(f"admin_column_{column}"))}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(_cell(*pair) for pair in zip(columns, row, strict=True)) + "</tr>" for row in rows[:_SHOWN]
    )
    more = len(rows) - _SHOWN
    rest = f'<p class="hint">{plain(texts("admin_more", count=more))}</p>' if more > 0 else ""
    return (
        f'<section class="kept"><h3>{title}</h3>'
        f'<div class="scrolls" role="region" tabindex="0" aria-label="{title}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{rest}</section>"
    )


def _cell(column: str, cell: Cell) -> str:
    if column in _FIGURES:
        return f'<td class="figure">{plain(str(cell))}</td>'
    return f'<td dir="auto">{plain(str(cell))}</td>'


def _moment(seconds: float) -> str:
    """A time to read: UTC, to the minute."""
    return when(seconds)[:16].replace("T", " ")
