"""The port `login.RecordStore`, over any cachelib cache. Every failure becomes StoreUnavailable."""

from __future__ import annotations

import math
from datetime import timedelta

import structlog
from cachelib import BaseCache

from awscons.errors import StoreUnavailable
from awscons.login_records import Record

_log = structlog.get_logger(__name__)


class CacheRecordStore:
    """Records in a cachelib cache: JSON values, with lifetimes."""

    def __init__(self, cache: BaseCache) -> None:
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
            raise StoreUnavailable("the store did not keep a record", hint=_HINT)

    def get(self, key: str) -> Record | None:
        """The record under `key`; None when there is none, it has ended, or it cannot be understood."""
        try:
            record = self._cache.get(key)
        except ValueError as error:
            _log.warning(
                "store.record_not_understood", kind=key.partition(":")[0], error=type(error).__name__
            )
            return None
        except Exception as error:  # noqa: BLE001  see _unavailable
            raise _unavailable("get", error) from None
        return record if isinstance(record, dict) else None

    def delete(self, key: str) -> None:
        """Forget the record under `key`, if there is one."""
        try:
            self._cache.delete(key)
        except Exception as error:  # noqa: BLE001  see _unavailable
            raise _unavailable("delete", error) from None


_HINT = (
    "see `session_backing`: is the file or folder writable for this user, the server up, its password right?"
)


def _seconds(lifetime: timedelta) -> int:
    # 0 would mean "for ever" to a cache.
    return max(1, math.ceil(lifetime.total_seconds()))


def _unavailable(operation: str, error: Exception) -> StoreUnavailable:
    """Caches raise whatever their libraries do: every kind is the same to us, and none is guessed away."""
    return StoreUnavailable(
        f"the store failed to {operation} a record: {type(error).__name__}: {error}", hint=_HINT
    )
