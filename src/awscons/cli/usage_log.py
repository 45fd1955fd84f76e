"""Reads audit logs, to join who can open what with who did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import TextIO

from awscons.access.report import Grant
from awscons.audit import reading
from awscons.errors import AwsconsError, quote_for_log


class LogUnreadable(AwsconsError):
    """A file is no log of this service."""


@dataclass(slots=True)
class Usage:
    """When each target was last opened through each group, and by whom; times in UTC.

    ends_at   of the newest line: the moment from which days without use are counted
    """

    ends_at: datetime | None = None
    _last: dict[tuple[str, str | None, str | None], datetime] = field(default_factory=dict)

    def note(self, target: str, decided_by: str, person: str, moment: datetime) -> None:
        """Note one opening."""
        for who in (None, person):
            key = (target, decided_by.partition(" and ")[0], who)
            self._last[key] = max(moment, self._last.get(key, moment))

    def last_opened(self, grant: Grant, person: str | None = None) -> datetime | None:
        """The last opening of the target through that group; None if the log has none."""
        decided_by = f"group {grant.group!r}" if grant.group is not None else None
        return max(
            (
                moment
                for (target, by, who), moment in self._last.items()
                if target == grant.target.name
                and who == person
                and (by == decided_by or (decided_by is None and not str(by).startswith("group ")))
            ),
            default=None,
        )

    def is_unused(self, last: datetime | None, *, days: int) -> bool:
        """Whether there was no opening in the last `days` days of the log."""
        return last is None or self.ends_at is None or last < self.ends_at - timedelta(days=days)


def read_usage(logs: Iterable[TextIO]) -> Usage:
    """The openings in audit logs; other lines are passed over. Raises LogUnreadable for a file without events."""
    usage = Usage()
    for log in logs:
        for event in events_of([log]):
            moment = moment_of(event, log)
            usage.ends_at = max(moment, usage.ends_at or moment)
            if event.get("action") in {"open-console", "get-credentials"} and event.get("outcome") == "done":
                usage.note(
                    str(event["target"]), str(event.get("decided_by")), str(event.get("user_name")), moment
                )
    return usage


def events_of(logs: Iterable[TextIO]) -> Iterator[dict[str, object]]:
    """The audit events in logs; other lines are passed over. Raises LogUnreadable for a file without events."""
    for log in logs:
        found = False
        for event in audit_events(log):
            found = True
            yield event
        if not found:
            raise LogUnreadable(
                f"{log.name} has no audit event of this service",
                hint="a log has one JSON object on each line",
            )


def moment_of(event: Mapping[str, object], log: TextIO) -> datetime:
    """When an event was written; UTC. Raises LogUnreadable."""
    moment = reading.moment_of(event)
    if moment is None:
        raise LogUnreadable(
            f"{log.name} has an audit event of {quote_for_log(event['timestamp'])}",
            hint="a time is in ISO 8601, with its zone",
        )
    return moment


def audit_events(log: TextIO) -> Iterator[dict[str, object]]:
    """The audit events in a log; other lines are passed over."""
    for line in chain.from_iterable(map(reading.split_events, log)):
        found = reading.find_event(line)
        if found is not None and "timestamp" in found.facts:
            yield found.facts
