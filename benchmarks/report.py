"""What every benchmark gives: figures with what they should reach, as JSON, as a drawing and as lines of text."""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from rag_faq.generation.hardware import usable_cores
from rag_faq.interfaces.doctor.machine import processor

_PACKAGES = ("llama_cpp_python", "sentence-transformers", "torch", "faiss-cpu", "bm25s")


@dataclass(frozen=True, slots=True)
class Figure:
    """One result. `wanted` is what it should reach, `better` on which side of that."""

    name: str
    value: float
    unit: str
    wanted: float | None = None
    better: Literal["lower", "higher"] = "lower"

    @property
    def reached(self) -> bool | None:
        """Whether it is as wanted; `None` where nothing is."""
        if self.wanted is None:
            return None
        return self.value <= self.wanted if self.better == "lower" else self.value >= self.wanted

    @property
    def aim(self) -> str:
        """What is wanted, such as "≤ 1.00"; empty where nothing is."""
        return "" if self.wanted is None else f"{'≤' if self.better == 'lower' else '≥'} {number(self.wanted)}"

    @property
    def verdict(self) -> str:
        """What is wanted and whether that is reached, in words."""
        return f"wanted {self.aim}: {'reached' if self.reached else 'NOT reached'}" if self.aim else ""


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's run."""

    benchmark: str
    quick: bool  # a trial run on little: its figures say nothing
    figures: tuple[Figure, ...]
    setup: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)  # what the figures were worked out from

    def to_json(self) -> str:
        """Everything, with the machine and the versions."""
        record = asdict(self) | {"machine": machine()}
        for figure, values in zip(self.figures, record["figures"], strict=True):
            values["reached"] = figure.reached
        return json.dumps(record, indent=2, ensure_ascii=False)

    def to_text(self) -> str:
        """One line a figure."""
        head = self.benchmark + (" (quick: a trial run, no measurement)" if self.quick else "")
        width = max((len(figure.name) for figure in self.figures), default=0)
        lines = [
            f"  {figure.name:{width}}  {number(figure.value):>9} {figure.unit:8} {figure.verdict}".rstrip()
            for figure in self.figures
        ]
        return "\n".join([head, *lines])

    def to_svg(self) -> str:
        """Bars, one scale a unit."""
        highest: dict[str, float] = {}
        for figure in self.figures:
            highest[figure.unit] = max(highest.get(figure.unit, 0.0), figure.value, figure.wanted or 0.0)
        rows = []
        for i, figure in enumerate(self.figures):
            y, scale = 40 + 26 * i, 260 / (highest[figure.unit] or 1.0)
            good = figure.reached is not False
            rows.append(
                f'<text x="300" y="{y + 13}" text-anchor="end">{escape(figure.name)}</text>'
                f'<rect x="308" y="{y}" width="{max(0.0, figure.value) * scale:.1f}" height="16" '
                f'fill="{"#5b8fc9" if good else "#c2603f"}"/>'
                f'<text x="{314 + max(0.0, figure.value) * scale:.1f}" y="{y + 13}">'
                f"{number(figure.value)} {escape(figure.unit)}</text>"
            )
            if figure.wanted is not None:
                x = 308 + figure.wanted * scale
                rows.append(f'<path d="M{x:.1f} {y - 3}v22" stroke="#222" stroke-width="1.5"/>')
        height = 52 + 26 * len(self.figures)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {height}" width="680" height="{height}" '
            f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
            f'<text x="12" y="22" font-size="15">{escape(self.benchmark)}</text>{"".join(rows)}</svg>\n'
        )


def machine() -> dict[str, Any]:
    """Where it was measured, and with which versions."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {"processor": processor(), "cores": usable_cores(), "versions": versions}


def number(value: float) -> str:
    """Three figures that count: 0.0123, 4.56, 78.9, 1,234."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share (0 to 1) of the values lies, with a straight line between two of them."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Sequence[float]) -> float:
    """The middle one, or the mean of the middle two."""
    return statistics.median(values)


def arguments(about: str | None, *more: tuple[str, dict[str, Any]]) -> argparse.Namespace:
    """The options of every benchmark, and those in `more` as (name, keywords of add_argument)."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a trial run on little, to see that it runs")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--svg", type=Path, help="draw the figures into this file")
    for name, keywords in more:
        parser.add_argument(name, **keywords)
    return parser.parse_args()


def finish(report: Report, options: argparse.Namespace) -> None:
    """Print the figures, and write the files that were asked for."""
    print(report.to_text())
    _write(options.json, report.to_json() + "\n")
    _write(options.svg, report.to_svg())


def finish_as_json(result: Mapping[str, object], path: Path | None) -> None:
    """Print a result that has no figures to be reached, and write it to the file that was asked for, if one was."""
    text = json.dumps(result, indent=2)
    print(text)
    _write(path, text + "\n")


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
