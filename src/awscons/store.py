"""The port to the store of records, which every process and host of the service shares.

What belongs here: the operations that a use case may ask of a store, and the hash that its keys are made
of. The stores themselves are in `adapters/stores/`.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Protocol

from awscons.errors import StoreUnavailable

MAX_TRIES = 20

Record = dict[str, Any]
"""What a store holds under one key: a JSON object."""


class RecordStore(Protocol):
    """Records with a lifetime, by key. The store forgets a record when its lifetime has passed.

    Stores keep lifetimes in whole seconds: they round up, and the shortest lifetime is one second.
    Every method raises StoreUnavailable when the store cannot be read or written. No method reports a
    failure as False or None, because False from `add` means "used before".
    """

    def get(self, key: str) -> Record | None:
        """The record under `key`; None when there is none, it has ended, or it is not a JSON object."""

    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        """What `get` returns for each of `keys`, with as few round trips as the store allows."""

    def set(self, key: str, record: Record, *, lifetime: timedelta) -> None:
        """Save `record` under `key`, in place of any other."""

    def add(self, key: str, record: Record, *, lifetime: timedelta) -> bool:
        """Save `record` unless a live one is under `key`, and return whether it was saved. Atomic."""

    def replace(self, key: str, expected: Record | None, record: Record, *, lifetime: timedelta) -> bool:
        """Save `record` if `get(key)` would still return `expected`, and return whether it was saved.

        This is a compare-and-swap: a caller reads with `get`, computes the new record, and starts again
        when the answer is False. `expected` is None when `get` returned None. The store compares JSON
        values, then writes on the condition that the stored bytes are still the ones that it compared,
        so no write between the two is lost. Atomic.
        """

    def delete(self, key: str) -> None:
        """Delete the record under `key`, if there is one."""

    def count(self, key: str, *, lifetime: timedelta) -> int:
        """Add one to the counter under `key`, and return its value. Atomic.

        The first call starts the counter at 1 and sets its lifetime; later calls leave the lifetime as it
        is. Counters and records use different keys.
        """

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of live records that begin with `prefix`, in any order.

        Raises StoreCannotList when the store has no way to list its keys.
        """


def hashed(text: str) -> str:
    """SHA-256 of an id, a name or a secret, in hexadecimal.

    Keys hold this hash instead of the text, so that a copy of the store reveals no login id or secret.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def change_record(
    store: RecordStore,
    key: str,
    change: Callable[[Record | None], Record | None],
    *,
    lifetime: timedelta,
    what: str,
) -> bool:
    """Change a record that others change as well, by compare-and-swap; return whether it was changed.

    change   gives the new record for the present one; None: nothing is to be changed
    what     the changes, for the error: `changes of the block list`
    After MAX_TRIES changes of others in between it raises StoreUnavailable. A last write that wins would lose the
    others silently.
    """
    for number in range(MAX_TRIES):
        # A random wait after each failure, so that no writer starves behind a faster one.
        time.sleep(random.uniform(0, 0.002 * number))  # noqa: S311  no secret
        record = store.get(key)
        changed = change(record)
        if changed is None:
            return False
        if store.replace(key, record, changed, lifetime=lifetime):
            return True
    raise StoreUnavailable(f"{MAX_TRIES} other {what} came in between")
