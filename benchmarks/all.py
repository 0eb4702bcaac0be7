"""All benchmarks, one after the other, each in a process of its own; one table.

    python -m benchmarks.all --json reports/speed.json [--peers .venv-bench/bin/python] [--only NAME,…] [--quick]

The recipes of other libraries run in an environment of their own (benchmarks/requirements.txt); where that is not
there, they are said not to have run. Each benchmark's own JSON and drawing land beside the common file, as
speed-NAME.json and speed-NAME.svg.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Figure, machine, number


@dataclass(frozen=True, slots=True)
class Task:
    """One command."""

    name: str
    module: str
    options: tuple[str, ...] = ()
    peers: bool = False  # runs in the peers' environment


TASKS = (
    Task("start", "start"),
    Task("decode", "decode_speed"),
    Task("batch", "batch_cost"),
    Task("search", "search_speed"),
    Task("index", "index_build"),
    Task("memory", "memory"),
    Task("equal", "equal_answers", ("--questions", "40")),
    Task("langchain", "recipe_langchain", peers=True),
    Task("langchain-fresh", "recipe_langchain", ("--fresh",), peers=True),
    Task("llamaindex", "recipe_llamaindex", peers=True),
    Task("llamaindex-fresh", "recipe_llamaindex", ("--fresh",), peers=True),
    Task("scale", "scale"),
)


def run(task: Task, target: Path, peers: Path, *, quick: bool) -> dict[str, Any]:
    """The report of one benchmark, or {"benchmark", "failed"}: why there is none."""
    if task.peers and not peers.exists():
        return {"benchmark": task.name, "failed": f"not run: there is no {peers} (see benchmarks/requirements.txt)"}
    python = str(peers) if task.peers else sys.executable
    out = target.with_name(f"{target.stem}-{task.name}.json")
    out.unlink(missing_ok=True)
    command = [python, "-m", f"benchmarks.{task.module}", *task.options]
    command += ["--json", str(out), "--svg", str(out.with_suffix(".svg")), *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return {"benchmark": task.name, "failed": f"ended with status {done.returncode}: {last[0]}"}
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return report


def table(reports: list[dict[str, Any]]) -> str:
    """Markdown: what is measured, the figure, what it should be."""
    lines = ["| benchmark | figure | measured | wanted | |", "|---|---|---|---|---|"]
    for report in reports:
        if "failed" in report:
            lines.append(f"| {report['benchmark']} | {report['failed']} | | | |")
            continue
        for values in report["figures"]:
            figure = Figure(**{key: values[key] for key in ("name", "value", "unit", "wanted", "better")})
            reached = {None: "", True: "reached", False: "**missed**"}[figure.reached]
            measured = f"{number(figure.value)} {figure.unit}"
            lines.append(f"| {report['benchmark']} | {figure.name} | {measured} | {figure.aim} | {reached} |")
    return "\n".join(lines)


def main() -> int:
    """Run what was asked for; status 1 when one could not run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=Path("reports/speed.json"))
    parser.add_argument("--peers", type=Path, default=Path(".venv-bench/bin/python"))
    parser.add_argument("--only", help="names with commas: " + ", ".join(task.name for task in TASKS))
    parser.add_argument("--quick", action="store_true", help="a trial run on little, to see that all run")
    options = parser.parse_args()
    names = set(options.only.split(",")) if options.only else {task.name for task in TASKS}
    if unknown := names - {task.name for task in TASKS}:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    reports = []
    for task in TASKS:
        if task.name in names:
            print(f"{task.name} …", file=sys.stderr, flush=True)
            reports.append(run(task, options.json, options.peers, quick=options.quick))
            # Written after each, so that what was measured is not lost when a later one is stopped.
            text = json.dumps({"machine": machine(), "reports": reports}, indent=2, ensure_ascii=False)
            options.json.write_text(text + "\n", encoding="utf-8")
    print(table(reports))
    return int(any("failed" in report for report in reports))


if __name__ == "__main__":
    raise SystemExit(main())
