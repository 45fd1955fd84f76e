"""The register of logins: keep one, find it by its cookie, find all of a person's, end them.

A store knows keys, lifetimes and an atomic `add`, and nothing of persons. So everybody who signs in has
a row of numbered places, each a record of its own that names one login, and a new login takes a free
one. That works in every store alike, and two sign-ins at the same moment never lose each other.

The store sees hashes of login ids, so that a copy of it opens nothing. The hash is the login's public
id: it names the login to operators, and is no cookie.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from awscons.access.identity import Login
from awscons.signin.records import (
    IndexSlot,
    LastUse,
    read_index_slot,
    read_last_use,
    read_login,
    record_of,
)
from awscons.signin.settings import LoginSettings
from awscons.store import RecordStore, hashed

MAX_LOGINS_PER_NAME = 256
"""Logins that one name may have at a time; the next one ends the oldest."""
MAX_LOGIN_ID_LENGTH = 80
"""Characters; longer ids are none of ours, and not worth a look-up."""
_TRIES = 4
"""Places tried at random before the whole row is looked at: more than enough for a row half full."""
_BATCH = 500
"""Records that are asked for at a time when all logins are read."""


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A login in the register, as operators see it; `last_used_at` is None where use does not matter."""

    public_id: str
    login: Login
    last_used_at: datetime | None = None


class LoginRegister:
    """Every login that counts now. All methods raise StoreUnavailable."""

    def __init__(self, *, store: RecordStore, settings: LoginSettings, clock: Callable[[], datetime]) -> None:
        """`clock` gives UTC."""
        self._store = store
        self._settings = settings
        self._clock = clock

    # --- one login, by its cookie --------------------------------------------------------

    def save(self, login_id: str, login: Login) -> None:
        """Keep a new login under its id, and under the names of the person."""
        now = self._clock()
        # A session end that passed within the allowed skew still gives a login, of one moment.
        lifetime = max(login.ends_at - now, timedelta(seconds=1))
        public_id = hashed(login_id)
        self._store.set(_login_key(public_id), record_of(login), lifetime=lifetime)
        if self._ends_when_unused:
            self._note_use(public_id, now)
        for name in {login.identity.name_id, login.identity.user_name}:
            self._take_slot(name, public_id, lifetime)

    def find(self, login_id: str) -> Login | None:
        """The login that a cookie names; None when it is unknown or over. Counts as use of it."""
        if not 0 < len(login_id) <= MAX_LOGIN_ID_LENGTH:
            return None
        public_id, now = hashed(login_id), self._clock()
        login = read_login(self._store.get(_login_key(public_id)))
        if login is None or now >= login.ends_at:
            return None
        if self._ends_when_unused:
            last_use = read_last_use(self._store.get(_use_key(public_id)))
            if not self._still_in_use(last_use, now):
                return None
            if last_use is not None and now - last_use.at >= self._settings.idle_timeout / 10:
                self._note_use(public_id, now)
        return login

    def end(self, login_id: str) -> None:
        """Forget the login that a cookie names, at once and for every process."""
        if 0 < len(login_id) <= MAX_LOGIN_ID_LENGTH:
            self.revoke(hashed(login_id))

    # --- logins, as operators and the identity provider see them -------------------------

    def of(self, name: str) -> tuple[StoredLogin, ...]:
        """Whoever has this NameID or user name: all their logins that count now, oldest first.

        Looking is no use of a login.
        """
        slots = self._store.get_many(_slot_keys(name))
        public_ids = {slot.public_id for slot in map(read_index_slot, slots) if slot is not None}
        return tuple(
            stored
            for stored in self._stored(sorted(public_ids))
            if name in {stored.login.identity.name_id, stored.login.identity.user_name}
        )

    def all(self) -> Iterator[StoredLogin]:
        """All logins that count now, in no order. Raises StoreCannotList where the store has no way to."""
        keys = self._store.keys("login:")
        while batch := [key.removeprefix("login:") for key in islice(keys, _BATCH)]:
            yield from self._stored(batch)

    def revoke(self, public_id: str) -> None:
        """Forget a login, at once and for every process."""
        self._store.delete(_login_key(public_id))

    # --- inside --------------------------------------------------------------------------

    def _stored(self, public_ids: Sequence[str]) -> list[StoredLogin]:
        """Those of the logins that count now, oldest first."""
        now, found = self._clock(), []
        records = self._store.get_many([_login_key(public_id) for public_id in public_ids])
        uses: Iterable[LastUse | None] = [None] * len(public_ids)
        if self._ends_when_unused:
            uses = map(read_last_use, self._store.get_many([_use_key(one) for one in public_ids]))
        for public_id, login, last_use in zip(public_ids, map(read_login, records), uses, strict=True):
            if login is None or now >= login.ends_at:
                continue
            if self._ends_when_unused and not self._still_in_use(last_use, now):
                continue
            found.append(StoredLogin(public_id, login, last_use.at if last_use else None))
        return sorted(found, key=lambda stored: stored.login.signed_in_at)

    def _take_slot(self, name: str, public_id: str, lifetime: timedelta) -> None:
        """A place for this login in the row of that name; when there is none, the oldest login ends."""
        record = record_of(IndexSlot(public_id))
        index_key = _index_key(name)
        for _ in range(_TRIES):
            key = f"{index_key}:{secrets.randbelow(MAX_LOGINS_PER_NAME)}"
            if self._store.add(key, record, lifetime=lifetime):
                return
        keys = _slot_keys(name)
        slots = map(read_index_slot, self._store.get_many(keys))
        index = {key: slot.public_id for key, slot in zip(keys, slots, strict=True) if slot is not None}
        live = self._stored(list(index.values()))
        counted = {stored.public_id for stored in live}
        # Places of logins that were ended are free, whatever still lies there.
        free = [key for key in keys if index.get(key) not in counted]
        if not free:
            self.revoke(live[0].public_id)
            free = [key for key in keys if index.get(key) == live[0].public_id]
        for key in free:
            self._store.delete(key)
            if self._store.add(key, record, lifetime=lifetime):
                return

    @property
    def _ends_when_unused(self) -> bool:
        """False when a login ends by age before it could end by lack of use."""
        return self._settings.idle_timeout < self._settings.auth_duration

    def _still_in_use(self, last_use: LastUse | None, now: datetime) -> bool:
        return last_use is not None and now < last_use.at + self._settings.idle_timeout

    def _note_use(self, public_id: str, now: datetime) -> None:
        """Note a use, though not at every request.

        Uses stand beside the login, never in it: a note written while somebody signs out cannot bring
        the login back.
        """
        lifetime = self._settings.idle_timeout
        self._store.set(_use_key(public_id), record_of(LastUse(now)), lifetime=lifetime)


# --- keys --------------------------------------------------------------------------------


def _login_key(public_id: str) -> str:
    return f"login:{public_id}"


def _use_key(public_id: str) -> str:
    return f"use:{public_id}"


def _index_key(name: str) -> str:
    return f"of:{hashed(name)}"


def _slot_keys(name: str) -> list[str]:
    index_key = _index_key(name)
    return [f"{index_key}:{number}" for number in range(MAX_LOGINS_PER_NAME)]
