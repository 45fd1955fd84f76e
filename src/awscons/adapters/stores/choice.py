"""Which store: opens the one that the configuration names, and asks its server for warnings.

Also where the service's own files are. The stores themselves are in the modules beside this one.
"""

from __future__ import annotations

import os
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from awscons.adapters.stores.file_store import FileStore
from awscons.adapters.stores.memory_store import MemoryStore
from awscons.adapters.stores.sqlite_store import SqliteStore
from awscons.config.file_access import group_can_write, refuse_if_open
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
from awscons.errors import ConfigurationError, Mistake, StoreUnavailable
from awscons.findings import Finding, Severity, warning
from awscons.store import RecordStore

if TYPE_CHECKING:
    from awscons.adapters.stores.dynamodb_store import DynamoDbStore
    from awscons.adapters.stores.memcached_store import MemcachedStore
    from awscons.adapters.stores.redis_store import RedisStore

_BACKING = "session_config.session_backing"
_TIMEOUT = 2.0
"""Seconds to wait for a store across the network: for a connection, and for each answer."""


def open_store(
    backing: Backing, *, environment: Mapping[str, str], now: Callable[[], float] = time.time
) -> RecordStore:
    """The store that the configuration names.

    A file or folder is made and tried here, so that a service that cannot store logins does not start.
    A server across the network is first asked when it is needed.

    environment   of the process; for `STATE_DIRECTORY`, see `state_folder`
    now           Unix time in seconds; Redis and memcached use their own clocks
    Raises ConfigurationError when the store's library is not installed, or its file or folder cannot be
    used; StoreUnavailable when a DynamoDB table is missing and cannot be created.
    """
    match backing:
        case SqliteBacking():
            path = sqlite_path(backing, environment)
            return _open_sqlite(SqliteStore(path, max_megabytes=backing.max_size_mb, now=now), path)
        case SimpleBacking():
            return MemoryStore(threshold=backing.threshold, now=now)
        case FileSystemBacking():
            return _open_folder(backing, now)
        case RedisBacking():
            return _open_redis(backing)
        case MemcachedBacking():
            return _open_memcached(backing, now)
        case DynamoDBBacking():
            return _open_dynamodb(backing, now)


def store_warnings(backing: Backing, *, ask_aws: bool = False) -> list[Finding]:
    """Warnings about a Redis or memcached server that may evict live logins, and about a missing DynamoDB table.

    Does not touch files: a file that an operator makes here would not belong to the service's user.
    DynamoDB is asked only with `ask_aws`, and no table is made; AWS's own settings are read either way.
    Raises ConfigurationError as `open_store` does, StoreUnavailable when the server does not take records.
    """
    match backing:
        case RedisBacking():
            store: RedisStore | MemcachedStore | DynamoDbStore = _open_redis(backing)
        case MemcachedBacking():
            store = _open_memcached(backing, time.time)
        case DynamoDBBacking():
            store = _open_dynamodb(backing, time.time, create=False)
            if not ask_aws:
                return []
        case _:
            return []
    try:
        # A write, because a replica or a user with read permission would answer everything else.
        store.set("probe", {}, lifetime=timedelta(seconds=1))
        return store.warnings()
    except StoreUnavailable as error:
        hint = error.hint
        if "ResourceNotFoundException" in str(error):
            cause = "the table of DynamoDB does not exist, or not in this region"
            return [warning(f"{_BACKING}.table_name", cause, "the service creates it when it starts")]
        if (
            isinstance(backing, NetworkBacking)
            and backing.password
            and backing.password != backing.password.strip()
        ):
            hint += "; `password` begins or ends with white space, such as the line end of a file"
        raise StoreUnavailable(f"{backing.cache_type} does not take records: {error}", hint=hint) from None


def folder_errors(backing: Backing, environment: Mapping[str, str]) -> Iterator[Finding]:
    """What would keep this user from storing logins in a file or folder. Makes none, so it leaves no file of root's.

    A folder that systemd names in STATE_DIRECTORY may be missing: systemd makes it. Raises ConfigurationError for one
    that every user can write.
    """
    match backing:
        case SqliteBacking():
            file = sqlite_path(backing, environment)
            folder, key, is_named = file.parent, "path", backing.path is not None
        case FileSystemBacking():
            file = folder = Path(backing.cache_dir)
            key, is_named = "cache_dir", True
        case _:
            return
    for place, needed in ((folder, os.R_OK | os.W_OK | os.X_OK), (file, os.R_OK | os.W_OK)):
        refuse_if_open(f"{_BACKING}.{key}", place)
        if os.access(place, os.F_OK) and not os.access(place, needed):
            cause = f"{place} cannot be read and written by this user"
            yield Finding(
                Severity.ERROR, f"{_BACKING}.{key}", cause, "change its owner to the service's user"
            )
            return
        if os.access(place, os.F_OK) and (by_group := group_can_write(place)) is not None:
            yield by_group
    if os.access(folder, os.F_OK) or (not is_named and environment.get("STATE_DIRECTORY")):
        return
    existing = next(parent for parent in folder.absolute().parents if os.access(parent, os.F_OK))
    if not os.access(existing, os.W_OK | os.X_OK):
        cause = f"this user finds no folder {folder}, and cannot make it"
        severity = Severity.ERROR if is_named else Severity.WARNING
        cure = (
            "install -d --owner=USER --mode=0700 FOLDER; under systemd, set STATE_DIRECTORY for this command"
        )
        yield Finding(severity, f"{_BACKING}.{key}", cause, cure)


def sqlite_path(backing: SqliteBacking, environment: Mapping[str, str]) -> Path:
    """The file of the embedded store."""
    return Path(backing.path) if backing.path else state_folder(backing, environment) / "logins.sqlite3"


