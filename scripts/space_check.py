"""Proves without the Hub that this checkout starts as a Hugging Face Space: `python -m scripts.space_check`.

Only tracked files, a fresh environment from requirements.txt, an ordinary user with an empty home, the variables of a
Space. Then `python app.py` is asked through its doors. The exit status is 1 when something is not as it should be.
Everything that it makes it removes.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.space.checks import Row, ask_all
from scripts.space.environment import Person, SpaceError, copy_tracked, fresh_environment, lay_weights, ordinary_person
from scripts.space.process import Space, running_space

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print a table, clean up."""
    parser = argparse.ArgumentParser(prog="python -m scripts.space_check", description=__doc__)
    parser.add_argument("--reuse-env", type=Path, metavar="FOLDER", help="make the environment there, and keep it")
    parser.add_argument("--find-links", metavar="FOLDER", help="wheels for pip, so that nothing is compiled")
    parser.add_argument("--model", help="another language model of the catalog, such as smollm2-135m-instruct-q4_1")
    parser.add_argument("--port", type=int, default=7860, help="the port, where 7860 is taken")
    parser.add_argument("--limit", type=int, default=1800, help="seconds that a start may take")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cleans up, too
    work = Path(tempfile.mkdtemp(prefix="rag-faq-space-"))
    try:
        rows = _check(work, options)
    except SpaceError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work)
    width = max(len(row.what) for row in rows)
    for row in rows:
        print(f"{'ok ' if row.right else 'NO '} {row.what:{width}}  {row.found}")
    return int(not all(row.right for row in rows))


def _check(work: Path, options: argparse.Namespace) -> list[Row]:
    work.chmod(0o755)
    person = ordinary_person(work / "home")
    app = work / "app"
    copied = copy_tracked(ROOT, app, person)
    rows = [Row("tracked files copied", copied > 0, str(copied)), _who(person)]
    _say("packages")
    folder = options.reuse_env or work / "environment"
    environment, seconds = fresh_environment(folder, app, person, options.find_links)
    rows.append(Row("environment from requirements.txt", True, f"{seconds:.0f} s" if seconds else "as it was"))
    _say("weights")
    lay_weights(app, person, options.model)
    space = Space(app, environment, person, options.port, options.limit, options.model)
    _say("starting app.py")
    with running_space(space) as process:
        _say("asking")
        rows += ask_all(space, process)
    rows.append(Row("ends when told to", process.ended_in is not None, f"{process.ended_in or 0:.1f} s"))
    return rows


def _say(step: str) -> None:
    print(f"{step} …", file=sys.stderr, flush=True)


def _who(person: Person) -> Row:
    return Row("an ordinary user", person.uid != 0, f"{person.uid}")


if __name__ == "__main__":
    raise SystemExit(main())
