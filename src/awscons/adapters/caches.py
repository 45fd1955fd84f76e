"""cachelib's caches, set up so that they can be trusted with logins.

JSON instead of pickle everywhere (reading a pickle runs it), an atomic `add` everywhere (consumed once
means once), bounded waits, and no silent dropping of live records.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import ssl
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Protocol

import platformdirs
from cachelib import FileSystemCache, SimpleCache

from awscons.adapters.json_values import JsonValues
from awscons.adapters.record_store import STORE_HINT, RecordCache
from awscons.adapters.sqlite_cache import SqliteCache
from awscons.config.schema import (
    Backing,
    DynamoDBBacking,
    FileSystemBacking,
    MemcachedBacking,
    NetworkBacking,
    RedisBacking,
    SimpleBacking,
    SqliteBacking,
)
from awscons.errors import ConfigurationError, Mistake, StoreCannotList, StoreUnavailable

_STORE_TIMEOUT = 2.0
"""Seconds to wait for a store across the network, to connect or to answer."""
_MEMORY_SWEEP_INTERVAL = 60.0
"""Seconds between sweeps of ended records in the memory of a process."""
_SWEEP_INTERVAL = 600.0
"""Seconds between sweeps of ended records in a folder."""

_PLAIN_KEY = re.compile(r"(?=.{1,200}$)[a-z]+(:[0-9a-z]+)+", re.ASCII)


class JsonSimpleCache(SimpleCache):
    """Memory of one process.

    cachelib drops live records above 500, and then looks through all of them at each write. Here only a
    `threshold` that the configuration names does that; ended records are swept now and then.
    """

    serializer: Any = JsonValues()

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


class JsonFileSystemCache(FileSystemCache):
    """A folder of files; `add` holds a lock, and ended records are swept.

    cachelib takes every file that cannot be read for an absent one, and tries for sixteen seconds
    first. For a replay memory that is a yes to everything, so here only a missing file is absent.
    """

    serializer: Any = JsonValues()

    def __init__(self, cache_dir: str, *, threshold: int, mode: int) -> None:
        super().__init__(cache_dir, threshold=threshold, mode=mode)
        # Beside the folder, not in it: cachelib takes every file in there for one of its own.
        self._lock_path = f"{cache_dir.rstrip('/')}.lock"
        self._swept_at = time.time()

    def get(self, key: str) -> Any:
        """The value under `key`, or None. Raises OSError when the file cannot be read, ValueError."""
        try:
            with open(self._get_filename(key), "rb") as file:  # noqa: PTH123  as cachelib has it
                return self.serializer.load(file) if self._is_live(file) else None
        except FileNotFoundError:
            return None

    def has(self, key: str) -> bool:
        """Whether a live value stands under `key`. Raises OSError and ValueError as `get` does."""
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
            # A damaged one hides no other.
            with suppress(ValueError):
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
            raise ValueError("a record without its head")
        (ends_at,) = struct.unpack("I", head)
        return bool(ends_at == 0 or ends_at >= time.time())

    def _run_safely(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Once: the retries of cachelib are for file systems of Windows."""
        return fn(*args, **kwargs)


def build_cache(backing: Backing, *, environment: Mapping[str, str]) -> RecordCache:
    """The cache that the configuration names. A server across the network is first asked when needed.

    environment   of the process; `STATE_DIRECTORY` (systemd's) is where the embedded store lies
    Raises ConfigurationError when its library is not installed, or its file or folder cannot be used.
    """
    match backing:
        case SqliteBacking():
            return _sqlite(sqlite_path(backing, environment), max_size_mb=backing.max_size_mb)
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


class WatchedCache(RecordCache, Protocol):
    """A cache on a server that somebody else set up."""

    def worries(self) -> Iterator[str]:
        """Whether live records may be lost there, in sentences."""


def store_worries(backing: Backing) -> list[str]:
    """Whether the server that keeps logins takes them, and may lose some: what is to say, in sentences.

    Files are not touched: made by whoever asks, they would not be the service's. Nor is AWS asked.
    Raises ConfigurationError as `build_cache` does, StoreUnavailable when the server does not take records.
    """
    match backing:
        case RedisBacking():
            cache = _redis(backing)
        case MemcachedBacking():
            cache = _memcached(backing)
        case _:
            return []
    try:
        # A replica, or a user who may only read, would answer everything else.
        cache.set("probe", {}, timeout=1)
        return list(cache.worries())
    except Exception as error:  # noqa: BLE001  caches raise whatever their libraries do
        raise StoreUnavailable(
            f"{backing.cache_type} does not take records: {type(error).__name__}: {error}", hint=STORE_HINT
        ) from None


def sqlite_path(backing: SqliteBacking, environment: Mapping[str, str]) -> Path:
    """Where the embedded store lies."""
    return Path(backing.path) if backing.path else state_folder(backing, environment) / "logins.sqlite3"


def state_folder(backing: Backing, environment: Mapping[str, str]) -> Path:
    """Where files of ours lie: beside the embedded store, else where systemd or the user's home has them."""
    if isinstance(backing, SqliteBacking) and backing.path is not None:
        return Path(backing.path).parent
    state = environment.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(state) if state else platformdirs.user_state_path("awscons")


def _sqlite(path: Path, *, max_size_mb: int) -> RecordCache:
    cache = SqliteCache(path, max_size_mb=max_size_mb)
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


def _redis(backing: RedisBacking) -> WatchedCache:
    try:
        # Only where it is asked for, since its library is optional.
        from awscons.adapters.redis_cache import build_redis_cache  # noqa: PLC0415
    except ImportError:
        raise _library_missing("redis") from None
    return build_redis_cache(backing, timeout=_STORE_TIMEOUT, tls=_tls(backing))


def _memcached(backing: MemcachedBacking) -> WatchedCache:
    try:
        from awscons.adapters.memcached_cache import FixedMemcachedCache, FixedServers  # noqa: PLC0415  as above
    except ImportError:
        raise _library_missing("memcached") from None
    servers = FixedServers(
        backing.servers,
        timeout=_STORE_TIMEOUT,
        tls=_tls(backing),
        username=backing.username,
        password=backing.password,
    )
    return FixedMemcachedCache(servers, key_prefix=backing.key_prefix)


def _tls(backing: NetworkBacking) -> ssl.SSLContext | None:
    """TLS as the configuration has it; None: without. Raises ConfigurationError."""
    if not backing.ssl:
        return None
    key, file = "ssl_ca_certs", backing.ssl_ca_certs
    wanted = "PEM certificates that this user may read"
    try:
        # Either these or the system's: whoever names an authority of their own means that one alone.
        context = ssl.create_default_context(cafile=file)
        if backing.ssl_certfile is not None:
            key, file = "ssl_certfile", backing.ssl_certfile
            wanted = "a PEM certificate with its key, in it or in `ssl_keyfile`, that this user may read"
            # An encrypted key is an error, and no question at whatever terminal there may be.
            context.load_cert_chain(file, backing.ssl_keyfile, password=lambda: "")
    except (OSError, ValueError) as error:
        raise _mistake(key, f"{file!r}: {_reason(error)}", wanted) from None
    return context


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


def _library_missing(extra: str) -> ConfigurationError:
    found = f"{extra}, for which no library is installed"
    return _mistake("cache_type", found, f"the library: pip install 'awscons[{extra}]'")


def _mistake(key: str, found: str, wanted: str) -> ConfigurationError:
    mistake = Mistake(f"session_config.session_backing.{key}", found, wanted)
    return ConfigurationError("the store of logins", [mistake])
