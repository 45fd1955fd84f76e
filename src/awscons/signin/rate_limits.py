"""How many sign-ins one address, and everybody together, may begin and finish in a minute.

Counted in the store that logins are kept in, so over all processes and hosts. People behind one address of
a company share a count, hence generous defaults: the limits are against programs, not against Mondays.
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
"""Bits: what one customer has at the least, and can choose addresses from at will."""


class Counters(Protocol):
    """Where counts are kept. Raises StoreUnavailable."""

    def count(self, key: str, *, lifetime: timedelta) -> int:
        """One more under `key`; how many that makes."""


class RejectionRecorder(Protocol):
    """What counts rejected requests. Telling it never fails a request."""

    def record_rejection(self, reason: str) -> None:
        """A request was rejected; `reason` is one of a few fixed words."""


class SignInRateLimits:
    """The limits; 0 is none."""

    def __init__(
        self,
        *,
        per_address: int,
        overall: int,
        counters: Counters,
        recorder: RejectionRecorder,
        clock: Callable[[], datetime],
    ) -> None:
        """`clock` gives UTC."""
        self._per_address = per_address
        self._overall = overall
        self._counters = counters
        self._recorder = recorder
        self._clock = clock

    def check(self, step: str, address: str) -> None:
        """Count one more request of this `step` from `address`.

        Raises TooManySignIns when that is one too many, StoreUnavailable.
        """
        # The address first: what is refused for its sake is taken from nobody else.
        network = _network(address)
        if self._per_address and network is not None:
            who = hashlib.sha256(network.encode()).hexdigest()
            self._check(f"{step}:{who}", self._per_address, "too many sign-ins from one address")
        if self._overall:
            self._check(step, self._overall, "too many sign-ins overall")

    def _check(self, key: str, most: int, reason: str) -> None:
        window, passed = divmod(int(self._clock().timestamp()), _WINDOW)
        number = self._counters.count(f"count:{key}:{window}", lifetime=timedelta(seconds=2 * _WINDOW))
        if number > most:
            self._recorder.record_rejection(reason)
            raise TooManySignIns(f"{reason}: more than {most} in a minute", retry_after=_WINDOW - passed)


def _network(address: str) -> str | None:
    """Whom an address stands for; None where it stands for nobody in particular.

    Loopback is a proxy that the configuration does not name, and so would be everybody at once.
    """
    try:
        found = ipaddress.ip_address(_without_port(address))
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            is_ours = found.is_loopback
            return None if is_ours else str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))
        found = found.ipv4_mapped
    return None if found.is_loopback else str(found)


def _without_port(address: str) -> str:
    """Some balancers add a port, another for each connection: `192.0.2.1:50000`, `[2001:db8::1]:50000`."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
