"""SQLite: the embedded store, one database file for all processes of one host.

It needs no server, survives restarts, and each operation is one atomic statement in WAL mode.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from awscons.adapters.stores.failures import unavailable
from awscons.adapters.stores.record_json import decode_record, encode_record, whole_seconds
from awscons.store import Record

_BUSY_TIMEOUT = 5.0
"""Seconds to wait while another process writes."""
_SWEEP_INTERVAL = 60.0
"""Seconds between two sweeps of ended records."""
_PAGE_SIZE = 4_096
"""Bytes; SQLite's default since 2016."""
_PAGE_CACHE = 128
"""KiB for each connection; the system caches the file for all connections together."""
_MAX_LOG_SIZE = 64 * 1_048_576
"""Bytes of the write-ahead log that are kept after a burst of writes."""

_APPLICATION_ID = 0x61777363
"""Marks a database as ours, in the header field that SQLite has for that: "awsc" in ASCII."""

_LAYOUT = 0
"""Of the tables below, in the header field `user_version`. A release that changes them raises it, and migrates."""

# The mark comes first: when a process dies after any of these statements, the next one accepts the file.
_SCHEMA = f"""
PRAGMA page_size = {_PAGE_SIZE};
PRAGMA application_id = {_APPLICATION_ID};
CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL,        -- JSON, or a counter in decimal digits
    ends_at REAL NOT NULL       -- Unix time in seconds
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_end ON records (ends_at);
"""
_GET = "SELECT value FROM records WHERE key = ? AND ends_at > ?"
_GET_MANY = "SELECT key, value FROM records WHERE key IN (SELECT value FROM json_each(?)) AND ends_at > ?"
_SET = (
    "INSERT INTO records VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends_at = excluded.ends_at"
)
_ADD = f"{_SET} WHERE records.ends_at <= ? RETURNING 1"
_REPLACE = (
    "UPDATE records SET value = ?, ends_at = ? "
    "WHERE key = ? AND CAST(value AS BLOB) = ? AND ends_at > ? RETURNING 1"
)
_DELETE = "DELETE FROM records WHERE key = ?"
# Leaves `ends_at` of a live counter alone: writing it would write its index as well.
_COUNT = (
    "INSERT INTO records VALUES (?, '1', ?) ON CONFLICT (key) DO UPDATE SET "
    "value = CAST(CAST(records.value AS INTEGER) + 1 AS TEXT) WHERE records.ends_at > ? RETURNING value"
)
_DELETE_ENDED = "DELETE FROM records WHERE key = ? AND ends_at <= ?"
_KEYS = "SELECT key FROM records WHERE substr(key, 1, ?) = ? AND ends_at > ?"
_SWEEP = "DELETE FROM records WHERE ends_at <= ?"

_Owner = tuple[int, tuple[int, int] | None]
"""To which process, and to which file (device, inode), the idle connections belong."""


