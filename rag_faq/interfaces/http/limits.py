"""How many requests a client may send: a bucket of tokens for each, which fills as time goes by."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_CLIENTS = 10_000


class RateLimit:
    """Lets each client make `per_minute` requests a minute, all at once or spread; remembers a bounded number of them.

    For one event loop: it takes no lock.
    """

    def __init__(
        self, per_minute: int, *, most_clients: int = _MOST_CLIENTS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`per_minute` 0 sets no limit."""
        self._per_minute = per_minute
        self._most_clients = most_clients
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client → (tokens, when), oldest first

    def __len__(self) -> int:
        """Clients that are remembered."""
        return len(self._buckets)

    def wait(self, client: str) -> float:
        """0 when the client may go on, and one token is taken; else the seconds after which it may."""
        if not self._per_minute:
            return 0.0
        now = self._clock()
        tokens, then = self._buckets.pop(client, (float(self._per_minute), now))
        tokens = min(float(self._per_minute), tokens + (now - then) * self._per_minute / 60)
        passes = tokens >= 1
        self._buckets[client] = (tokens - 1 if passes else tokens, now)
        if len(self._buckets) > self._most_clients:
            self._buckets.popitem(last=False)
        return 0.0 if passes else (1 - tokens) * 60 / self._per_minute


def client_name(address: str) -> str:
    """What stands for a client of this address: of IPv6 the network, since one client has all addresses in it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # a Unix socket, a test
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
