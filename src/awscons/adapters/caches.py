"""cachelib's caches, set up so that they can be trusted with logins.

JSON instead of pickle everywhere (reading a pickle runs it), an atomic `add` everywhere (consumed once
means once), bounded waits, and no silent dropping of live records.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
import struct
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import platformdirs
from cachelib import FileSystemCache, MemcachedCache, RedisCache, SimpleCache
from cachelib.serializers import JSONSerializer

from awscons.adapters.record_store import RecordCache
from awscons.adapters.sqlite_cache import SqliteCache
from awscons.config.schema import (
    Backing,
    DynamoDBBacking,
    FileSystemBacking,
    MemcachedBacking,
    RedisBacking,
    SimpleBacking,
    SqliteBacking,
)
from awscons.errors import ConfigurationError, Mistake, StoreCannotList

_STORE_TIMEOUT = 2.0
"""Seconds to wait for a store across the network, to connect or to answer."""
_MEMORY_SWEEP_INTERVAL = 60.0
"""Seconds between sweeps of ended records in the memory of a process."""
_SWEEP_INTERVAL = 600.0
"""Seconds between sweeps of ended records in a folder."""

_PLAIN_KEY = re.compile(r"(?=.{1,200}$)[a-z]+(:[0-9a-z]+)+", re.ASCII)


class _Json(JSONSerializer):
    """cachelib's JSON serializer, which takes a missing value for a damaged one."""

    def loads(self, bvalue: str | bytes | bytearray | None, *args: Any, **kwargs: Any) -> Any:
        return None if bvalue is None else super().loads(bvalue, *args, **kwargs)

    def load(self, f: IO[bytes], *args: Any, **kwargs: Any) -> Any:
        return self.loads(f.read(), *args, **kwargs)


class JsonSimpleCache(SimpleCache):
    """Memory of one process.

    cachelib drops live records above 500, and then looks through all of them at each write. Here only a
    `threshold` that the configuration names does that; ended records are swept now and then.
    """

    serializer: Any = _Json()

    def __init__(self, *, threshold: int) -> None:
        super().__init__(threshold=threshold or sys.maxsize)
        self._swept_at = time.time()

    def _prune(self) -> None:
        now = time.time()
        if now - self._swept_at > _MEMORY_SWEEP_INTERVAL:
            self._swept_at = now
            self._remove_expired(now)
        super()._prune()

    def count(self, key: str, timeout: int) -> int:
        """One more under `key`, which ends `timeout` seconds after the first."""
        with self._lock:
            ends_at, value = self._cache.get(key, (0.0, None))
            if value is None or ends_at <= time.time():
                self.set(key, 1, timeout)
                return 1
            number = int(self.serializer.loads(value)) + 1
            self._cache[key] = (ends_at, self.serializer.dumps(number))
            return number

    def keys(self, prefix: str) -> Iterator[str]:  # noqa: ARG002  of the protocol
        """Not from another process, which is who asks."""
        raise StoreCannotList(
            "SimpleCache keeps logins in the memory of the running service",
            hint="restart the service, and every login has ended",
        )


class JsonRedisCache(RedisCache):
    """Redis; `add` is one command, so that a lifetime can never be missing."""

    serializer: Any = _Json()

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


