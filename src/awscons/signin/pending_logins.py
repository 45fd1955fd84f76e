"""Pending logins in the store: a bounded number of numbered places, so that nobody can fill it with them.

Anyone may begin a sign-in, so anyone may write to the store. Each pending login takes a free place of so
many; when free ones are hard to find, the new one displaces another. Refusing it instead would let whoever
fills the places lock everybody out for as long as a pending login lives; so a flood has to come again and
again, and in between most sign-ins get through.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from awscons.signin.records import PendingLogin, read_pending_login, record_of
from awscons.store import RecordStore, hashed

_MAX_HANDLE_LENGTH = 80
"""Characters; SAML bindings 3.4.3 allows 80 bytes. Longer ones are none of ours, and not worth a look-up."""
_MAX_DIGITS = 8
_HANDLE = "handle_hash"
_TRIES = 8
"""Places tried: with half of them taken, one new pending login in 256 displaces another."""


class PendingLogins:
    """The pending logins of everybody. All methods raise StoreUnavailable."""

    def __init__(self, *, store: RecordStore, max_pending: int, lifetime: timedelta) -> None:
        """`most`: how many places there are."""
        self._store = store
        self._max_pending = max_pending
        self._lifetime = lifetime

    def save(self, pending: PendingLogin) -> str:
        """Keep a pending login, and give the handle that it goes by."""
        # The time in front lets a browser's many pending cookies be put in order of age.
        beginning = f"{int(pending.begun_at.timestamp()):08x}.{secrets.token_urlsafe(24)}"
        record = record_of(pending)
        for _ in range(_TRIES):
            slot = secrets.randbelow(self._max_pending)
            # A place may go to another before the answer comes: so the record knows whose it is.
            record[_HANDLE] = hashed(f"{beginning}.{slot}")
            if self._store.add(_key(slot), record, lifetime=self._lifetime):
                return f"{beginning}.{slot}"
        slot = secrets.randbelow(self._max_pending)
        record[_HANDLE] = hashed(f"{beginning}.{slot}")
        self._store.set(_key(slot), record, lifetime=self._lifetime)
        return f"{beginning}.{slot}"

    def find(self, handle: str) -> PendingLogin | None:
        """The pending login that goes by `handle`; None when it is over, displaced, or was never ours."""
        _, _, digits = handle.rpartition(".")
        if len(handle) > _MAX_HANDLE_LENGTH or not (digits.isascii() and digits.isdecimal()):
            return None
        if len(digits) > _MAX_DIGITS:
            return None
        record = self._store.get(_key(int(digits)))
        if record is None or record.get(_HANDLE) != hashed(handle):
            return None
        return read_pending_login(record)


def _key(slot: int) -> str:
    return f"pending:{slot}"
