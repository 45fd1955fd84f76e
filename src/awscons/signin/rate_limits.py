"""Rate limits of sign-ins: begun and finished in a minute, per address and overall.

The counters are in the store of logins, so they count over all processes and hosts. Everybody behind one
company address shares a counter, so the defaults are generous: they stop programs, not a busy morning.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from awscons.errors import TooManySignIns

_WINDOW = 60
"""Seconds."""
_IPV6_NETWORK = 64
"""Bits. A customer has at least one such network, and can use any address in it."""
_NO_ADDRESS = "no address"
"""Stands for every text that is not the address of a client: they share one counter."""


class Counters(Protocol):
    """The store's counters. Raises StoreUnavailable."""

    def count(self, key: str, *, lifetime: timedelta) -> int:
        """Add one to the counter under `key`, and return its value."""


class RejectionRecorder(Protocol):
    """Counts rejected requests. It never raises."""

    def record_rejection(self, reason: str) -> None:
        """Count a rejected request. `reason` is one of a few fixed texts, for a metric's label."""


class SignInRateLimits:
    """The limits per minute; 0 means no limit."""

    def __init__(
        self,
        *,
        per_address: int,
        overall: int,
        counters: Counters,
        recorder: RejectionRecorder,
        clock: Callable[[], datetime],
    ) -> None:
        """`clock` returns UTC."""
        self._per_address = per_address
        self._overall = overall
        self._counters = counters
        self._recorder = recorder
        self._clock = clock

    def check(self, step: str, address: str | None) -> None:
        """Count one request of this `step` from `address`; None counts overall only.

        Raises TooManySignIns when a limit is exceeded, StoreUnavailable.
        """
        # The address first: a request that it rejects must not use up the limit that everybody shares.
        if self._per_address and address is not None:
            who = hashlib.sha256(_network(address).encode()).hexdigest()
            self._check(f"{step}:{who}", self._per_address, "too many sign-ins from one address")
        if self._overall:
            self._check(step, self._overall, "too many sign-ins overall")

    def _check(self, key: str, limit: int, reason: str) -> None:
        window, passed = divmod(int(self._clock().timestamp()), _WINDOW)
        number = self._counters.count(f"count:{key}:{window}", lifetime=timedelta(seconds=2 * _WINDOW))
        if number > limit:
            self._recorder.record_rejection(reason)
            raise TooManySignIns(f"{reason}: more than {limit} in a minute", retry_after=_WINDOW - passed)


def _network(address: str) -> str:
    """The address or network that is counted as one client.

    A header may claim any text. What cannot be the address of a client gives nobody a counter of their own.
    """
    try:
        found = ipaddress.ip_address(_without_port(address))
    except ValueError:
        return _NO_ADDRESS
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if found.is_loopback or found.is_unspecified:
        return _NO_ADDRESS
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))
    return str(found)


def _without_port(address: str) -> str:
    """Some load balancers add the client's port: `192.0.2.1:50000`, `[2001:db8::1]:50000`."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
