"""Redis as a store: cachelib's cache with JSON values, an atomic `add`, and TLS that trusts whom it is told.

redis-py adds an authority that the configuration names to the system's; here it stands in their place.
Redis can be set up to drop live values, so it is asked whether it is.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import redis
from cachelib import RedisCache
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, SSLConnection
from redis.retry import Retry

from awscons.adapters.json_values import JsonValues
from awscons.config.schema import RedisBacking

_HEALTH_CHECK_INTERVAL = 30
"""Seconds without use after which a connection is tried before it is used."""


class JsonRedisCache(RedisCache):
    """Redis; `add` is one command, so that a lifetime can never be missing."""

    serializer: Any = JsonValues()

    def get(self, key: str) -> Any:
        """The value under `key`, or None. Raises ValueError when it is none of ours."""
        try:
            return super().get(key)
        except redis.ResponseError as error:
            # A list, a set or such, which is no more a store that is away than bad JSON is.
            if str(error).startswith("WRONGTYPE"):
                raise ValueError(str(error)) from None
            raise

    def add(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        """Keep `value` unless there is one (SET NX EX)."""
        return bool(
            self._write_client.set(
                name=f"{self._get_prefix()}{key}",
                value=self.serializer.dumps(value),
                nx=True,
                ex=self._normalize_timeout(timeout),
            )
        )

    def count(self, key: str, timeout: int) -> int:
        """One more under `key`, which ends `timeout` seconds after the first; one transaction."""
        name = f"{self._get_prefix()}{key}"
        with self._write_client.pipeline(transaction=True) as transaction:
            transaction.set(name, 0, nx=True, ex=timeout)
            transaction.incr(name)
            return int(transaction.execute()[-1])

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in portions, so that the server never stands still."""
        before = f"{self._get_prefix()}"
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", f"{before}{prefix}") + "*"
        for name in self._read_client.scan_iter(match=pattern, count=1_000):
            yield name.decode().removeprefix(before)

    def worries(self) -> Iterator[str]:
        """Whether live records may be lost, in sentences."""
        try:
            memory, stats = self._read_client.info("memory"), self._read_client.info("stats")
        except redis.exceptions.NoPermissionError:
            yield "Redis does not say whether it drops live logins: allow INFO to this user"
            return
        policy, cure = memory.get("maxmemory_policy"), "set its maxmemory-policy to noeviction"
        if stats.get("evicted_keys"):
            yield f"Redis has dropped {stats['evicted_keys']:,} live records to make room: {cure}"
        if memory.get("maxmemory") and policy != "noeviction":
            room = f"{memory['maxmemory'] / 1_048_576:,.0f} MiB"
            yield f"Redis drops live logins when its {room} are full (maxmemory-policy {policy}): {cure}"


class _TlsConnection(SSLConnection):
    """TLS by a context of ours."""

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls

    def _wrap_socket_with_ssl(self, sock: Any) -> ssl.SSLSocket:
        return self._tls.wrap_socket(sock, server_hostname=self.host)


def build_redis_cache(backing: RedisBacking, *, timeout: float, tls: ssl.SSLContext | None) -> JsonRedisCache:
    """The cache that the configuration names. `timeout`: seconds to wait, to connect or for an answer."""
    pool: Any = ConnectionPool(
        connection_class=partial(_TlsConnection, tls=tls) if tls else Connection,
        host=backing.host,
        port=backing.port,
        db=backing.db,
        username=backing.username,
        password=backing.password,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        health_check_interval=_HEALTH_CHECK_INTERVAL,
        # Once more and at once, for a connection that went stale; the library's own patience is half a
        # minute. A server that hangs has had its time and is not asked again.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
    return JsonRedisCache(redis.Redis(connection_pool=pool), key_prefix=backing.key_prefix)