class SqliteStore:
    """See `RecordStore`. Safe for many threads and processes of one host.

    A connection runs one statement at a time and then goes back to the idle ones, so that a few
    connections serve many threads. A connection must not cross a fork: each process makes its own.
    """

    def __init__(
        self, path: Path, *, max_megabytes: int = 1_024, now: Callable[[], float] = time.time
    ) -> None:
        """Name a store; `prepare` makes its file.

        max_megabytes   maximum size of the file in MiB; above it every write raises StoreUnavailable until
                        records have ended, and no live record is lost
        now             Unix time in seconds
        """
        self._path = path
        self._max_pages = max_megabytes * 1_048_576 // _PAGE_SIZE
        self._now = now
        self._lock = threading.Lock()
        self._owner: _Owner | None = None
        self._idle: list[sqlite3.Connection] = []
        self._swept_at = 0.0

    def prepare(self) -> None:
        """Make the file and its table. Processes that start together take turns.

        Raises OSError or sqlite3.Error when the file cannot be made or used; ValueError when it belongs to
        another program.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A separate lock file: opening and closing the database itself would drop SQLite's locks on it.
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Made here with its permissions; SQLite gives the same ones to the -wal and -shm files.
            if not self._path.exists():
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(self._connect()) as connection:
                _check_ours(connection)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
        finally:
            os.close(lock)

    @unavailable("get")
    def get(self, key: str) -> Record | None:
        return decode_record(key, self._stored(key))

    @unavailable("get")
    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        rows = self._run(_GET_MANY, json.dumps(list(keys)), self._now()) if keys else []
        found = {key.decode(): value for key, value in rows}
        return [decode_record(key, found.get(key)) for key in keys]

    @unavailable("set")
    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        self._sweep()
        self._run(_SET, key, encode_record(record), self._end(lifetime))

    @unavailable("add")
    def add(self, key: str, record: Record, *, lifetime: timedelta) -> bool:
        self._sweep()
        return bool(self._run(_ADD, key, encode_record(record), self._end(lifetime), self._now()))

    @unavailable("replace")
    def replace(self, key: str, expected: Record | None, record: Record, *, lifetime: timedelta) -> bool:
        """The second statement repeats the comparison, on the stored bytes."""
        stored = self._stored(key)
        if decode_record(key, stored) != expected:
            return False
        if stored is None:
            return self.add(key, record, lifetime=lifetime)
        self._sweep()
        new, end = encode_record(record), self._end(lifetime)
        return bool(self._run(_REPLACE, new, end, key, stored, self._now()))

    @unavailable("delete")
    def delete(self, key: str) -> None:
        self._run(_DELETE, key)

    @unavailable("count")
    def count(self, key: str, *, lifetime: timedelta) -> int:
        self._sweep()
        while True:
            now = self._now()
            rows = self._run(_COUNT, key, self._end(lifetime), now)
            if rows:
                return int(rows[0][0])
            # A counter under this key has ended. Any process may delete it; the next statement starts anew.
            self._run(_DELETE_ENDED, key, now)

    @unavailable("list")
    def keys(self, prefix: str) -> Iterator[str]:
        return iter([key.decode() for (key,) in self._run(_KEYS, len(prefix), prefix, self._now())])

    # --- statements ----------------------------------------------------------------------

    def _stored(self, key: str) -> bytes | None:
        rows = self._run(_GET, key, self._now())
        return bytes(rows[0][0]) if rows else None

    def _end(self, lifetime: timedelta) -> float:
        return self._now() + whole_seconds(lifetime)

    def _sweep(self) -> None:
        now = self._now()
        if now - self._swept_at >= _SWEEP_INTERVAL:
            self._swept_at = now
            self._run(_SWEEP, now)

    def _run(self, statement: str, *values: object) -> list[Any]:
        """All rows of a statement. Fetched at once: an open cursor would hold back other processes."""
        try:
            idle = self._idle_connections()
            # The one that was used last: its pages are still in its cache.
            connection = _pop(idle) or self._connect()
            try:
                rows = connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                    raise
                # The file is at its maximum size: make room by deleting what has ended, and try once more.
                connection.execute(_SWEEP, (self._now(),))
                rows = connection.execute(statement, values).fetchall()
        except sqlite3.Error:
            # Forget all connections, so that a repaired or replaced file works without a restart.
            self._owner = None
            raise
        idle.append(connection)
        return rows

    # --- connections ---------------------------------------------------------------------

    def _idle_connections(self) -> list[sqlite3.Connection]:
        """Idle connections of this process to the file that is at the path now."""
        owner = (os.getpid(), self._file_identity())
        if owner[1] is None:
            self.prepare()
            owner = (os.getpid(), self._file_identity())
        with self._lock:
            if self._owner != owner:
                self._owner, self._idle = owner, []
            return self._idle

    def _file_identity(self) -> tuple[int, int] | None:
        """Device and inode of the file at the path; None where there is none."""
        try:
            found = os.stat(self._path)  # noqa: PTH116  called for every statement, and Path.stat is slower
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self._path))}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        # Text of another program may not be UTF-8; as bytes it counts as absent and is no error.
        connection.text_factory = bytes
        # A power failure may lose the last transactions, but does not damage the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA max_page_count = {self._max_pages}")
        connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE}")
        connection.execute(f"PRAGMA journal_size_limit = {_MAX_LOG_SIZE}")
        return connection


def _check_ours(connection: sqlite3.Connection) -> None:
    """Raises ValueError for a database that holds something and does not have our mark, or a later layout."""
    ((mark,),) = connection.execute("PRAGMA application_id").fetchall()
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    if tables and mark != _APPLICATION_ID:
        raise ValueError("a database that awscons did not make")
    ((layout,),) = connection.execute("PRAGMA user_version").fetchall()
    if layout > _LAYOUT:
        raise ValueError(f"a database of a later release of awscons (layout {layout}, not {_LAYOUT})")


def _pop(idle: list[sqlite3.Connection]) -> sqlite3.Connection | None:
    """The last idle connection; None when there is none, or another thread took it first."""
    try:
        return idle.pop()
    except IndexError:
        return None
