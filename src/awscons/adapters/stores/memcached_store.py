"""Memcached: one or several memcached servers, shared by any number of hosts."""

from __future__ import annotations

import ssl
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from operator import methodcaller
from typing import Any, NoReturn

from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheUnexpectedCloseError
from pymemcache.pool import ObjectPool

from awscons.adapters.stores.failures import unavailable
from awscons.adapters.stores.record_json import decode_record, encode_record, whole_seconds
from awscons.config.schema import MemcachedBacking
from awscons.errors import StoreCannotList
from awscons.findings import Finding, warning
from awscons.store import Record

_IDLE_TIMEOUT = 30
"""Seconds after which an idle connection is closed, before a firewall on the way forgets it."""
_MAX_RELATIVE_EXPIRY = 30 * 24 * 3600
"""Seconds; memcached reads a larger number as Unix time (protocol.txt, "Expiration times")."""
_STALE = (MemcacheUnexpectedCloseError, ConnectionResetError, BrokenPipeError)
"""What an idle connection raises that the server has closed."""

_BYTES_PER_LOGIN = 3_072
"""Memory that one login takes in memcached, with everything that belongs to it."""
_ENOUGH_LOGINS = 100_000


class MemcachedStore:
    """See `RecordStore`. Safe for many threads.

    Each key belongs to one of the servers for good. A client that moves the keys of an unreachable server
    to another one would forget which assertions were used, and accept them again. Here those keys raise
    StoreUnavailable, and the keys of all other servers work.
    """

    def __init__(
        self,
        backing: MemcachedBacking,
        *,
        timeout: float,
        tls: ssl.SSLContext | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Connects when it is first used.

        timeout   seconds to wait for a connection, and for each answer
        tls       None for connections without TLS
        now       Unix time in seconds; only for lifetimes of more than 30 days
        """
        login = f"{backing.username} {backing.password}".encode() if backing.password else None
        self._has_password = login is not None
        self._servers = [_Server(server, timeout=timeout, tls=tls, login=login) for server in backing.servers]
        self._prefix = backing.key_prefix
        self._now = now

    @unavailable("get")
    def get(self, key: str) -> Record | None:
        return decode_record(key, self._ask(key, "get"))

    @unavailable("get")
    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        """One command to each server."""
        names: dict[_Server, list[str]] = {}
        for key in keys:
            names.setdefault(self._server(key), []).append(self._prefix + key)
        found: dict[str, bytes] = {}
        for server, its_names in names.items():
            found |= server.ask(methodcaller("get_many", its_names))
        return [decode_record(key, found.get(self._prefix + key)) for key in keys]

    @unavailable("set")
    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        new, expiry = encode_record(record), self._expiry(lifetime)
        if not self._ask(key, "set", new, expire=expiry):
            raise OSError("memcached answered NOT_STORED")

    @unavailable("add")
    def add(self, key: str, record: Record, *, lifetime: timedelta) -> bool:
        return self._add(key, encode_record(record), lifetime)

    @unavailable("replace")
    def replace(self, key: str, expected: Record | None, record: Record, *, lifetime: timedelta) -> bool:
        """`cas` is refused when anyone wrote the key after `gets`."""
        stored, version = self._ask(key, "gets")
        if decode_record(key, stored) != expected:
            return False
        new, expiry = encode_record(record), self._expiry(lifetime)
        if stored is None:
            return self._add(key, new, lifetime)
        return bool(self._ask(key, "cas", new, version, expire=expiry))

    @unavailable("delete")
    def delete(self, key: str) -> None:
        self._ask(key, "delete")

    @unavailable("count")
    def count(self, key: str, *, lifetime: timedelta) -> int:
        while True:
            if self._add(key, b"1", lifetime):
                return 1
            number: int | None = self._ask(key, "incr", 1)
            # None: the counter has ended since `add` found it. The next `add` starts it again.
            if number is not None:
                return number

    def keys(self, prefix: str) -> NoReturn:  # noqa: ARG002  of the port
        """Always StoreCannotList."""
        raise StoreCannotList(
            "memcached keeps no list of what is in it",
            hint="name the person, with --person; or restart memcached, and every login has ended",
        )

    @unavailable("inspect")
    def warnings(self) -> list[Finding]:
        """Warnings that say whether a server may evict live records, or has done so."""
        return list(self._warnings())

    # --- inside --------------------------------------------------------------------------

    def _warnings(self) -> Iterator[Finding]:
        cure = "give it more memory (-m), and -M, with which it refuses new records instead"
        memory = []
        for server in self._servers:
            where = f"memcached at {server.address}"
            settings = server.ask(methodcaller("stats", "settings"))
            stats = server.ask(methodcaller("stats"))
            if self._has_password and settings.get(b"auth_enabled_ascii") == b"no":
                yield warning(where, f"{where} asks nobody for a password", "start it with -Y")
            if settings.get(b"evictions") == b"off":
                continue
            # A proxy in front of memcached may not report its memory.
            memory.append(int(stats.get(b"limit_maxbytes", sys.maxsize)))
            if stats.get(b"evictions"):
                evicted = int(stats[b"evictions"])
                yield warning(where, f"{where} has dropped {evicted:,} live records to make room", cure)
        room = len(self._servers) * min(memory, default=0) // _BYTES_PER_LOGIN
        if memory and room < _ENOUGH_LOGINS:
            cause = f"memcached has room for about {room:,} logins, and then drops live ones"
            yield warning("memcached", cause, cure)

    def _add(self, key: str, stored: bytes, lifetime: timedelta) -> bool:
        expiry = self._expiry(lifetime)
        return bool(self._ask(key, "add", stored, expire=expiry))

    def _server(self, key: str) -> _Server:
        return self._servers[zlib.crc32(key.encode()) % len(self._servers)]

    def _ask(self, key: str, command: str, *arguments: object, **options: object) -> Any:
        """The answer to a command of pymemcache's client about `key`."""
        return self._server(key).ask(methodcaller(command, self._prefix + key, *arguments, **options))

    def _expiry(self, lifetime: timedelta) -> int:
        """In seconds from now where memcached allows it: its clock may differ from ours."""
        seconds = whole_seconds(lifetime)
        return seconds if seconds <= _MAX_RELATIVE_EXPIRY else int(self._now()) + seconds


class _Server:
    """One server, and the connections to it."""

    def __init__(
        self, address: str, *, timeout: float, tls: ssl.SSLContext | None, login: bytes | None
    ) -> None:
        """`login`: "user password"; None for a server that needs none."""
        self.address = address
        self._login = login
        self._connections = ObjectPool(
            lambda: Client(
                address,
                # Without it, Nagle's algorithm and delayed acknowledgements add 40 ms to each write.
                no_delay=True,
                default_noreply=False,
                connect_timeout=timeout,
                timeout=timeout,
                tls_context=tls,
            ),
            after_remove=lambda client: client.close(),
            idle_timeout=_IDLE_TIMEOUT,
        )

    def ask(self, command: Callable[[Any], Any]) -> Any:
        """The answer to a command; repeated for each idle connection that the server has closed."""
        for _ in self._connections.free:
            try:
                return self._ask_once(command)
            except _STALE:
                continue
        return self._ask_once(command)

    def _ask_once(self, command: Callable[[Any], Any]) -> Any:
        with self._connections.get_and_release(destroy_on_fail=True) as client:
            if self._login is not None and client.sock is None:
                # A new connection logs in first (protocol.txt, "Authentication"): a `set` of any key with
                # "user password" as its value. The negative expiry matters for a server without -Y, which
                # would otherwise store the password for every client to read.
                client.set("login", self._login, expire=-1)
            return command(client)