class JsonFileSystemCache(FileSystemCache):
    """A folder of files; `add` holds a lock, and ended records are swept.

    cachelib takes every file that cannot be read for an absent one, and tries for sixteen seconds
    first. For a replay memory that is a yes to everything, so here only a missing file is absent.
    """

    serializer: Any = _Json()

    def __init__(self, cache_dir: str, *, threshold: int, mode: int) -> None:
        super().__init__(cache_dir, threshold=threshold, mode=mode)
        # Beside the folder, not in it: cachelib takes every file in there for one of its own.
        self._lock_path = f"{cache_dir.rstrip('/')}.lock"
        self._swept_at = time.time()

    def get(self, key: str) -> Any:
        """The value under `key`, or None. Raises OSError when the file cannot be read."""
        try:
            with open(self._get_filename(key), "rb") as file:  # noqa: PTH123  as cachelib has it
                return self.serializer.load(file) if self._is_live(file) else None
        except FileNotFoundError:
            return None

    def has(self, key: str) -> bool:
        """Whether a live value stands under `key`. Raises OSError when the file cannot be read."""
        try:
            with open(self._get_filename(key), "rb") as file:  # noqa: PTH123  as cachelib has it
                return self._is_live(file)
        except FileNotFoundError:
            return False

    def add(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        """Keep `value` unless a live one is there; processes take turns."""
        with self._turn():
            return not self.has(key) and self.set(key, value, timeout)

    def set(
        self,
        key: str,
        value: Any,
        timeout: int | timedelta | None = None,
        mgmt_element: bool = False,  # noqa: FBT001, FBT002  cachelib's own signature
    ) -> bool:
        """Keep `value`; now and then, remove what has ended. Raises OSError when it cannot be written."""
        if not mgmt_element and time.time() - self._swept_at > _SWEEP_INTERVAL:
            self._swept_at = time.time()
            self._remove_expired(self._swept_at)
        if not super().set(key, value, timeout, mgmt_element):
            raise OSError(f"no file could be written in {self._path}")
        return True

    def delete(self, key: str, mgmt_element: bool = False) -> bool:  # noqa: FBT001, FBT002  as above
        """Forget the value under `key`. Raises OSError when its file cannot be removed."""
        try:
            os.remove(self._get_filename(key))  # noqa: PTH107  as cachelib has it
        except FileNotFoundError:
            return False
        if not mgmt_element:
            self._update_count(delta=-1)
        return True

    def count(self, key: str, timeout: int) -> int:
        """One more under `key`; processes take turns. It ends `timeout` seconds after the last."""
        with self._turn():
            number = int(self.get(key) or 0) + 1
            self.set(key, number, timeout)
            return number

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of live values that begin with `prefix`."""
        for path in Path(self._path).glob(f"{prefix.replace(':', '-')}*"):
            key = path.name.replace("-", ":")
            if _PLAIN_KEY.fullmatch(key) and self.has(key):
                yield key

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """While other processes wait."""
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _get_filename(self, key: str) -> str:
        """Keys of ours can be read off their file's name; others become a hash, as cachelib has it."""
        if _PLAIN_KEY.fullmatch(key):
            return os.path.join(self._path, key.replace(":", "-"))  # noqa: PTH118  as cachelib has it
        return str(super()._get_filename(key))

    @staticmethod
    def _is_live(file: IO[bytes]) -> bool:
        """Whether the record's end, four bytes at its begin, lies ahead. Leaves `file` at the value."""
        head = file.read(4)
        if len(head) != 4:  # noqa: PLR2004  an unsigned int, as cachelib writes it
            raise OSError("a record without its head")
        (ends_at,) = struct.unpack("I", head)
        return bool(ends_at == 0 or ends_at >= time.time())

    def _run_safely(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Once: the retries of cachelib are for file systems of Windows."""
        return fn(*args, **kwargs)


class CountingMemcachedCache(MemcachedCache):
    """Memcached, which keeps no list of its keys."""

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


class FixedServers:
    """Several memcached servers, each key at one of them for good.

    A client that moves keys when a server is away forgets what was used, and lets it be used again.
    Here the keys of a server that is away are an error, and all others work on.
    """

    def __init__(self, clients: Sequence[Any]) -> None:
        self._clients = clients

    def _client(self, key: str) -> Any:
        return self._clients[zlib.crc32(key.encode()) % len(self._clients)]

    def get(self, key: str) -> Any:
        """The value under `key`, or None."""
        return self._client(key).get(key)

    def get_multi(self, keys: Sequence[str]) -> dict[str, Any]:
        """The values under those of `keys` that have one; one question to each server."""
        found: dict[str, Any] = {}
        by_client: dict[int, list[str]] = {}
        for key in keys:
            by_client.setdefault(zlib.crc32(key.encode()) % len(self._clients), []).append(key)
        for number, its_keys in by_client.items():
            found |= self._clients[number].get_many(its_keys)
        return found

    def incr(self, key: str, delta: int) -> int | None:
        """Add to a number; None when there is none."""
        number: int | None = self._client(key).incr(key, delta)
        return number

    def set(self, key: str, value: object, expire: int) -> bool:
        """Keep `value`; `expire` is Unix time."""
        return bool(self._client(key).set(key, value, expire))

    def add(self, key: str, value: object, expire: int) -> bool:
        """Keep `value` unless there is one; `expire` is Unix time."""
        return bool(self._client(key).add(key, value, expire))

    def delete(self, key: str) -> bool:
        """Forget the value under `key`; whether there was one."""
        return bool(self._client(key).delete(key))


def build_cache(backing: Backing, *, environment: Mapping[str, str]) -> RecordCache:
    """The cache that the configuration names. A server across the network is first asked when needed.

    environment   of the process; `STATE_DIRECTORY` (systemd's) is where the embedded store lies
    Raises ConfigurationError when its library is not installed, or its file or folder cannot be used.
    """
    match backing:
        case SqliteBacking():
            return _sqlite(sqlite_path(backing, environment), most_megabytes=backing.most_megabytes)
        case SimpleBacking():
            return JsonSimpleCache(threshold=backing.threshold)
        case FileSystemBacking():
            return _file_system(backing)
        case RedisBacking():
            return _redis(backing)
        case MemcachedBacking():
            return _memcached(backing)
        case DynamoDBBacking():
            return _dynamodb(backing)


def sqlite_path(backing: SqliteBacking, environment: Mapping[str, str]) -> Path:
    """Where the embedded store lies."""
    return Path(backing.path) if backing.path else state_folder(backing, environment) / "logins.sqlite3"


def state_folder(backing: Backing, environment: Mapping[str, str]) -> Path:
    """Where files of ours lie: beside the embedded store, else where systemd or the user's home has them."""
    if isinstance(backing, SqliteBacking) and backing.path is not None:
        return Path(backing.path).parent
    state = environment.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(state) if state else platformdirs.user_state_path("awscons")


def _sqlite(path: Path, *, most_megabytes: int) -> RecordCache:
    cache = SqliteCache(path, most_megabytes=most_megabytes)
    try:
        cache.prepare()
    except (OSError, ValueError, sqlite3.Error) as error:
        found = f"{str(path)!r}: {_reason(error)}"
        raise _mistake("path", found, "a file that this user can make and write") from None
    return cache


def _reason(error: Exception) -> str:
    """The error in a few words."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def _file_system(backing: FileSystemBacking) -> RecordCache:
    try:
        cache = JsonFileSystemCache(backing.cache_dir, threshold=backing.threshold, mode=backing.mode)
        cache.add("probe", {}, timeout=1)
        cache.delete("probe")
    except (OSError, ValueError) as error:
        found = f"{backing.cache_dir!r}: {_reason(error)}"
        raise _mistake("cache_dir", found, "a folder that this user can make and write") from None
    return cache


def _redis(backing: RedisBacking) -> RecordCache:
    try:
        # Only where it is asked for, since it is optional.
        import redis  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError:
        raise _library_missing("redis") from None
    options: dict[str, Any] = {"ssl": True, "ssl_ca_certs": backing.ssl_ca_certs} if backing.ssl else {}
    client = redis.Redis(
        host=backing.host,
        port=backing.port,
        db=backing.db,
        username=backing.username,
        password=backing.password,
        socket_timeout=_STORE_TIMEOUT,
        socket_connect_timeout=_STORE_TIMEOUT,
        health_check_interval=30,
        # Once more and at once, for a connection that went stale; the library's own patience is half a
        # minute. A server that hangs has had its time and is not asked again.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        **options,
    )
    return JsonRedisCache(client, key_prefix=backing.key_prefix)


def _memcached(backing: MemcachedBacking) -> RecordCache:
    try:
        from pymemcache.client.base import PooledClient  # noqa: PLC0415  as above
    except ImportError:
        raise _library_missing("memcached") from None
    clients = [
        PooledClient(
            server,
            # Without it, Nagle's algorithm and delayed acknowledgement add 40 ms to each write.
            no_delay=True,
            default_noreply=False,
            connect_timeout=_STORE_TIMEOUT,
            timeout=_STORE_TIMEOUT,
            serializer=_memcached_dump,
            deserializer=_memcached_load,
        )
        for server in backing.servers
    ]
    return CountingMemcachedCache(FixedServers(clients), key_prefix=backing.key_prefix)


def _dynamodb(backing: DynamoDBBacking) -> RecordCache:
    # Late: it brings boto3's resources, and the clients' descriptions of a service.
    from awscons.adapters.dynamodb_cache import JsonDynamoDbCache  # noqa: PLC0415  see above

    return JsonDynamoDbCache(
        table_name=backing.table_name,
        key_prefix=backing.key_prefix,
        region_name=backing.region_name,
        endpoint_url=backing.endpoint_url,
        timeout=_STORE_TIMEOUT,
    )


def _memcached_dump(_key: str, value: object) -> tuple[bytes, int]:
    return json.dumps(value).encode(), 0


def _memcached_load(_key: str, value: bytes, _flags: int) -> object:
    return json.loads(value)


def _library_missing(extra: str) -> ConfigurationError:
    found = f"{extra}, for which no library is installed"
    return _mistake("cache_type", found, f"the library: pip install 'awscons[{extra}]'")


def _mistake(key: str, found: str, wanted: str) -> ConfigurationError:
    mistake = Mistake(f"session_config.session_backing.{key}", found, wanted)
    return ConfigurationError("the store of logins", [mistake])
