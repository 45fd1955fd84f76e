"""Pending logins in the store: a fixed number of numbered slots, which bounds what they take there.

Anybody may begin a sign-in, so anybody can make the service write to the store. Each pending login takes a
free slot; when free slots are hard to find, it replaces another pending login. Refusing new ones instead
would let an attacker who fills the slots lock everybody out for the lifetime of a pending login. With
replacement the attacker must go on sending requests, and most sign-ins in between still succeed.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from awscons.signin.records import PendingLogin, read_pending_login, record_of
from awscons.store import RecordStore, hashed

_MAX_HANDLE_LENGTH = 80
"""Characters; SAML bindings 3.4.3 allows 80 bytes. Longer ones cannot be ours, so they are not looked up."""
_MAX_DIGITS = 8
_HANDLE = "handle_hash"
_TRIES = 8
"""Slots to try: with half of all slots taken, one new pending login in 256 replaces another."""


class PendingLogins:
    """Saves and finds pending logins. All methods raise StoreUnavailable."""

    def __init__(self, *, store: RecordStore, max_pending: int, lifetime: timedelta) -> None:
        """`max_pending`: the number of slots."""
        self._store = store
        self._max_pending = max_pending
        self._lifetime = lifetime

    def save(self, pending: PendingLogin) -> str:
        """Save a pending login, and return its handle."""
        # The time at the front allows the cookies of one browser to be sorted by age.
        beginning = f"{int(pending.begun_at.timestamp()):08x}.{secrets.token_urlsafe(24)}"
        record = record_of(pending)
        for _ in range(_TRIES):
            slot = secrets.randbelow(self._max_pending)
            # Another pending login may take the slot before the response comes: the hash tells them apart.
            record[_HANDLE] = hashed(f"{beginning}.{slot}")
            if self._store.add(_key(slot), record, lifetime=self._lifetime):
                return f"{beginning}.{slot}"
        slot = secrets.randbelow(self._max_pending)
        record[_HANDLE] = hashed(f"{beginning}.{slot}")
        self._store.set(_key(slot), record, lifetime=self._lifetime)
        return f"{beginning}.{slot}"

    def find(self, handle: str) -> PendingLogin | None:
        """The pending login with that handle; None when it has ended, was replaced, or was not issued here."""
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
