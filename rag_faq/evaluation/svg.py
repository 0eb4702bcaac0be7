"""Small drawings for the HTML report. Colours and fonts come from the page; every label is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rag_faq.evaluation.bootstrap import Estimate

# As wide as a phone's page, in user units: the drawing grows from there, so that its letters never become too small.
_WIDTH = 360
_ROW = 24
_LABELS = 108  # room for the names at the left of bars
_VALUES = 52  # room for the figures at the right of bars


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar: its name, its figure, and the figure as text."""

    label: str
    estimate: Estimate
    text: str


@dataclass(frozen=True, slots=True)
class Axes:
    """What the two axes show."""

    x: str
    y: str


def bars(title: str, rows: Sequence[Bar]) -> Markup:
    """Horizontal bars on a scale of 0 to 1, with their intervals as whiskers. Figures that are `None` are left out."""
    drawn = [bar for bar in rows if bar.estimate.value is not None]
    track = _WIDTH - _LABELS - _VALUES
    parts = [_bar(bar, i * _ROW, track) for i, bar in enumerate(drawn)]
    return _svg(title, len(drawn) * _ROW or _ROW, parts)


def curve(title: str, points: Sequence[tuple[float, float]], mark: tuple[float, float] | None, axes: Axes) -> Markup:
    """A line through (x, y) points with x from 0 to 1 and y from 0 to a round number above all, and a marked point."""
    left, right, top, bottom = 50, _WIDTH - 20, 12, 216
    highest = max([y for _, y in points] + ([mark[1]] if mark else []), default=0.0)
    limit = min(1.0, math.ceil(highest * 10 + 1e-9) / 10) or 0.1

    def place(point: tuple[float, float]) -> str:
        x, y = point
        return f"{left + x * (right - left):.1f},{bottom - y / limit * (bottom - top):.1f}"

    parts = [_grid(left, right, top, bottom, limit)]
    if points:
        parts.append(Markup('<polyline class="line" points="{}"/>').format(" ".join(map(place, points))))
    if mark is not None:
        x, y = place(mark).split(",")
        parts.append(Markup('<circle class="mark" cx="{}" cy="{}" r="4.5"/>').format(x, y))
    middle = (left + right) / 2
    parts.append(Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(middle, bottom + 34, axes.x))
    turned = f"translate(11 {(top + bottom) / 2}) rotate(-90)"
    parts.append(Markup('<text transform="{}" text-anchor="middle">{}</text>').format(turned, axes.y))
    return _svg(title, bottom + 42, parts)


def _bar(bar: Bar, top: float, track: float) -> Markup:
    value, low, high = (_LABELS + track * (v or 0.0) for v in (bar.estimate.value, bar.estimate.low, bar.estimate.high))
    middle = top + _ROW / 2
    return Markup(
        '<text x="{label}" y="{base}" text-anchor="end">{name}</text>'
        '<rect class="track" x="{left}" y="{y}" width="{track}" height="12"/>'
        '<rect class="bar" x="{left}" y="{y}" width="{width:.1f}" height="12"/>'
        '<path class="whisker" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {t}v6M{high:.1f} {t}v6"/>'
        '<text x="{end}" y="{base}" text-anchor="end">{text}</text>'
    ).format(
        label=_LABELS - 8,
        base=middle + 4,
        name=bar.label,
        left=_LABELS,
        y=middle - 6,
        track=track,
        width=value - _LABELS,
        low=low,
        high=high,
        middle=middle,
        t=middle - 3,
        end=_WIDTH,
        text=bar.text,
    )


def _grid(left: float, right: float, top: float, bottom: float, limit: float) -> Markup:
    """Lines at the quarters across and at the halves up, with their shares in percent."""
    across = Markup('<path class="grid" d="M{x} {top}V{bottom}"/><text x="{x}" y="{y}" text-anchor="middle">{t}</text>')
    up = Markup('<path class="grid" d="M{left} {y}H{right}"/><text x="{x}" y="{base}" text-anchor="end">{t}</text>')
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + share * (right - left)
        parts.append(across.format(x=x, top=top, bottom=bottom, y=bottom + 15, t=f"{100 * share:g}%"))
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        parts.append(up.format(left=left, right=right, y=y, x=left - 5, base=y + 4, t=f"{100 * share * limit:.3g}%"))
    return Markup("").join(parts)


def _svg(title: str, height: float, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">{}</svg>'
    ).format(_WIDTH, height, title, Markup("").join(parts))