def state_folder(backing: Backing, environment: Mapping[str, str]) -> Path:
    """The folder for files of the service.

    It is the folder of the embedded store's `path` where the configuration names one, else systemd's
    `STATE_DIRECTORY`, else the user's state folder. Raises ConfigurationError if every user of the host can write it.
    """
    if isinstance(backing, SqliteBacking) and backing.path is not None:
        return Path(backing.path).parent
    state = environment.get("STATE_DIRECTORY", "").split(":")[0]
    try:
        folder = Path(state) if state else platformdirs.user_state_path("awscons")
    except RuntimeError:
        # A container's user may have neither a name nor HOME.
        mistake = Mistake(
            "STATE_DIRECTORY",
            "not set, and neither HOME nor the list of users names a home folder",
            "a folder that this user can write, in the environment variable STATE_DIRECTORY",
        )
        raise ConfigurationError("state folder", [mistake]) from None
    refuse_if_open("STATE_DIRECTORY" if state else "state folder", folder)
    return folder


def pid_file(backing: Backing, environment: Mapping[str, str]) -> Path:
    """The file in which `awscons serve` says its process id. Raises ConfigurationError, as `state_folder` does."""
    runtime = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return (Path(runtime) if runtime else state_folder(backing, environment)) / "awscons.pid"


# --- each kind of store ------------------------------------------------------------------


def _open_sqlite(store: SqliteStore, path: Path) -> SqliteStore:
    for place in (path.parent, path):
        refuse_if_open(f"{_BACKING}.path", place)
    try:
        store.prepare()
    except (OSError, ValueError, sqlite3.Error) as error:
        found = f"{str(path)!r}: {_reason(error)}"
        raise _mistake("path", found, "a file that this user can make and write") from None
    return store


def _open_folder(backing: FileSystemBacking, now: Callable[[], float]) -> FileStore:
    folder = Path(backing.cache_dir)
    refuse_if_open(f"{_BACKING}.cache_dir", folder)
    store = FileStore(folder, threshold=backing.threshold, mode=backing.mode, now=now)
    try:
        store.prepare()
    except (OSError, ValueError) as error:
        found = f"{backing.cache_dir!r}: {_reason(error)}"
        raise _mistake("cache_dir", found, "a folder that this user can make and write") from None
    return store


# The next three import their libraries late: redis-py and pymemcache are optional, botocore's client is slow
# to import.


def _open_redis(backing: RedisBacking) -> RedisStore:
    try:
        from awscons.adapters.stores.redis_store import open_redis_store  # noqa: PLC0415  see above
    except ImportError:
        raise _library_missing("redis") from None
    with _settings_of_aws("iam_cache_name", region="iam_region_name"):
        return open_redis_store(backing, timeout=_TIMEOUT, tls=_tls(backing))


def _open_memcached(backing: MemcachedBacking, now: Callable[[], float]) -> MemcachedStore:
    try:
        from awscons.adapters.stores.memcached_store import MemcachedStore  # noqa: PLC0415  see above
    except ImportError:
        raise _library_missing("memcached") from None
    return MemcachedStore(backing, timeout=_TIMEOUT, tls=_tls(backing), now=now)


def _open_dynamodb(
    backing: DynamoDBBacking, now: Callable[[], float], *, create: bool = True
) -> DynamoDbStore:
    from awscons.adapters.stores.dynamodb_store import open_dynamodb_store  # noqa: PLC0415  see above

    with _settings_of_aws("cache_type", region="region_name"):
        return open_dynamodb_store(backing, timeout=_TIMEOUT, now=now, create=create)


@contextmanager
def _settings_of_aws(key: str, *, region: str) -> Iterator[None]:
    """Turn what botocore finds in AWS's own settings into ConfigurationError, about one of these keys."""
    from botocore.exceptions import BotoCoreError, NoRegionError  # noqa: PLC0415  see above

    try:
        yield
    except NoRegionError:
        raise _mistake(region, "nothing, and no region in AWS's own settings", "a region") from None
    except BotoCoreError as error:
        wanted = "AWS settings and credentials of the service: its AWS_PROFILE and files, or its role"
        raise _mistake(key, f"it needs AWS, and botocore says: {error}", wanted) from None


def _tls(backing: NetworkBacking) -> ssl.SSLContext | None:
    """TLS as the configuration has it, None where it has none. Raises ConfigurationError."""
    if not backing.has_tls:
        return None
    key, file = "ssl_ca_certs", backing.ssl_ca_certs
    wanted = "PEM certificates that this user may read"
    try:
        # With `cafile`, Python trusts these certificates alone; without, the system's.
        context = ssl.create_default_context(cafile=file)
        if backing.ssl_certfile is not None:
            key, file = "ssl_certfile", backing.ssl_certfile
            wanted = "a PEM certificate with its key, in it or in `ssl_keyfile`, that this user may read"
            # An encrypted key is an error; without a password here, Python would ask on the terminal.
            context.load_cert_chain(file, backing.ssl_keyfile, password=lambda: "")
    except (OSError, ValueError) as error:
        raise _mistake(key, f"{file!r}: {_reason(error)}", wanted) from None
    return context


# --- mistakes ----------------------------------------------------------------------------


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def _library_missing(extra: str) -> ConfigurationError:
    found = f"{extra}, for which no library is installed"
    return _mistake("cache_type", found, f"the library: pip install 'awscons[{extra}]'")


def _mistake(key: str, found: str, wanted: str) -> ConfigurationError:
    mistake = Mistake(f"{_BACKING}.{key}", found, wanted)
    return ConfigurationError("the store of logins", [mistake])
