"""The map of the corpus as an inline SVG, with the last question in it, and the same as a list.

Places are in percent and sizes in pixels, so that points and words keep their size on every screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag_faq.interfaces.page.browse import addresses
from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.texts import Texts
from rag_faq.records import Answer, FaqEntry, Hit
from rag_faq.retrieval.projection import EntryMap, place_of

MOST_LINKS = 600  # points that can be opened; of more, nobody could hit one
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARGIN = (5.0, 8.0)  # percent that is left free to the sides and above and below
_STEP_ASIDE = (2.5, 5.0)  # percent by which a question is moved that lies upon an entry
_LABEL_ABOVE = 3.6  # percent from a group's highest point up to its name
_LINE = 5.0  # percent of height that a line of words takes
_WIDE = 1.0  # percent of width that a letter takes, on a screen that shows names at all

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """The last question, and what a search for it found."""

    answer: Answer
    hits: tuple[Hit, ...]


def map_page(drawn: EntryMap, entries: Sequence[FaqEntry], asked: Asked | None, texts: Texts) -> str:
    """The whole tab: what it shows, the picture, and the list."""
    places = [_percent(place) for place in drawn.places]
    by_id = {entry.id: place for entry, place in zip(entries, places, strict=True)}
    opened = len(entries) <= MOST_LINKS
    lines, question, told = _question(asked, by_id, texts)
    group_of = {row: number for number, group in enumerate(drawn.groups) for row in group.members}
    draw_point = _link if opened else _dot
    links = addresses(entries)
    points = "".join(
        draw_point(row, entries[row], links[entries[row].id], places[row], group_of[row], texts)
        for group in drawn.groups
        for row in sorted(group.members, key=lambda row: places[row])
    )
    about = texts("map_about") if opened else texts("map_too_large", count=len(entries))
    return (
        f"<h2>{plain(texts('map_heading'))}</h2><p>{plain(about)}</p>"
        f'<p class="told">{told}</p><div class="map-frame">'
        f'<svg class="map" role="group" aria-label="{plain(texts("map_picture"))}">'
        f"{_areas(drawn, places)}{lines}{points}{question}{_labels(drawn, places)}</svg>"
        f'<p class="map-tip" hidden></p></div>{_list(drawn, entries, links, texts)}'
    )


def _percent(place: Place) -> Place:
    x, y = (margin + (100 - 2 * margin) * part for margin, part in zip(_MARGIN, place, strict=True))
    return round(x, 2), round(y, 2)


def _link(row: int, entry: FaqEntry, address: str, place: Place, group: int, texts: Texts) -> str:
    """A point that opens its entry. One point is a stop of the Tab key; the arrows lead to the others."""
    name = f"{texts('entry', number=entry.number)}: {entry.question}"
    return (
        f'<a class="point g{group % 12}" href="?entry={plain(address)}" data-entry="{plain(entry.id)}" '
        f'aria-label="{plain(name)}" tabindex="{0 if row == 0 else -1}" data-x="{place[0]}" data-y="{place[1]}">'
        f'<circle class="reach" cx="{place[0]}%" cy="{place[1]}%" r="12.5"/>'
        f'<circle class="spot" cx="{place[0]}%" cy="{place[1]}%" r="6.5"/></a>'
    )


def _dot(row: int, entry: FaqEntry, address: str, place: Place, group: int, texts: Texts) -> str:
    return f'<circle class="point small g{group % 12}" cx="{place[0]}%" cy="{place[1]}%" r="3"/>'


def _question(asked: Asked | None, places: dict[str, Place], texts: Texts) -> tuple[str, str, str]:
    """Lines from the last question to what its answer rests on, its own mark, and what is said of it."""
    here = place_of(asked.hits, places) if asked is not None else None
    if asked is None or here is None:
        return "", "", plain(texts("map_no_question"))
    answer = asked.answer
    refused = answer.outcome == "refused"
    cited = {citation.entry_id for citation in answer.citations}
    ends = [r.entry.id for r in answer.related] if refused else [s.entry.id for s in answer.sources]
    ends = [end for end in ends if end in places and (refused or not cited or end in cited)]
    x, y = _beside(here, list(places.values()))
    css = "line refused" if refused else "line"
    lines = "".join(
        f'<line class="{css}" x1="{x:.2f}%" y1="{y:.2f}%" x2="{places[end][0]}%" y2="{places[end][1]}%"/>'
        for end in ends
    )
    name = texts("map_question", question=answer.question[:300])
    mark = (
        f'<g class="asked" role="img" aria-label="{plain(name)}"><circle cx="{x:.2f}%" cy="{y:.2f}%" r="10"/>'
        f'<text x="{x:.2f}%" y="{y:.2f}%" dy="0.36em" text-anchor="middle" aria-hidden="true">?</text></g>'
    )
    what = texts("map_refused") if refused else texts("map_answered")
    return lines, mark, f'<bdi>{plain(name)}</bdi> <span class="hint">{plain(what)}</span>'


def _beside(here: Place, points: Sequence[Place]) -> Place:
    """The place itself, or the first one beside it that covers no point; towards the middle first, where room is."""
    wide, high = _STEP_ASIDE
    x, y = (wide if here[0] < 50 else -wide), (high if here[1] < 50 else -high)
    steps = [(0.0, 0.0), (x, y), (x, 0), (0, y), (x, -y), (-x, y), (2 * x, 0), (0, 2 * y), (2 * x, 2 * y)]
    places = [(here[0] + dx, here[1] + dy) for dx, dy in steps]

    def free(place: Place) -> bool:
        return all(abs(place[0] - px) >= 0.9 * wide or abs(place[1] - py) >= 0.9 * high for px, py in points)

    return next((place for place in places if free(place)), places[1])


def _areas(drawn: EntryMap, places: Sequence[Place]) -> str:
    """A soft ground under each group: the hull of its points, with a wide rounded edge."""
    shapes = []
    for number, group in enumerate(drawn.groups):
        corners = hull([places[row] for row in group.members])
        path = "M" + "L".join(f"{x} {y}" for x, y in corners) + "Z"
        shapes.append(f'<path class="area g{number % 12}" d="{path}"/>')
    return (
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" aria-hidden="true">'
        f"{''.join(shapes)}</svg>"
    )


def hull(points: Sequence[Place]) -> list[Place]:
    """The corners of the smallest convex shape round the points (Andrew's monotone chain, 1979)."""
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered

    def half(row: Sequence[Place]) -> list[Place]:
        corners: list[Place] = []
        for point in row:
            while len(corners) > 1 and _turn(corners[-2], corners[-1], point) <= 0:
                corners.pop()
            corners.append(point)
        return corners[:-1]

    return half(ordered) + half(ordered[::-1])


def _turn(a: Place, b: Place, c: Place) -> float:
    """Above 0 where the way from a over b to c turns left, in the sense of growing x and y."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _labels(drawn: EntryMap, places: Sequence[Place]) -> str:
    """The groups' letters and names, each above or below its group, where it covers least."""
    taken: list[tuple[float, float, float, float]] = [(x - 1, y - 2, x + 1, y + 2) for x, y in places]
    html = ""
    for number, group in enumerate(drawn.groups):
        words = ", ".join(group.words)
        mine = np.array([places[row] for row in group.members])
        half = _WIDE * (len(words) + 2) / 2
        centre = mine[:, 0].mean()
        middles = [float(np.clip(centre + aside, half + 0.5, max(half + 0.5, 99.5 - half))) for aside in (0, -7, 7)]
        heights = (mine[:, 1].min() - _LABEL_ABOVE, mine[:, 1].max() + _LABEL_ABOVE + _LINE, mine[:, 1].mean())
        boxes = [(x - half, float(y) - _LINE, x + half, float(y)) for y in heights for x in middles]
        box = min(boxes, key=lambda one: (_outside(one), sum(_covers(one, other) for other in taken)))
        middle = (box[0] + box[2]) / 2
        taken.append(box)
        html += (
            f'<text class="group g{number % 12}" x="{middle:.2f}%" y="{box[3] - 1:.2f}%" text-anchor="middle" '
            f'aria-hidden="true"><tspan class="letter">{_LETTERS[number % 26]}</tspan>'
            f'<tspan class="words" dx="0.4em">{plain(words)}</tspan></text>'
        )
    return html


def _outside(box: tuple[float, float, float, float]) -> bool:
    return box[1] < 0 or box[3] > 100


def _covers(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """The area that two boxes share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _list(drawn: EntryMap, entries: Sequence[FaqEntry], links: Mapping[str, str], texts: Texts) -> str:
    """Group by group, every entry as a link: for whom a picture is no help, and the key to its letters."""
    groups = ""
    for number, group in enumerate(drawn.groups):
        items = "".join(
            f'<li dir="auto"><a href="?entry={plain(links[entries[row].id])}" '
            f'data-entry="{plain(entries[row].id)}">{plain(entries[row].question)}</a></li>'
            for row in group.members
        )
        letter = f'<span class="letter g{number % 12}">{_LETTERS[number % 26]}</span>'
        groups += f"<section><h3>{letter} {plain(', '.join(group.words))}</h3><ul>{items}</ul></section>"
    return f'<h2>{plain(texts("map_list"))}</h2><div class="map-list">{groups}</div>'
