"""Records of the store: logins and pending logins as JSON, and back.

A store may hold records of an older release, of another program or of a damaged file. Such a record must
not become a login, and must not stop the service: it is logged and counts as absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from awscons.access.identity import Login
from awscons.store import Record

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """What the service remembers while a person is at the identity provider.

    return_to        the path of ours that was requested, query included
    browser_hash     hash of the secret in the browser's cookie
    begun_at         UTC
    force_authn      a fresh authentication is required
    retry_of_login   this sign-in follows a response that belonged to no pending login
    authn_context    URIs of AuthnContextClassRef, one of which is required; empty: any
    replaced_login   public id of the login that the browser had; it ends when this sign-in succeeds
    link_origin      origin of another site whose link led here; `unknown` if the browser did not name it
    """

    request_id: str
    return_to: str
    browser_hash: str
    begun_at: datetime
    force_authn: bool
    retry_of_login: bool
    authn_context: tuple[str, ...] = ()
    replaced_login: str | None = None
    link_origin: str | None = None


@dataclass(frozen=True, slots=True)
class LastUse:
    """When a login was last used; UTC, exact to a tenth of `idle_timeout`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class IndexSlot:
    """A slot in the index of a person's logins: the public id of the login that has it."""

    public_id: str


_PENDING_LOGIN = TypeAdapter(PendingLogin)
_LOGIN = TypeAdapter(Login)
_LAST_USE = TypeAdapter(LastUse)
_INDEX_SLOT = TypeAdapter(IndexSlot)
_ADAPTERS: dict[type, TypeAdapter[Any]] = {
    PendingLogin: _PENDING_LOGIN,
    Login: _LOGIN,
    LastUse: _LAST_USE,
    IndexSlot: _INDEX_SLOT,
}


def record_of(value: PendingLogin | Login | LastUse | IndexSlot) -> Record:
    """The value as a record. Times become ISO 8601 text with their zone."""
    record: Record = _ADAPTERS[type(value)].dump_python(value, mode="json")
    return record


def read_pending_login(record: Record | None) -> PendingLogin | None:
    """The pending login in a record, if there is one."""
    return _read(_PENDING_LOGIN, record)


def read_login(record: Record | None) -> Login | None:
    """The login in a record, if there is one."""
    return _read(_LOGIN, record)


def read_last_use(record: Record | None) -> LastUse | None:
    """The last use in a record, if there is one."""
    return _read(_LAST_USE, record)


def read_index_slot(record: Record | None) -> IndexSlot | None:
    """The index slot in a record, if there is one."""
    return _read(_INDEX_SLOT, record)


_Value = TypeVar("_Value")


def _read(adapter: TypeAdapter[_Value], record: Record | None) -> _Value | None:
    if record is None:
        return None
    try:
        return adapter.validate_python(record)
    except ValidationError as error:
        # The keys and not the values: a record holds names of people.
        keys = sorted({".".join(map(str, detail["loc"])) for detail in error.errors()})
        _log.warning("store.record_invalid", keys=keys)
        return None
