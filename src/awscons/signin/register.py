"""The register of logins: saves them, finds them by cookie or by a person's name, revokes them.

The index of a person's logins: a store knows keys, lifetimes and an atomic `add`, but has no lists. So each
name has MAX_LOGINS_PER_NAME numbered slots. A slot is a record of its own that names one login, and a new
login takes a free slot. That works in every store, and of two sign-ins at the same moment none is lost.

The store holds hashes of login ids, so a copy of the store opens no login. The hash is the login's public
id: it names the login to operators, and is not a cookie.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
from awscons.store import Record, RecordStore, change_record, hashed

MAX_LOGINS_PER_NAME = 256
"""Maximum number of live logins of one name; the next one ends the oldest."""
MAX_LOGIN_ID_LENGTH = 80
"""Characters; longer ids cannot be ours, so they are not looked up."""
_TRIES = 4
"""Random slots to try before the whole index is read; with half of it full, 15 of 16 sign-ins need no more."""
_TERMINAL_USE = timedelta(minutes=1)
"""The last use of a terminal is exact to a minute."""
_BATCH = 500
"""Records in one `get_many` when all logins are listed."""


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A login in the register. `last_used_at`: UTC; None for a browser's where logins do not end by lack of use."""

    public_id: str
    login: Login
    last_used_at: datetime | None = None


