"""Many clients at once against a real server on this machine: who is answered, who is told to come back, who is lost.

    python benchmarks/load.py [--model NAME] [--clients 200] [--rounds 3] [--waiting 32] [--patient] [--json FILE]

The server is a process of its own. All clients of a round ask at the same moment, each a question of the corpus, to
be answered in the model's words (`composed`). Nobody may be lost: a client gets an answer, or a 429 or 503 that says
when to come back. With `--patient` clients come back then, until they are answered. The server's memory is read after
one question, before the first round, and after each round.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.report import finish_as_json, percentile
from rag_faq.corpus.reader import read_corpus
from rag_faq.interfaces.serve import free_port
from rag_faq.settings import Settings

_START_S = 300.0
_ANSWER_S = 600.0
_BACK = (429, 503)
_COMPOSED = {"answer_style": "composed"}


@dataclass(frozen=True, slots=True)
class Visit:
    """What one client came to."""

    result: str  # "answered", "told to come back", "lost"
    seconds: float  # from its first request to its last response
    detail: str = ""  # of one that was lost
    returns: int = 0  # how often it was told to come back before it was answered


async def visit(client: httpx.AsyncClient, question: str, *, patient: bool) -> Visit:
    """Ask once; a patient client asks again when it was told to."""
    start = time.perf_counter()
    returns = 0
    while True:
        try:
            response = await client.post("/v1/query", json={"question": question, "options": _COMPOSED})
            if response.status_code == 200 and response.json()["answer"]:
                return Visit("answered", time.perf_counter() - start, returns=returns)
            told = response.status_code in _BACK and "retry-after" in response.headers
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return Visit("lost", time.perf_counter() - start, repr(error))
        if not told:
            return Visit("lost", time.perf_counter() - start, f"{response.status_code} {response.text[:200]}")
        if not patient:
            return Visit("told to come back", time.perf_counter() - start)
        returns += 1
        await asyncio.sleep(float(response.headers["retry-after"]))


async def round_of(address: str, questions: Sequence[str], *, patient: bool = False) -> list[Visit]:
    """One client for each question, all at once, each on a connection of its own."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=address, timeout=_ANSWER_S, limits=limits) as client:
        return await asyncio.gather(*(visit(client, question, patient=patient) for question in questions))


def summary(visits: Sequence[Visit]) -> dict[str, object]:
    """Counts, and medians and 99th percentiles in seconds."""

    def times(result: str) -> dict[str, float] | None:
        seconds = [each.seconds for each in visits if each.result == result]
        if not seconds:
            return None
        return {
            "p50_s": round(percentile(seconds, 0.5), 3),
            "p99_s": round(percentile(seconds, 0.99), 3),
        }

    def count(result: str) -> int:
        return sum(each.result == result for each in visits)

    return {
        "clients": len(visits),
        "answered": count("answered"),
        "told_to_come_back": count("told to come back"),
        "lost": count("lost"),
        "answered_times": times("answered"),
        "told_times": times("told to come back"),
        "most_returns": max((each.returns for each in visits), default=0),
        "lost_because": sorted({each.detail for each in visits if each.detail}),
    }


@contextmanager
def server(model: str, waiting: int, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server in a process of its own, ready: its address and the process."""
    port = free_port("127.0.0.1", 0)
    names = {
        "llm": model,
        "max_waiting": waiting,
        "port": port,
        "host": "127.0.0.1",
        "feedback_file": folder / "f.sqlite3",
    }
    sets = [part for name, value in names.items() for part in ("--set", f"{name}={value}")]
    process = subprocess.Popen(
        [sys.executable, "-c", "from rag_faq.interfaces.cli import main; main()", *sets, "serve"]
    )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + _START_S
        while not _ready(address):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the server did not start")
            time.sleep(0.2)
        yield address, process
    finally:
        process.terminate()
        process.wait(30)


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def resident_mb(pid: int) -> float | None:
    """The memory that a process has, in MB; None where /proc does not tell."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return round(int(found[1]) / 1024, 1) if found else None


def main() -> int:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=Settings.load().llm)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--waiting", type=int, default=32)
    parser.add_argument("--patient", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    own = [entry.question for entry in read_corpus(Settings.load().corpus).entries]
    questions = [own[i % len(own)] for i in range(arguments.clients)]
    with (
        tempfile.TemporaryDirectory(prefix="rag-faq-load-") as folder,
        server(arguments.model, arguments.waiting, Path(folder)) as (address, process),
    ):
        httpx.post(f"{address}/v1/query", json={"question": questions[0]}, timeout=_ANSWER_S).raise_for_status()
        memory = [resident_mb(process.pid)]
        rounds = []
        for _ in range(arguments.rounds):
            rounds.append(summary(asyncio.run(round_of(address, questions, patient=arguments.patient))))
            memory.append(resident_mb(process.pid))
    result = {"model": arguments.model, "max_waiting": arguments.waiting, "rounds": rounds, "resident_mb": memory}
    finish_as_json(result, arguments.json)
    return int(any(each["lost"] for each in rounds))


if __name__ == "__main__":
    raise SystemExit(main())
