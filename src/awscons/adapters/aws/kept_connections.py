"""Which kept connections may carry another request. Firewalls forget some silently.

Such a connection accepts what is sent and never answers. Three rules bound what that costs:

- A connection that was idle for longer than `max_idle` seconds is closed, and a new one is made.
- A kept connection has to begin its answer within PATIENCE seconds.
- When one kept connection fails, no connection that was idle at that moment is used again.

urllib3's public `is_connected`, `connect` and `getresponse` are overridden: urllib3 asks `is_connected`
before it reuses a connection. Tests notice if that changes.
"""

from __future__ import annotations

import time
from typing import ClassVar

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

MAX_IDLE = 60.0
"""Seconds. The shortest idle timeouts of firewalls in the field are a minute or more."""
PATIENCE = 1.0
"""Seconds within which a kept connection must begin to respond. AWS usually needs a fifth of that."""
_SLOW_FOR = 60.0
"""Seconds for which a host that was slow on a new connection gets the full timeout on kept ones too."""


class KeptConnectionFailed(ConnectionError):
    """A kept connection did not respond; a new one may."""


class ConnectionTrust:
    """Which kept connections of one pool can be trusted. Times are those of `time.monotonic`."""

    def __init__(self, max_idle: float) -> None:
        """`max_idle`: seconds."""
        self._max_idle = max_idle
        self._distrusted_before = float("-inf")
        self._slow_until = float("-inf")

    def is_stale(self, last_used: float) -> bool:
        """Whether a connection that was last used at that moment must not be used again."""
        return last_used <= self._distrusted_before or time.monotonic() - last_used >= self._max_idle

    def distrust(self) -> None:
        """Stop using every connection that is idle now."""
        self._distrusted_before = time.monotonic()

    def patience(self, read_timeout: float) -> float:
        """Seconds that a kept connection gets to begin its answer."""
        return read_timeout if time.monotonic() < self._slow_until else min(read_timeout, PATIENCE)

    def note_new(self, began: float) -> None:
        """A new connection answered a request that began then. A slow host would be asked twice for long."""
        now = time.monotonic()
        if now - began > PATIENCE:
            self._slow_until = now + _SLOW_FOR


class _KeptConnection(HTTPConnection):
    """A connection that records when it was last used."""

    trust: ClassVar[ConnectionTrust]
    _last_used: float | None = None

    @property
    def is_connected(self) -> bool:
        """Whether urllib3 may send another request over it."""
        stale = self._last_used is not None and self.trust.is_stale(self._last_used)
        return super().is_connected and not stale

    def connect(self) -> None:
        """Mark a new connection as not proven yet."""
        super().connect()
        self._last_used = None

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """The answer. Raises KeptConnectionFailed where a new connection may do better."""
        began = time.monotonic()
        if self._last_used is None:
            response = super().getresponse()
            self.trust.note_new(began)
        else:
            response = self._answer_of_kept_connection()
        self._last_used = time.monotonic()
        return response

    def _answer_of_kept_connection(self) -> HTTPResponse:
        read_timeout = self.timeout
        self.timeout = self.trust.patience(read_timeout or PATIENCE)
        try:
            response = super().getresponse()
        except OSError as error:
            self.trust.distrust()
            raise KeptConnectionFailed from error
        if self.sock is not None:
            self.sock.settimeout(read_timeout)  # the body has its full time
        return response


class _KeptTlsConnection(_KeptConnection, HTTPSConnection):
    """The same over TLS."""


def pool_classes(trust: ConnectionTrust) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools by scheme, with connections that heed `trust`."""
    plain = type("KeptConnection", (_KeptConnection,), {"trust": trust})
    tls = type("KeptTlsConnection", (_KeptTlsConnection,), {"trust": trust})
    return {
        "http": type("HttpPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("HttpsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }
