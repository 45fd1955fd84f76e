"""SimpleCache: records in the memory of one process, which forgets them when it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from awscons.adapters.stores.record_json import decode_record, encode_record, whole_seconds
from awscons.errors import StoreCannotList
from awscons.store import Record

_SWEEP_INTERVAL = 60.0
"""Seconds between two sweeps of ended records."""


class MemoryStore:
    """See `RecordStore`. Safe for many threads.

    Records are held as JSON, so that a caller who changes its own record does not change the stored one.
    """

    def __init__(self, *, threshold: int = 0, now: Callable[[], float] = time.time) -> None:
        """Make an empty store.

        threshold   maximum number of records; above it those that end soonest are evicted, even when they
                    are live. 0 means no limit
        now         Unix time in seconds
        """
        self._threshold = threshold
        self._now = now
        self._lock = threading.Lock()
        self._records: dict[str, tuple[float, bytes]] = {}
        self._swept_at = now()

    def get(self, key: str) -> Record | None:
        with self._lock:
            stored = self._live(key)
        return decode_record(key, stored)

    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        return [self.get(key) for key in keys]

    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        with self._lock:
            self._save(key, encode_record(record), lifetime)

    def add(self, key: str, record: Record, *, lifetime: timedelta) -> bool:
        with self._lock:
            if self._live(key) is not None:
                return False
            self._save(key, encode_record(record), lifetime)
            return True

    def replace(self, key: str, expected: Record | None, record: Record, *, lifetime: timedelta) -> bool:
        with self._lock:
            if decode_record(key, self._live(key)) != expected:
                return False
            self._save(key, encode_record(record), lifetime)
            return True

    def delete(self, key: str) -> None:
        with self._lock:
            self._records.pop(key, None)

    def count(self, key: str, *, lifetime: timedelta) -> int:
        with self._lock:
            stored = self._live(key)
            if stored is None:
                self._save(key, b"1", lifetime)
                return 1
            number = int(stored) + 1
            self._records[key] = (self._records[key][0], b"%d" % number)
            return number

    def keys(self, prefix: str) -> Iterator[str]:  # noqa: ARG002  of the port
        """Always StoreCannotList: the command that lists logins runs in another process."""
        raise StoreCannotList(
            "SimpleCache keeps logins in the memory of the running service",
            hint="restart the service, and every login has ended",
        )

    # --- inside, with the lock held ------------------------------------------------------

    def _live(self, key: str) -> bytes | None:
        ends_at, stored = self._records.get(key, (0.0, b""))
        return stored if ends_at > self._now() else None

    def _save(self, key: str, stored: bytes, lifetime: timedelta) -> None:
        now = self._now()
        if now - self._swept_at >= _SWEEP_INTERVAL:
            self._swept_at = now
            self._records = {old: entry for old, entry in self._records.items() if entry[0] > now}
        while self._threshold and key not in self._records and len(self._records) >= self._threshold:
            del self._records[min(self._records, key=lambda old: self._records[old][0])]
        self._records[key] = (now + whole_seconds(lifetime), stored)