class LoginRegister:
    """All live logins. All methods raise StoreUnavailable."""

    def __init__(self, *, store: RecordStore, settings: LoginSettings, clock: Callable[[], datetime]) -> None:
        """`clock` returns UTC."""
        self._store = store
        self._settings = settings
        self._clock = clock

    # --- one login, by its cookie --------------------------------------------------------

    def save(self, login_id: str, login: Login) -> None:
        """Save a new login under its id, and index it under NameID and user name."""
        self._save(hashed(login_id), login)

    def find(self, login_id: str) -> Login | None:
        """The login of a cookie value; None when it is unknown or has ended. Counts as a use of it."""
        if not 0 < len(login_id) <= MAX_LOGIN_ID_LENGTH:
            return None
        public_id, now = hashed(login_id), self._clock()
        login = read_login(self._store.get(_login_key(public_id)))
        if login is None or login.terminal is not None or now >= login.ends_at:
            return None
        if self._ends_when_unused:
            last_use = read_last_use(self._store.get(_use_key(public_id)))
            if not self._still_in_use(last_use, now):
                return None
            if last_use is not None and now - last_use.at >= self._settings.idle_timeout / 10:
                self._note_use(public_id, now, self._settings.idle_timeout)
        return login

    def end(self, login_id: str) -> None:
        """Delete the login of a cookie value, at once and for every process."""
        if 0 < len(login_id) <= MAX_LOGIN_ID_LENGTH:
            self.revoke(hashed(login_id))

    # --- the logins of terminals -----------------------------------------------------------

    def save_terminal(self, public_id: str, login: Login) -> None:
        """Save the new login of a terminal. It ends at its time, however little it is used."""
        self._save(public_id, login)

    def find_terminal(self, public_id: str) -> Login | None:
        """The login of a terminal; None when it is unknown or has ended. Counts as a use of it."""
        now = self._clock()
        login = read_login(self._store.get(_login_key(public_id)))
        if login is None or login.terminal is None or now >= login.ends_at:
            return None
        last_use = read_last_use(self._store.get(_use_key(public_id)))
        if last_use is None or now - last_use.at >= _TERMINAL_USE:
            self._note_use(public_id, now, login.ends_at - now)
        return login

    def renew_terminals(self, login: Login) -> None:
        """Give this person's terminals what the identity provider says of the person now: the groups, above all."""

        def is_outdated(old: Login) -> bool:
            same_person = (old.identity.name_id, old.name_id_qualifiers) == (
                login.identity.name_id,
                login.name_id_qualifiers,
            )
            return old.terminal is not None and same_person and old.identity != login.identity

        def renewed(record: Record | None) -> Record | None:
            # None if it has ended meanwhile: that must not bring it back.
            old = read_login(record)
            return record_of(replace(old, identity=login.identity)) if old and is_outdated(old) else None

        now = self._clock()
        for stored in self.of(login.identity.name_id):
            if is_outdated(stored.login):
                change_record(
                    self._store,
                    _login_key(stored.public_id),
                    renewed,
                    lifetime=stored.login.ends_at - now,
                    what="changes of a login",
                )

    # --- logins, as operators and the identity provider see them -------------------------

    def of(self, name: str) -> tuple[StoredLogin, ...]:
        """The live logins of the person with this NameID or user name, oldest first.

        Does not count as a use of them.
        """
        slots = self._store.get_many(_slot_keys(name))
        public_ids = {slot.public_id for slot in map(read_index_slot, slots) if slot is not None}
        return tuple(
            stored
            for stored in self._stored(sorted(public_ids))
            if name in {stored.login.identity.name_id, stored.login.identity.user_name}
        )

    def peek(self, public_id: str) -> Login | None:
        """A live login by its public id. Does not count as a use of it."""
        stored = self._stored([public_id])
        return stored[0].login if stored else None

    def all(self) -> Iterator[StoredLogin]:
        """All live logins, in no order. Raises StoreCannotList when the store cannot list its keys."""
        keys = self._store.keys("login:")
        while batch := [key.removeprefix("login:") for key in islice(keys, _BATCH)]:
            yield from self._stored(batch)

    def revoke(self, public_id: str) -> None:
        """Delete a login, at once and for every process."""
        self._store.delete(_login_key(public_id))

    def revoke_replaced(self, public_id: str) -> Login | None:
        """Delete a login that a new one replaces, and return it if it was live."""
        login = self.peek(public_id)
        self.revoke(public_id)
        return login

    # --- inside --------------------------------------------------------------------------

    def _save(self, public_id: str, login: Login) -> None:
        now = self._clock()
        lifetime = login.ends_at - now
        self._store.set(_login_key(public_id), record_of(login), lifetime=lifetime)
        if login.terminal is not None:
            self._note_use(public_id, now, lifetime)
        elif self._ends_when_unused:
            self._note_use(public_id, now, self._settings.idle_timeout)
        for name in {login.identity.name_id, login.identity.user_name}:
            self._take_slot(name, public_id, lifetime)

    def _stored(self, public_ids: Sequence[str]) -> list[StoredLogin]:
        """The live ones among these logins, oldest first."""
        now, found = self._clock(), []
        records = self._store.get_many([_login_key(public_id) for public_id in public_ids])
        logins = [*map(read_login, records)]
        uses: Iterable[LastUse | None] = [None] * len(public_ids)
        if self._ends_when_unused or any(login and login.terminal for login in logins):
            uses = map(read_last_use, self._store.get_many([_use_key(one) for one in public_ids]))
        for public_id, login, last_use in zip(public_ids, logins, uses, strict=True):
            if login is None or now >= login.ends_at:
                continue
            by_use = self._ends_when_unused and login.terminal is None
            if by_use and not self._still_in_use(last_use, now):
                continue
            found.append(StoredLogin(public_id, login, last_use.at if last_use else None))
        return sorted(found, key=lambda stored: stored.login.begun_at)

    def _take_slot(self, name: str, public_id: str, lifetime: timedelta) -> None:
        """Give this login a slot in the index of that name. When the index is full, the oldest login ends.

        A few random slots come first: a person has few logins, so nearly every try succeeds with one
        atomic `add`, and two sign-ins at the same moment rarely meet. Only an index that is nearly full
        is read as a whole.
        """
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
        # A slot whose login was revoked still has its record, and is free nevertheless.
        free = [key for key in keys if index.get(key) not in counted]
        if not free:
            self.revoke(live[0].public_id)
            free = [key for key in keys if index.get(key) == live[0].public_id]
        # Delete, then `add`, and not `set`: another sign-in may want the same slot now. `add` lets only one
        # of them have it, and the other one goes on to the next free slot.
        for key in free:
            self._store.delete(key)
            if self._store.add(key, record, lifetime=lifetime):
                return

    @property
    def _ends_when_unused(self) -> bool:
        """Whether lack of use can end a login before its age does."""
        return self._settings.idle_timeout < self._settings.auth_duration

    def _still_in_use(self, last_use: LastUse | None, now: datetime) -> bool:
        return last_use is not None and now < last_use.at + self._settings.idle_timeout

    def _note_use(self, public_id: str, now: datetime, lifetime: timedelta) -> None:
        """Save the time of a use.

        It is a record beside the login's. If it were part of the login, a use that is saved during a
        sign-out would write the deleted login again.
        """
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
