"""Rate limits: sign-ins per network and overall, consoles per person; each counts one minute.

The counters are in the store of logins, so they count over all processes and hosts. Everybody behind one
company address shares a counter, so the defaults are generous: they stop programs, not a busy morning.

Above the overall limit the service still serves networks that asked little in this minute, and refuses the
others. An overall limit that refused everybody would let one attacker stop all sign-ins.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from awscons.errors import RateLimited, TooManyConsoles, TooManySignIns
from awscons.store import RecordStore, hashed

_WINDOW = 60
"""Seconds."""
_LIFETIME = timedelta(seconds=2 * _WINDOW)
_BUCKETS = 1 << 16
"""Counters for each prefix length. It bounds the store's size; networks in one bucket share its count."""
_NO_ADDRESS = "no address"
"""Stands for every text that is not the address of a client: they share one counter."""
_IPV4_FACTORS = {32: 1}
_IPV6_FACTORS = {64: 1, 56: 2, 48: 4}
"""Prefix length in bits, smallest network first: its limit, as a multiple of the limit of one address.


Internet providers give a customer a /64, /56 or /48 (RFC 6177). An IPv4 /24 often has many customers, so it
has a limit only above the overall limit."""
_SHEDDING_PREFIX = {4: 24, 6: 48}
"""IP version: prefix length in bits of the networks that share a limit above the overall limit."""
_LIGHT_PART, _MIN_LIGHT = 10, 2
"""A network is light with at most a tenth of its limit, or two requests if that is more."""
_ADDRESSES_TO_FILL = 20
"""The limit of an address, for shedding, where none is configured: this part of the overall limit."""


FROM_ONE_ADDRESS = "too many sign-ins from one address"
FROM_ONE_NETWORK = "too many sign-ins from one network"
OVERALL = "too many sign-ins overall"
OF_ONE_PERSON = "too many consoles of one person"


class RejectionRecorder(Protocol):
    """Counts rejected requests. It never raises."""

    def record_rejection(self, reason: str) -> None:
        """Count a rejected request. `reason` is one of a few fixed texts, for a metric's label."""


class MinuteCounters:
    """Counters of the current minute, shared by every process of the store."""

    def __init__(
        self, store: RecordStore, *, recorder: RejectionRecorder, clock: Callable[[], datetime]
    ) -> None:
        """`clock` returns UTC."""
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._salt = (-1, "")

    def count(self, key: str) -> int:
        """Add one to the counter under `key`, and return its value. Raises StoreUnavailable."""
        return self._store.count(f"count:{key}:{self._window()}", lifetime=_LIFETIME)

    def bucket(self, text: str) -> int:
        """The bucket of `text` in this minute. Nobody outside can find two texts that share one."""
        window = self._window()
        if self._salt[0] != window:
            key = f"count-salt:{window}"
            self._store.add(key, {"salt": secrets.token_hex(16)}, lifetime=_LIFETIME)
            self._salt = (window, (self._store.get(key) or {}).get("salt", ""))
        digest = hashlib.sha256(f"{self._salt[1]}\n{text}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % _BUCKETS

    def rejected(self, kind: type[RateLimited], reason: str, limit: int) -> RateLimited:
        """The error for a request above `limit`, which the metrics count."""
        self._recorder.record_rejection(reason)
        retry_after = _WINDOW - int(self._clock().timestamp()) % _WINDOW
        return kind(f"{reason}: more than {limit} in a minute", retry_after=retry_after)

    def _window(self) -> int:
        return int(self._clock().timestamp()) // _WINDOW


class SignInRateLimits:
    """The limits of sign-in requests per minute; 0 means no limit."""

    def __init__(self, *, per_address: int, overall: int, counters: MinuteCounters) -> None:
        self._per_address = per_address
        self._overall = overall
        self._counters = counters

    def check(self, step: str, address: str | None) -> None:
        """Count one request of this `step` from `address`; None counts overall only.

        Raises TooManySignIns when a limit is exceeded, StoreUnavailable. It takes at most five counts.
        """
        networks = _networks_of(address) if address is not None else None
        light = networks is not None
        # The smallest network first, and the overall counter last: a request that is refused must not use up a limit
        # that others share.
        for network in networks.counted if networks else ():
            light = self._check_network(step, network) and light
        if self._overall and self._counters.count(step) > self._overall:
            self._shed(step, networks, light=light)

    def _check_network(self, step: str, network: _Network) -> bool:
        """Count a request of `network`, and return whether it is light."""
        limit = self._per_address * network.factor
        number = self._counters.count(f"{step}:{network.bits}:{self._counters.bucket(network.text)}")
        if limit and number > limit:
            raise self._counters.rejected(TooManySignIns, network.reason, limit)
        return number <= self._light_limit(network.factor)

    def _shed(self, step: str, networks: _Networks | None, *, light: bool) -> None:
        """Above the overall limit: serve light networks, as many as fit into the limit of one address."""
        if light and networks is not None:
            number = self._counters.count(f"{step}:shed:{self._counters.bucket(networks.shared)}")
            if number <= self._address_limit():
                return
        raise self._counters.rejected(TooManySignIns, OVERALL, self._overall)

    def _address_limit(self) -> int:
        return self._per_address or max(1, self._overall // _ADDRESSES_TO_FILL)

    def _light_limit(self, factor: int) -> int:
        return factor * max(_MIN_LIGHT, self._address_limit() // _LIGHT_PART)


class ConsoleRateLimit:
    """The limit of consoles and credentials per person and minute; 0 means no limit."""

    def __init__(self, *, per_person: int, counters: MinuteCounters) -> None:
        self._per_person = per_person
        self._counters = counters

    def check(self, person: str) -> None:
        """Count one console. Raises TooManyConsoles when the limit is exceeded, StoreUnavailable."""
        if self._per_person and self._counters.count(f"console:{hashed(person)}") > self._per_person:
            raise self._counters.rejected(TooManyConsoles, OF_ONE_PERSON, self._per_person)


@dataclass(frozen=True, slots=True)
class _Network:
    """A network that has a counter: its address, its prefix length, and its limit in limits of one address."""

    text: str
    bits: int
    factor: int

    @property
    def reason(self) -> str:
        """The reason of a refusal, for the log and the metrics."""
        return FROM_ONE_ADDRESS if self.factor == 1 else FROM_ONE_NETWORK


@dataclass(frozen=True, slots=True)
class _Networks:
    """The networks of one client, smallest first, and the network that shares a limit above the overall limit."""

    counted: tuple[_Network, ...]
    shared: str


def _networks_of(address: str) -> _Networks:
    """The networks in which `address` is counted.

    A header may claim any text. What cannot be the address of a client gives nobody a counter of their own.
    """
    try:
        found = ipaddress.ip_address(_without_port(address))
    except ValueError:
        return _NO_NETWORKS
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if found.is_loopback or found.is_unspecified:
        return _NO_NETWORKS
    factors = _IPV4_FACTORS if found.version == 4 else _IPV6_FACTORS  # noqa: PLR2004  the version of IP
    counted = tuple(_Network(_network(found, bits), bits, factor) for bits, factor in factors.items())
    return _Networks(counted, _network(found, _SHEDDING_PREFIX[found.version]))


_NO_NETWORKS = _Networks((_Network(_NO_ADDRESS, 0, 1),), _NO_ADDRESS)


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: int) -> str:
    return str(ipaddress.ip_network((address, bits), strict=False))


def _without_port(address: str) -> str:
    """Some load balancers add the client's port: `192.0.2.1:50000`, `[2001:db8::1]:50000`."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
