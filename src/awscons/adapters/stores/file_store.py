"""FileSystem: a folder with one file for each record, for all processes of one host.

A file's name is the key, quoted as in a URL. Its first line is the Unix time at which the record ends; the
rest is the record as JSON. Names that begin with a dot are not records: `.lock`, which a writer locks, and
`.new`, the next record while it is being written.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote

from awscons.adapters.stores.failures import unavailable
from awscons.adapters.stores.record_json import decode_record, encode_record, whole_seconds
from awscons.store import Record

_SWEEP_INTERVAL = 600.0
"""Seconds between two sweeps of ended records."""
_MAX_FIRST_LINE = 64
"""Bytes; the first line of a record is shorter."""
_FIRST_LINE = re.compile(rb"[0-9]{1,12}\.[0-9]{3}")


class FileStore:
    """See `RecordStore`. Safe for many threads and processes of one host.

    Only a missing file counts as an absent record. A file that cannot be read is an error: if it counted
    as absent, `add` would accept an assertion that was used before.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threshold: int = 0,
        mode: int = 0o600,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Name a store; `prepare` makes its folder.

        threshold   maximum number of records; above it those that end soonest are evicted, even when they
                    are live. 0 means no limit
        mode        permissions of a record's file
        now         Unix time in seconds
        """
        self._folder = folder
        self._threshold = threshold
        self._mode = mode
        self._now = now
        self._swept_at = now()

    def prepare(self) -> None:
        """Make the folder, and try to write in it. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._exclusive():
            self._write("probe", self._now() + 1, b"{}")
            self._path("probe").unlink()

    @unavailable("get")
    def get(self, key: str) -> Record | None:
        return decode_record(key, self._live_or_empty(key))

    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        return [self.get(key) for key in keys]

    @unavailable("set")
    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        """Takes the lock because `replace` must not overwrite what is set meanwhile."""
        with self._exclusive():
            self._write(key, self._end(lifetime), encode_record(record))

    @unavailable("add")
    def add(self, key: str, record: Record, *, lifetime: timedelta) -> bool:
        """A file that was cut short is an error, and does not count as absent."""
        with self._exclusive():
            if self._live(key) is not None:
                return False
            self._write(key, self._end(lifetime), encode_record(record))
            return True

    @unavailable("replace")
    def replace(self, key: str, expected: Record | None, record: Record, *, lifetime: timedelta) -> bool:
        with self._exclusive():
            if decode_record(key, self._live_or_empty(key)) != expected:
                return False
            self._write(key, self._end(lifetime), encode_record(record))
            return True

    @unavailable("delete")
    def delete(self, key: str) -> None:
        with self._exclusive():
            self._path(key).unlink(missing_ok=True)

    @unavailable("count")
    def count(self, key: str, *, lifetime: timedelta) -> int:
        with self._exclusive():
            ends_at, stored = self._live(key) or (self._end(lifetime), b"0")
            number = int(stored) + 1
            self._write(key, ends_at, b"%d" % number)
            return number

    @unavailable("list")
    def keys(self, prefix: str) -> Iterator[str]:
        """A damaged file hides no other."""
        found = []
        for path in self._record_files():
            key = unquote(path.name)
            with suppress(ValueError):
                if key.startswith(prefix) and self._live(key) is not None:
                    found.append(key)
        return iter(found)

    # --- reading -------------------------------------------------------------------------

    def _path(self, key: str) -> Path:
        # `quote` leaves dots alone, and a name that begins with one is not a record.
        return self._folder / quote(key, safe="").replace(".", "%2E")

    def _live(self, key: str) -> tuple[float, bytes] | None:
        """When the live record under `key` ends, and its JSON. Raises OSError; ValueError when damaged."""
        try:
            first_line, newline, stored = self._path(key).read_bytes().partition(b"\n")
        except FileNotFoundError:
            # When the folder itself is gone, every record would look absent.
            if not self._folder.is_dir():
                raise
            return None
        if not newline:
            raise ValueError("a record was cut short")
        ends_at = _parse_end(first_line)
        return (ends_at, stored) if ends_at > self._now() else None

    def _live_or_empty(self, key: str) -> bytes | None:
        """The JSON of the live record under `key`; b"" when its file is damaged. Raises OSError."""
        try:
            live = self._live(key)
        except ValueError:
            return b""
        return live[1] if live else None

    def _record_files(self) -> list[Path]:
        with os.scandir(self._folder) as entries:
            return [Path(entry) for entry in entries if not entry.name.startswith(".")]

    def _ends(self) -> Iterator[tuple[float, Path]]:
        """When each record ends, and its file. Leaves out files of other programs and damaged files."""
        for path in self._record_files():
            with suppress(OSError, ValueError), path.open("rb") as file:
                yield _parse_end(file.readline(_MAX_FIRST_LINE).rstrip(b"\n")), path

    # --- writing, with the lock held -----------------------------------------------------

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the lock of all writers. The system releases it when a process dies."""
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _end(self, lifetime: timedelta) -> float:
        return self._now() + whole_seconds(lifetime)

    def _write(self, key: str, ends_at: float, stored: bytes) -> None:
        """Put a whole file in place of the old one: a reader sees one or the other, never a part."""
        self._sweep()
        path, new = self._path(key), self._folder / ".new"
        self._make_room(path)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
            # Here, since `os.open` applies the process's umask to the mode.
            os.fchmod(file.fileno(), self._mode)
            file.write(b"%.3f\n%s" % (ends_at, stored))
        new.replace(path)

    def _make_room(self, path: Path) -> None:
        """Evict records until one more at `path` is within the threshold."""
        if not self._threshold or path.exists() or len(self._record_files()) < self._threshold:
            return
        by_end = sorted(self._ends())
        for _, old in by_end[: max(0, len(by_end) - self._threshold + 1)]:
            old.unlink(missing_ok=True)

    def _sweep(self) -> None:
        now = self._now()
        if now - self._swept_at < _SWEEP_INTERVAL:
            return
        self._swept_at = now
        for ends_at, path in self._ends():
            if ends_at <= now:
                path.unlink(missing_ok=True)


def _parse_end(first_line: bytes) -> float:
    """Unix time from the first line of a file. Raises ValueError when the file is not a record."""
    if not _FIRST_LINE.fullmatch(first_line):
        raise ValueError("a file that does not begin with the end of a record")
    return float(first_line)
