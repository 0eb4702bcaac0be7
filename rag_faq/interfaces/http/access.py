"""Who may come in: keys for the HTTP doors, a login for the page, and the names that the server answers to."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Iterable

from rag_faq.errors import SettingsError
from rag_faq.settings import Settings

_OWN_NAMES = ("localhost", "127.0.0.1", "::1")


class Keys:
    """The keys of the HTTP doors. They are kept as hashes, and compared in a time that tells nothing."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        """Without keys, the doors are open."""
        self._hashes = tuple(_hash(key) for key in keys)

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        """The keys of the setting `api_keys`. SettingsError when it is set and holds none."""
        if settings.api_keys is None:
            return cls()
        keys = [key for part in settings.api_keys.get_secret_value().split(",") if (key := part.strip())]
        if not keys:
            raise SettingsError(
                "The setting api_keys holds no key", expected="keys parted by commas, or no such setting"
            )
        return cls(keys)

    @property
    def wanted(self) -> bool:
        """Whether a caller has to show a key."""
        return bool(self._hashes)

    def known(self, authorization: str) -> str | None:
        """A name for the key in an `Authorization` header, which is not the key; None when the key is not known."""
        scheme, _, key = authorization.partition(" ")
        shown = _hash(key.strip())
        matches = [hmac.compare_digest(shown, known) for known in self._hashes]  # all of them: no early end
        if scheme.lower() != "bearer" or not any(matches):
            return None
        return f"key {matches.index(True) + 1}"


def page_login(settings: Settings) -> Callable[[str, str], bool] | None:
    """Tells whether a user and a password open the page; None when the page asks for neither.

    Raises SettingsError for a setting `page_login` that is not `user:password`.
    """
    if settings.page_login is None:
        return None
    pairs = []
    for part in settings.page_login.get_secret_value().split(","):
        user, colon, password = part.strip().partition(":")
        if not (user and colon and password):
            raise SettingsError(
                "The setting page_login is malformed", expected="user:password, several parted by commas"
            )
        pairs.append(_hash(f"{user}:{password}"))

    def check(user: str, password: str) -> bool:
        shown = _hash(f"{user}:{password}")
        return any([hmac.compare_digest(shown, known) for known in pairs])  # noqa: C419 (all of them: no early end)

    return check


def host_names(settings: Settings) -> frozenset[str] | None:
    """The names that may stand in a request's `Host`; None when any may.

    A server that only this machine can reach answers to this machine's own names alone: else a page on the Web could
    give its own name this machine's address, and read what the server says (DNS rebinding).
    """
    if settings.allowed_hosts:
        return (
            None if "*" in settings.allowed_hosts else frozenset(map(str.lower, (*settings.allowed_hosts, *_OWN_NAMES)))
        )
    return frozenset((*_OWN_NAMES, settings.host.lower())) if _is_own(settings.host) else None


def host_name(header: str) -> str:
    """The name in a `Host` header, without the port and the brackets of an IPv6 address."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def _is_own(host: str) -> bool:
    """Whether this address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
