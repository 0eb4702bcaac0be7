"""What this process takes, and when it has come to rest."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path


def rss() -> int:
    """Bytes of memory that this process has now; where the system does not tell, the most that it ever had."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def anonymous() -> int:
    """Bytes of this process that are no pages of a file: without the mapped weights. Where not told, all of `rss`."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return rss()
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")]
    return found[0] if found else rss()


def rest(most_s: float = 600.0, window_s: float = 0.25, windows: int = 3) -> float:
    """Wait until this process computes nothing any more: states filled, checks prepared. Gives the seconds waited.

    At rest is who takes less than 4% of one core in several windows one after the other.
    """
    start = time.perf_counter()
    quiet = 0
    while quiet < windows and time.perf_counter() - start < most_s:
        before = time.process_time()
        time.sleep(window_s)
        quiet = quiet + 1 if time.process_time() - before < 0.04 * window_s else 0
    return time.perf_counter() - start
