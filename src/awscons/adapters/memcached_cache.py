"""Memcached as a store: each key at one server for good, TLS, a user and a password.

pymemcache knows neither how memcached's text protocol asks who we are, nor that a connection may have
ended while nobody used it. memcached can drop live values, so it is asked whether it does.
"""

from __future__ import annotations

import json
import ssl
import sys
import zlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from cachelib import MemcachedCache
from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheUnexpectedCloseError

from awscons.errors import StoreCannotList

_IDLE_TIMEOUT = 30
"""Seconds after which an unused connection is closed, before a firewall on the way forgets it."""
_MAX_RELATIVE = 30 * 24 * 3600
"""Seconds; memcached takes more for a time of day."""
_STALE = (MemcacheUnexpectedCloseError, ConnectionResetError, BrokenPipeError)

_BYTES_OF_A_LOGIN = 3_072
"""What one login takes of memcached's memory, everything that belongs to it together."""
_ENOUGH_LOGINS = 100_000


class FixedMemcachedCache(MemcachedCache):
    """Memcached servers, which keep no list of their keys."""

    def count(self, key: str, timeout: int) -> int:
        """One more under `key`, which ends `timeout` seconds after the first."""
        while True:
            if self.add(key, 1, timeout):
                return 1
            number: int | None = self._client.incr(self._normalize_key(key), 1)
            # It may have ended between the two; then it begins again.
            if number is not None:
                return number

    def keys(self, prefix: str) -> Iterator[str]:  # noqa: ARG002  of the protocol
        """Not here."""
        raise StoreCannotList(
            "memcached keeps no list of what is in it",
            hint="name the person, with --person; or restart memcached, and every login has ended",
        )

    def worries(self) -> Iterator[str]:
        """Whether live records may be lost, in sentences."""
        yield from self._client.worries()

    def _normalize_timeout(self, timeout: int | timedelta | None) -> int:
        """By memcached's own clock, which may differ from ours; cachelib gives it a time by ours."""
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        if seconds is not None and 0 < seconds <= _MAX_RELATIVE:
            return int(seconds)
        return int(super()._normalize_timeout(timeout))


class FixedServers:
    """One or several memcached servers, each key at one of them for good.

    A client that moves keys when a server is away forgets what was used, and lets it be used again.
    Here the keys of a server that is away are an error, and all others work on.
    """

    def __init__(
        self,
        servers: Sequence[str],
        *,
        timeout: float,
        tls: ssl.SSLContext | None,
        username: str | None,
        password: str | None,
    ) -> None:
        """`timeout`: seconds to wait for a server, to connect or to answer."""
        self._has_password = password is not None
        login = f"{username} {password}".encode() if username and password else None
        self._clients = [_build_client(server, timeout=timeout, tls=tls, login=login) for server in servers]

    def get(self, key: str) -> Any:
        """The value under `key`, or None."""
        return _ask(self._client(key), "get", key)

    def get_multi(self, keys: Sequence[str]) -> dict[str, Any]:
        """The values under those of `keys` that have one; one question to each server."""
        found: dict[str, Any] = {}
        by_client: dict[int, list[str]] = {}
        for key in keys:
            by_client.setdefault(self._number(key), []).append(key)
        for number, its_keys in by_client.items():
            found |= _ask(self._clients[number], "get_many", its_keys)
        return found

    def incr(self, key: str, delta: int) -> int | None:
        """Add to a number; None when there is none."""
        number: int | None = _ask(self._client(key), "incr", key, delta)
        return number

    def set(self, key: str, value: object, expire: int) -> bool:
        """Keep `value`; `expire` is in seconds, or Unix time."""
        return bool(_ask(self._client(key), "set", key, value, expire))

    def add(self, key: str, value: object, expire: int) -> bool:
        """Keep `value` unless there is one; `expire` is in seconds, or Unix time."""
        return bool(_ask(self._client(key), "add", key, value, expire))

    def delete(self, key: str) -> bool:
        """Forget the value under `key`; whether there was one."""
        return bool(_ask(self._client(key), "delete", key))

    def worries(self) -> Iterator[str]:
        """Whether live records may be lost, in sentences."""
        cure = "give it more memory (-m), and -M, with which it refuses new records instead"
        memory = []
        for client in self._clients:
            where = "memcached at {}:{}".format(*client.server)
            settings, stats = _ask(client, "stats", "settings"), _ask(client, "stats")
            if self._has_password and settings.get(b"auth_enabled_ascii") == b"no":
                yield f"{where} asks nobody for a password: start it with -Y"
            if settings.get(b"evictions") == b"off":
                continue
            # A proxy in front may not know.
            memory.append(int(stats.get(b"limit_maxbytes", sys.maxsize)))
            if stats.get(b"evictions"):
                yield f"{where} has dropped {int(stats[b'evictions']):,} live records to make room: {cure}"
        room = len(self._clients) * min(memory, default=0) // _BYTES_OF_A_LOGIN
        if memory and room < _ENOUGH_LOGINS:
            yield f"memcached has room for about {room:,} logins, and then drops live ones: {cure}"

    def _client(self, key: str) -> Any:
        return self._clients[self._number(key)]

    def _number(self, key: str) -> int:
        return zlib.crc32(key.encode()) % len(self._clients)


class _Connection(Client):  # type: ignore[misc]  # pymemcache has no types
    """A connection that says who we are before anything else, where memcached wants to know (`-Y`)."""

    def __init__(self, *arguments: Any, login: bytes | None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._login = login

    def _connect(self) -> None:
        super()._connect()
        if self._login is not None:
            # protocol.txt, "Authentication": a `set` of any key, with "user password" for a value. It ends
            # before it begins (-1), since a server that asks nobody would keep it for everybody to read.
            command = b"set login 0 -1 %d\r\n%s\r\n" % (len(self._login), self._login)
            self._misc_cmd([command], b"set", noreply=False)


def _build_client(
    server: str, *, timeout: float, tls: ssl.SSLContext | None, login: bytes | None
) -> PooledClient:
    client = PooledClient(
        server,
        # Without it, Nagle's algorithm and delayed acknowledgement add 40 ms to each write.
        no_delay=True,
        default_noreply=False,
        connect_timeout=timeout,
        timeout=timeout,
        pool_idle_timeout=_IDLE_TIMEOUT,
        serializer=_dump,
        deserializer=_load,
        tls_context=tls,
    )
    client.client_class = partial(_Connection, login=login)
    return client


def _ask(client: PooledClient, command: str, *arguments: object) -> Any:
    """What the server answers; asked again for each connection that ended while nobody used it."""
    for _ in client.client_pool.free:
        try:
            return getattr(client, command)(*arguments)
        except _STALE:
            continue
    return getattr(client, command)(*arguments)


def _dump(_key: str, value: object) -> tuple[bytes, int]:
    return json.dumps(value).encode(), 0


def _load(_key: str, value: bytes, _flags: int) -> object:
    return json.loads(value)
