"""Codes and tokens in the store. The keys and values are hashes, so a copy of the store signs no terminal in.

A record of another form counts as absent, as in `signin.records`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from awscons.store import Record

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Code:
    """A code that waits for its terminal.

    login        public id of the login that allowed it
    expires_at   UTC
    """

    login: str
    machine: str
    redirect_uri: str
    challenge: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class UsedCode:
    """A code that came. `used_by`: public id of the terminal's login; `came_again`: it came once more."""

    used_by: str
    came_again: bool = False


@dataclass(frozen=True, slots=True)
class RefreshState:
    """The one refresh token of a terminal that may be used next, as a hash."""

    current: str


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token stands for: the public id of a terminal's login; `expires_at`: UTC."""

    terminal: str
    expires_at: datetime


_Value = TypeVar("_Value")


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def record_for(value: object) -> Record:
    """The value as a record."""
    record: Record = _adapter(type(value)).dump_python(value, mode="json")
    return record


def read_as(kind: type[_Value], record: Record | None) -> _Value | None:
    """The value of that kind in a record, if there is one."""
    if record is None:
        return None
    try:
        found: _Value = _adapter(kind).validate_python(record)
    except ValidationError:
        _log.warning("store.record_invalid", kind=kind.__name__, found=sorted(record))
        return None
    return found
