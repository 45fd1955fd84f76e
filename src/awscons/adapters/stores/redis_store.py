"""Redis, RedisCache: a Redis or Valkey server, shared by any number of hosts."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, SSLConnection
from redis.retry import Retry

from awscons.adapters.stores.failures import unavailable
from awscons.adapters.stores.record_json import decode_record, encode_record, whole_seconds
from awscons.config.schema import RedisBacking
from awscons.findings import Finding, warning
from awscons.store import Record

_HEALTH_CHECK_INTERVAL = 30
"""Seconds that a connection may be idle; after that it is tested before it is used."""


class RedisStore:
    """See `RecordStore`. Safe for many threads; redis-py makes new connections after a fork."""

    def __init__(self, client: redis.Redis, *, key_prefix: str) -> None:
        """`key_prefix` comes before every key, so that several services can share a server."""
        # Any, because redis-py types every answer as "this, or an awaitable of this".
        self._client: Any = client
        self._prefix = key_prefix

    @unavailable("get")
    def get(self, key: str) -> Record | None:
        return decode_record(key, _read(self._client, self._prefix + key))

    @unavailable("get")
    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        stored = self._client.mget([self._prefix + key for key in keys]) if keys else []
        return [decode_record(key, value) for key, value in zip(keys, stored, strict=True)]

    @unavailable("set")
    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        self._client.set(self._prefix + key, encode_record(record), ex=whole_seconds(lifetime))

    @unavailable("add")
    def add(self, key: str, record: Record, *, lifetime: timedelta) -> bool:
        """One command (SET NX EX), so that no record can be left without a lifetime."""
        seconds = whole_seconds(lifetime)
        return bool(self._client.set(self._prefix + key, encode_record(record), nx=True, ex=seconds))

    @unavailable("replace")
    def replace(self, key: str, expected: Record | None, record: Record, *, lifetime: timedelta) -> bool:
        """After WATCH, the server refuses the transaction if anyone wrote the key."""
        name = self._prefix + key
        with self._client.pipeline(transaction=True) as transaction:
            transaction.watch(name)
            if decode_record(key, _read(transaction, name)) != expected:
                return False
            transaction.multi()
            transaction.set(name, encode_record(record), ex=whole_seconds(lifetime))
            try:
                transaction.execute()
            except redis.WatchError:
                return False
            return True

    @unavailable("delete")
    def delete(self, key: str) -> None:
        self._client.delete(self._prefix + key)

    @unavailable("count")
    def count(self, key: str, *, lifetime: timedelta) -> int:
        """One transaction, so that no counter can be left without a lifetime."""
        name = self._prefix + key
        with self._client.pipeline(transaction=True) as transaction:
            transaction.set(name, 0, nx=True, ex=whole_seconds(lifetime))
            transaction.incr(name)
            return int(transaction.execute()[-1])

    @unavailable("list")
    def keys(self, prefix: str) -> Iterator[str]:
        """SCAN works in portions and does not block the server; it may repeat a key."""
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", self._prefix + prefix) + "*"
        names = set(self._client.scan_iter(match=pattern, count=1_000))
        return iter([name.decode(errors="replace").removeprefix(self._prefix) for name in names])

    @unavailable("inspect")
    def warnings(self) -> list[Finding]:
        """Warnings that say whether the server may evict live records, or has done so.

        Raises StoreUnavailable for a node of a Redis Cluster, which may have accepted one key and refuses the next.
        """
        try:
            if self._client.info("server").get("redis_mode") == "cluster":
                raise redis.exceptions.ClusterError("redis_mode is cluster: MOVED")
            memory, stats = self._client.info("memory"), self._client.info("stats")
        except redis.exceptions.NoPermissionError:
            return [
                warning("Redis", "Redis does not say whether it drops live logins", "allow INFO to this user")
            ]
        found = []
        policy, cure = memory.get("maxmemory_policy"), "set its maxmemory-policy to noeviction"
        if stats.get("evicted_keys"):
            evicted = f"Redis has dropped {stats['evicted_keys']:,} live records to make room"
            found.append(warning("Redis", evicted, cure))
        if memory.get("maxmemory") and policy != "noeviction":
            room = f"{memory['maxmemory'] / 1_048_576:,.0f} MiB"
            cause = f"Redis drops live logins when its {room} are full (maxmemory-policy {policy})"
            found.append(warning("Redis", cause, cure))
        return found


def open_redis_store(backing: RedisBacking, *, timeout: float, tls: ssl.SSLContext | None) -> RedisStore:
    """The store on the configured server; connects when it is first used.

    timeout   seconds to wait for a connection, and for each answer
    tls       None for a connection without TLS
    """
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
        # One immediate retry, for an idle connection that the server has closed. redis-py's own retries
        # take up to half a minute. A timeout is not retried: the server has had its time.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
    return RedisStore(redis.Redis(connection_pool=pool), key_prefix=backing.key_prefix)


def _read(client: Any, name: str) -> bytes | None:
    """What is under `name`; b"" when it is a list, a set or another type that is not text."""
    try:
        stored: bytes | None = client.get(name)
    except redis.ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            return b""
        raise
    return stored


class _TlsConnection(SSLConnection):
    """A TLS connection that uses our SSLContext.

    redis-py has no option for a context, and adds `ssl_ca_certs` to the system's certificates; a configured
    authority must be the only one that is trusted. So this overrides a private method, and pyproject.toml
    has an upper bound for redis-py. If the method is renamed, connections to such a server fail.
    """

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self._tls = tls

    def _wrap_socket_with_ssl(self, sock: Any) -> ssl.SSLSocket:
        return self._tls.wrap_socket(sock, server_hostname=self.host)
