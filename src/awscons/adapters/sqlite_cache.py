"""The embedded store: a SQLite file with the interface of a cachelib cache.

It needs nothing installed, survives restarts, and is right across the processes of one host: WAL, and
an `add` that is one atomic statement. cachelib's own file cache is neither atomic in `add` nor keeps
more than 500 records by default.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cachelib import BaseCache

_BUSY_TIMEOUT = 5.0
"""Seconds to wait for another process's write."""
_SWEEP_INTERVAL = 60.0
"""Seconds between sweeps of records that have ended."""

_PAGE_SIZE = 4_096
"""Bytes; SQLite's default since 2016."""
_PAGE_CACHE = 128
"""KiB."""
_MAX_LOG_BYTES = 64 * 1_048_576
"""Bytes."""

_SCHEMA = """
PRAGMA page_size = 4096;
CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,        -- JSON
    ends_at REAL NOT NULL       -- Unix time; 0: never
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_end ON records (ends_at);
"""

_UPSERT = (
    "INSERT INTO records VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends_at = excluded.ends_at"
)

_ADD = f"{_UPSERT} WHERE records.ends_at != 0 AND records.ends_at <= ? RETURNING 1"

_DELETE = "DELETE FROM records WHERE key = ? RETURNING 1"

_SWEEP = "DELETE FROM records WHERE ends_at != 0 AND ends_at <= ?"

# Of a count that lives, the end is not written: its index would be written with it.
_COUNT = (
    "INSERT INTO records VALUES (?, '1', ?) ON CONFLICT (key) DO UPDATE SET "
    "value = CAST(CAST(records.value AS INTEGER) + 1 AS TEXT) WHERE records.ends_at > ? RETURNING value"
)
_END_COUNT = "DELETE FROM records WHERE key = ? AND ends_at <= ?"


_Owner = tuple[int, tuple[int, int] | None]
"""Whose connections: the process, and the file that lay at the path."""


class SqliteCache(BaseCache):
    """A cachelib cache in one file. Raises sqlite3.Error or OSError when the file cannot be used.

    A connection serves one statement at a time, and goes to whoever comes next: a few do for many
    threads. Each is made in the process that uses it: a connection must not cross a fork.
    """

    def __init__(self, path: Path, *, max_size_mb: int = 1_024) -> None:
        """`max_size_mb`: beyond it, writing is an error until something has ended."""
        super().__init__()
        self._path = path
        self._max_pages = max_size_mb * 1_048_576 // _PAGE_SIZE
        self._lock = threading.Lock()
        self._owner: _Owner | None = None
        self._idle: list[sqlite3.Connection] = []
        self._swept_at = 0.0

    def prepare(self) -> None:
        """Make the file and what is in it. Processes that start together take turns.

        Raises OSError, ValueError or sqlite3.Error when it cannot be made, written or understood.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A lock of its own: closing the database's file by hand would drop SQLite's locks on it.
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Made before SQLite sees it, so that there is no moment in which others may read it.
            if not self._path.exists():
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
        finally:
            os.close(lock)

    def get(self, key: str) -> Any:
        """The value under `key`, or None."""
        rows = self._run(
            "SELECT value FROM records WHERE key = ? AND (ends_at = 0 OR ends_at > ?)", key, time.time()
        )
        return json.loads(rows[0][0]) if rows else None

    def set(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        """Keep `value` under `key`, in place of any other."""
        self._sweep()
        self._run(_UPSERT, key, json.dumps(value), self._end(timeout))
        return True

    def add(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        """Keep `value` unless a live one stands under `key`; one statement, hence atomic."""
        self._sweep()
        return bool(self._run(_ADD, key, json.dumps(value), self._end(timeout), time.time()))

    def delete(self, key: str) -> bool:
        """Forget the value under `key`; whether there was one."""
        return bool(self._run(_DELETE, key))

    def count(self, key: str, timeout: int) -> int:
        """One more under `key`, which ends `timeout` seconds after the first. No two get the same number."""
        self._sweep()
        now = time.time()
        while True:
            rows = self._run(_COUNT, key, now + timeout, now)
            if rows:
                return int(rows[0][0])
            # One that has ended lies there; whoever comes first takes it away.
            self._run(_END_COUNT, key, now)

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of live values that begin with `prefix`, as they are now."""
        rows = self._run(
            "SELECT key FROM records WHERE substr(key, 1, ?) = ? AND (ends_at = 0 OR ends_at > ?)",
            len(prefix),
            prefix,
            time.time(),
        )
        yield from [str(key) for (key,) in rows]

    def has(self, key: str) -> bool:
        """Whether there is a live value under `key`."""
        return self.get(key) is not None

    def clear(self) -> bool:
        """Forget everything."""
        self._run("DELETE FROM records")
        return True

    # --- inside --------------------------------------------------------------------------

    def _end(self, timeout: int | timedelta | None) -> float:
        seconds = self._normalize_timeout(timeout)
        return time.time() + seconds if seconds else 0.0

    def _run(self, statement: str, *values: object) -> list[Any]:
        """The rows that a statement gives. All at once: it is over then, and holds back nobody."""
        try:
            idle = self._idle_connections()
            # The last that came back: its part of the file is still at hand.
            connection = _last(idle) or self._connect()
            try:
                rows = connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                    raise
                # Once more, with the room of what has ended.
                connection.execute(_SWEEP, (time.time(),))
                rows = connection.execute(statement, values).fetchall()
        except sqlite3.Error:
            # The next use begins with a new connection, so that a mended file works without a restart.
            self._owner = None
            raise
        idle.append(connection)
        return rows

    def _idle_connections(self) -> list[sqlite3.Connection]:
        """Connections to the file that lies there now, of this process, which nobody uses at the moment."""
        owner = (os.getpid(), self._file_identity())
        if owner[1] is None:
            self.prepare()
            owner = (os.getpid(), self._file_identity())
        with self._lock:
            if self._owner != owner:
                self._owner, self._idle = owner, []
            return self._idle

    def _file_identity(self) -> tuple[int, int] | None:
        """Which file lies at our path; None where there is none. A file put in its place is another."""
        try:
            found = os.stat(self._path)  # noqa: PTH116  called at every use; a Path's way costs more
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self._path))}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        # A power cut may lose the last sign-ins, never damage the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA max_page_count = {self._max_pages}")
        # Of each connection; the system keeps the file's pages for all of them together.
        connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE}")
        # What a burst has made of the write-ahead log is given back.
        connection.execute(f"PRAGMA journal_size_limit = {_MAX_LOG_BYTES}")
        return connection

    def _sweep(self) -> None:
        now = time.time()
        if now - self._swept_at < _SWEEP_INTERVAL:
            return
        self._swept_at = now
        self._run(_SWEEP, now)


def _last(idle: list[sqlite3.Connection]) -> sqlite3.Connection | None:
    """The last of them, taken out; None when another thread was quicker."""
    try:
        return idle.pop()
    except IndexError:
        return None
