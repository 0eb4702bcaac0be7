"""How soon the page is there, and how long `rag-faq --help` takes.

    python -m benchmarks.start [--llm NAME] [--rounds 3] [--quick] [--json FILE] [--svg FILE]

From starting `rag-faq serve` to the first answer 200 of the page, with weights and index in place.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

from benchmarks.report import Figure, Report, arguments, finish, median
from rag_faq.interfaces.serve import free_port

_COMMAND = [sys.executable, "-c", "from rag_faq.interfaces.cli import main; main()"]
_MOST_S = 300.0


def help_seconds() -> float:
    """Seconds of `rag-faq --help`."""
    start = time.perf_counter()
    subprocess.run([*_COMMAND, "--help"], capture_output=True, check=True)
    return time.perf_counter() - start


def page_seconds(more: list[str]) -> float:
    """Seconds until the page answers. RuntimeError when the server ends, or takes longer than five minutes."""
    port = free_port("127.0.0.1", 0)
    start = time.perf_counter()
    server = subprocess.Popen(
        [*_COMMAND, *more, "serve", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while time.perf_counter() - start < _MOST_S:
            if server.poll() is not None:
                raise RuntimeError(f"`rag-faq serve` ended with status {server.returncode}")
            if _answers(port):
                return time.perf_counter() - start
            time.sleep(0.02)
        raise RuntimeError(f"no page after {_MOST_S:.0f} s")
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def run(more: list[str], rounds: int, *, quick: bool) -> Report:
    """Some rounds of each."""
    helps = [help_seconds() for _ in range(1 if quick else 2 * rounds)]
    pages = [page_seconds(more) for _ in range(1 if quick else rounds)]
    figures = (
        Figure("rag-faq --help, p50", median(helps), "s", 0.5),
        Figure("until the page is served, p50", median(pages), "s", 5.0),
    )
    return Report("start", quick, figures, {}, [{"help_s": helps, "page_s": pages}])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    """Read the arguments, run, report."""
    options = arguments(
        __doc__, ("--rounds", {"type": int, "default": 3}), ("--llm", {"help": "another language model"})
    )
    more = ["--set", f"llm={options.llm}"] if options.llm else []
    finish(run(more, options.rounds, quick=options.quick), options)


if __name__ == "__main__":
    main()
