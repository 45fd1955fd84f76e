"""The port `login.RecordStore`, over any cachelib cache. Every failure becomes StoreUnavailable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Protocol

import structlog

from awscons.errors import StoreCannotList, StoreUnavailable
from awscons.signin.records import Record

_log = structlog.get_logger(__name__)


class RecordCache(Protocol):
    """What we ask of a cachelib cache, and two things more. Methods raise whatever their libraries do.

    A value that cannot be understood is a ValueError; everything else is taken for a store that is away.
    """

    def get(self, key: str) -> Any:
        """The value under `key`, or None."""

    def get_many(self, *keys: str) -> list[Any]:
        """The values under `keys`, None where there is none."""

    def set(self, key: str, value: Any, timeout: int | None = None) -> Any:
        """Keep `value` for `timeout` seconds; whether it was kept."""

    def add(self, key: str, value: Any, timeout: int | None = None) -> Any:
        """Keep `value` unless there is one; whether it was kept. Atomic."""

    def delete(self, key: str) -> Any:
        """Forget the value under `key`."""

    def count(self, key: str, timeout: int) -> int:
        """One more under `key`, which ends `timeout` seconds after the first; how many that makes. Atomic."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`. Raises StoreCannotList where there is no way."""


class CacheRecordStore:
    """Records in a cachelib cache: JSON values, with lifetimes."""

    def __init__(self, cache: RecordCache) -> None:
        self._cache = cache

    def add(self, key: str, record: Record, *, lifetime: timedelta) -> bool:
        """Keep `record` unless there is one under `key`; whether it was kept. Atomic."""
        try:
            return bool(self._cache.add(key, record, timeout=_seconds(lifetime)))
        except Exception as error:  # noqa: BLE001  see _unavailable
            raise _unavailable("add", error) from None

    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        """Keep `record`, in place of any other under `key`."""
        try:
            kept = self._cache.set(key, record, timeout=_seconds(lifetime))
        except Exception as error:  # noqa: BLE001  see _unavailable
            raise _unavailable("set", error) from None
        if not kept:
            raise StoreUnavailable("the store did not keep a record", hint=STORE_HINT)

    def get(self, key: str) -> Record | None:
        """The record under `key`; None when there is none, it has ended, or it cannot be understood."""
        try:
            record = self._cache.get(key)
        except OSError as error:
            # First, since a certificate that is not trusted is a ValueError too, and no damaged record.
            raise _unavailable("get", error) from None
        except (ValueError, RecursionError) as error:
            _not_understood(key, type(error))
            return None
        except Exception as error:  # noqa: BLE001  see _unavailable
            raise _unavailable("get", error) from None
        return _as_record(key, record)

    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        """What `get` gives for each of `keys`, in fewer round trips where the store has a way."""
        try:
            records = self._cache.get_many(*keys) if keys else []
        except (ValueError, RecursionError):
            # One of them cannot be understood; one by one, it hides no other.
            return [self.get(key) for key in keys]
        except Exception as error:  # noqa: BLE001  see _unavailable
            raise _unavailable("get", error) from None
        return [_as_record(key, record) for key, record in zip(keys, records, strict=True)]

    def delete(self, key: str) -> None:
        """Forget the record under `key`, if there is one."""
        try:
            self._cache.delete(key)
        except Exception as error:  # noqa: BLE001  see _unavailable
            raise _unavailable("delete", error) from None

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in no order. Raises StoreCannotList where there is no way."""
        try:
            yield from self._cache.keys(prefix)
        except StoreCannotList:
            raise
        except Exception as error:  # noqa: BLE001  see _unavailable
            raise _unavailable("list", error) from None

    def count(self, key: str, *, lifetime: timedelta) -> int:
        """One more under `key`; how many that makes since the first, or since that one ended. Atomic."""
        try:
            return self._cache.count(key, _seconds(lifetime))
        except Exception as error:  # noqa: BLE001  see _unavailable
            raise _unavailable("count", error) from None


STORE_HINT = (
    "see `session_backing`: is the file or folder writable for this user, the server up, its password right?"
)


def _seconds(lifetime: timedelta) -> int:
    # 0 would mean "for ever" to a cache.
    return max(1, math.ceil(lifetime.total_seconds()))


def _as_record(key: str, value: object) -> Record | None:
    if value is None or isinstance(value, dict):
        return value
    _not_understood(key, type(value))
    return None


def _not_understood(key: str, found: type) -> None:
    """Say so. The kind of record, never its key; `found`: an error, or a type that is no record's."""
    _log.warning("store.record_invalid", kind=key.partition(":")[0], found=found.__name__)


def _unavailable(operation: str, error: Exception) -> StoreUnavailable:
    """Caches raise whatever their libraries do: every kind is the same to us, and none is guessed away."""
    return StoreUnavailable(
        f"the store failed to {operation} a record: {type(error).__name__}: {error}", hint=STORE_HINT
    )
