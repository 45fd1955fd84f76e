"""Redis, RedisCache, Valkey: a server, Sentinels or a Cluster, shared by any number of hosts.

Every operation is one command for one key, or one script for one key: so it is atomic in a Cluster as well, and one
retry after a lost connection cannot separate its parts.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import redis
from redis.cluster import RedisCluster

from awscons.adapters.stores.failures import unavailable
from awscons.adapters.stores.record_json import decode_record, encode_record, whole_seconds
from awscons.adapters.stores.redis_clients import client_opener
from awscons.config.schema import RedisBacking, RedisKind
from awscons.findings import Finding, warning
from awscons.store import Record

# WATCH would not do: in a Cluster redis-py repeats MULTI on a new connection, which watches nothing.
_REPLACE = """
local found = redis.pcall('GET', KEYS[1])
if type(found) == 'table' then found = '' end  -- a list, a set or another type that is not text
if found ~= (ARGV[1] == 'text' and ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[4])
return 1
"""
_COUNT = """
redis.call('SET', KEYS[1], 0, 'NX', 'EX', ARGV[1])
return redis.call('INCR', KEYS[1])
"""


class RedisStore:
    """See `RecordStore`. Safe for many threads; redis-py makes new connections after a fork."""

    def __init__(
        self,
        open_client: Callable[[], redis.Redis | RedisCluster],
        *,
        key_prefix: str,
        fails_over: bool = False,
    ) -> None:
        """The client is opened when it is first used.

        key_prefix   comes before every key, so that several services can share a server
        fails_over   whether a replica is to take the place of a server that is down
        """
        self._open_client = open_client
        self._opened: redis.Redis | RedisCluster | None = None
        self._prefix = key_prefix
        self._fails_over = fails_over

    @property
    def _client(self) -> Any:
        """Any, because redis-py types every answer as "this, or an awaitable of this"."""
        # Two threads may open one each at the same moment; neither waits for the other's time limits.
        if self._opened is None:
            self._opened = self._open_client()
        return self._opened

    @unavailable("get")
    def get(self, key: str) -> Record | None:
        return decode_record(key, _read(self._client, self._prefix + key))

    @unavailable("get")
    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        names = [self._prefix + key for key in keys]
        # A node of a Cluster takes the keys of one slot at a time.
        read = self._client.mget_nonatomic if isinstance(self._client, RedisCluster) else self._client.mget
        stored = read(names) if names else []
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
        """Compares JSON here, and in a script on the server the bytes that were compared."""
        name = self._prefix + key
        stored = _read(self._client, name)
        if decode_record(key, stored) != expected:
            return False
        before = ("none", b"") if stored is None else ("text", stored)
        return bool(
            self._client.eval(_REPLACE, 1, name, *before, encode_record(record), whole_seconds(lifetime))
        )

    @unavailable("delete")
    def delete(self, key: str) -> None:
        self._client.delete(self._prefix + key)

    @unavailable("count")
    def count(self, key: str, *, lifetime: timedelta) -> int:
        """One script, so that no counter can be left without a lifetime."""
        return int(self._client.eval(_COUNT, 1, self._prefix + key, whole_seconds(lifetime)))

    @unavailable("list")
    def keys(self, prefix: str) -> Iterator[str]:
        """SCAN works in portions and does not block the server; it may repeat a key."""
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", self._prefix + prefix) + "*"
        names = set(self._client.scan_iter(match=pattern, count=1_000))
        return iter([name.decode(errors="replace").removeprefix(self._prefix) for name in names])

    @unavailable("inspect")
    def warnings(self) -> list[Finding]:
        """Warnings that say whether a server may evict live records or has done so, or has no replica to fail over to.

        Raises StoreUnavailable for a node of a Redis Cluster, which may have accepted one key and refuses the next.
        """
        try:
            nodes = self._infos()
        except redis.exceptions.NoPermissionError:
            return [
                warning("Redis", "Redis does not say whether it drops live logins", "allow INFO to this user")
            ]
        found: list[Finding] = []
        for info in nodes:
            # Valkey's own name for it is server_mode.
            mode = info.get("redis_mode", info.get("server_mode"))
            if mode == "cluster" and not isinstance(self._client, RedisCluster):
                raise redis.exceptions.ClusterError("redis_mode is cluster: MOVED")
            found += _warnings_of(info)
        if self._fails_over and not all(info.get("connected_slaves", 1) for info in nodes):
            cause = "a master has no replica that could take its place: with it, live logins would be lost"
            found.append(warning("Redis", cause, "start a replica, or see why it is not connected"))
        return list(dict.fromkeys(found))

    def _infos(self) -> list[Mapping[str, Any]]:
        """What INFO says: of the server, or of each master of a Cluster."""
        client = self._client
        if isinstance(client, RedisCluster):
            nodes: Any = client.get_primaries()  # type: ignore[no-untyped-call]
            return [client.get_redis_connection(node).info() for node in nodes]
        return [client.info()]


def _warnings_of(info: Mapping[str, Any]) -> Iterator[Finding]:
    policy, cure = info.get("maxmemory_policy"), "set its maxmemory-policy to noeviction"
    if info.get("evicted_keys"):
        evicted = f"Redis has dropped {info['evicted_keys']:,} live records to make room"
        yield warning("Redis", evicted, cure)
    if info.get("maxmemory") and policy != "noeviction":
        room = f"{info['maxmemory'] / 1_048_576:,.0f} MiB"
        cause = f"Redis drops live logins when its {room} are full (maxmemory-policy {policy})"
        yield warning("Redis", cause, cure)


def open_redis_store(backing: RedisBacking, *, timeout: float, tls: ssl.SSLContext | None) -> RedisStore:
    """The store in the configured place; connects when it is first used.

    timeout   seconds to wait for a connection, and for each answer
    tls       None for a connection without TLS
    Raises BotoCoreError when ElastiCache tokens have no region or no credentials to be signed with.
    """
    opener = client_opener(backing, timeout=timeout, tls=tls)
    # A serverless cache shows nothing of its servers.
    fails_over = backing.place.kind in {RedisKind.SENTINEL, RedisKind.CLUSTER} and not backing.iam_serverless
    return RedisStore(opener, key_prefix=backing.key_prefix, fails_over=fails_over)


def _read(client: Any, name: str) -> bytes | None:
    """What is under `name`; b"" when it is a list, a set or another type that is not text."""
    try:
        stored: bytes | None = client.get(name)
    except redis.ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            return b""
        raise
    return stored
