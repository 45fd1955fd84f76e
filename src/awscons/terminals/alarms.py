"""What a person has to be told of their terminals: a token of theirs came a second time, so somebody has a copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from awscons.store import Record, RecordStore, change_record, hashed
from awscons.terminals.token_records import read_as, record_for

MAX_ALARMS = 5
"""Alarms of one person; the oldest are dropped."""
ALARM_LIFETIME = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A terminal whose login ended because one of its tokens was used twice. `at`: UTC."""

    machine: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Alarms:
    alarms: tuple[Alarm, ...] = ()


class Alarms:
    """Everybody's alarms, by user name. All methods raise StoreUnavailable."""

    def __init__(self, store: RecordStore, *, clock: Callable[[], datetime]) -> None:
        """`clock` gives UTC."""
        self._store = store
        self._clock = clock

    def of(self, user_name: str) -> tuple[Alarm, ...]:
        """What this person has not confirmed yet, oldest first."""
        return self._read(self._store.get(_key(user_name)))

    def add(self, user_name: str, machine: str) -> None:
        """Tell this person of that machine."""
        alarm = Alarm(machine, self._clock())

        def changed(record: Record | None) -> Record:
            return record_for(_Alarms((*self._read(record), alarm)[-MAX_ALARMS:]))

        change_record(
            self._store, _key(user_name), changed, lifetime=ALARM_LIFETIME, what="alarms of a person"
        )

    def confirm(self, user_name: str) -> None:
        """The person has read them."""
        self._store.delete(_key(user_name))

    @staticmethod
    def _read(record: Record | None) -> tuple[Alarm, ...]:
        return (read_as(_Alarms, record) or _Alarms()).alarms


def _key(user_name: str) -> str:
    return f"terminal-alarms:{hashed(user_name)}"
