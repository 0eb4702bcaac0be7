"""Who may see the owner's tab: those who gave the password, each for a while, and nobody who guesses for long."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rag_faq.settings import Settings

SIGNED_IN_SECONDS: Final = 8 * 3600.0
FREE_TRIES: Final = 5  # of one client, before it has to wait
FREE_TRIES_OF_ALL: Final = 50  # of all clients together: an attacker may have many addresses
LONGEST_WAIT: Final = 300.0
_MOST_CLIENTS: Final = 1000
_MOST_SESSIONS: Final = 100
_EVERYBODY: Final = ""


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    until: float = 0.0  # no try is looked at before


class AdminAccess:
    """Checks the password and remembers the sessions that gave it. Safe for many threads."""

    def __init__(self, password: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._digest = _digest(password)
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, float] = OrderedDict()  # session -> when it ends
        self._tries: OrderedDict[str, _Tries] = OrderedDict()  # client -> its wrong tries

    def sign_in(self, session: str, client: str, password: str) -> float | None:
        """None when the session is signed in now, else the seconds to wait before the next try (0: none).

        While a client has to wait, its tries are not looked at. Each wrong one doubles the wait.
        """
        with self._lock:
            now, client = self._clock(), client or "unknown"
            keys = (client, _EVERYBODY)
            wait = max(self._tries.get(key, _Tries()).until - now for key in keys)
            if wait > 0:
                return wait
            if session and hmac.compare_digest(_digest(password), self._digest):
                self._tries.pop(client, None)
                self._sessions[session] = now + SIGNED_IN_SECONDS
                while len(self._sessions) > _MOST_SESSIONS:
                    self._sessions.popitem(last=False)
                return None
            return max(
                self._wrong(client, FREE_TRIES, now),
                self._wrong(_EVERYBODY, FREE_TRIES_OF_ALL, now),
            )

    def signed_in(self, session: str) -> bool:
        """Whether the session gave the password, and not too long ago."""
        with self._lock:
            ends = self._sessions.get(session)
            if ends is not None and ends <= self._clock():
                del self._sessions[session]
                ends = None
            return ends is not None

    def sign_out(self, session: str) -> None:
        """Forget the session."""
        with self._lock:
            self._sessions.pop(session, None)

    def _wrong(self, key: str, free: int, now: float) -> float:
        """One wrong try more; gives the wait that it costs."""
        tries = self._tries.setdefault(key, _Tries())
        if now - tries.until > LONGEST_WAIT:  # forgiven after a while
            tries.wrong = 0
        tries.wrong += 1
        over = tries.wrong - free
        wait = 0.0 if over < 0 else min(LONGEST_WAIT, 2.0 ** min(over, 10))
        tries.until = now + wait
        self._tries.move_to_end(key)
        while len(self._tries) > _MOST_CLIENTS:
            self._tries.popitem(last=False)
        return wait


def admin_access(settings: Settings) -> AdminAccess | None:
    """The access of the settings; None without a password: there is no tab for the owner then."""
    password = settings.admin_password
    return None if password is None else AdminAccess(password.get_secret_value())


def _digest(password: str) -> bytes:
    """Of one length for every password, so that comparing takes the same time."""
    return hashlib.sha256(password.encode("utf-8", "replace")).digest()
