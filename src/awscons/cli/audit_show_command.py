"""`awscons audit show`: who did what, when, and why they were allowed to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from awscons.audit.chain import names_person
from awscons.audit.reading import moment_of
from awscons.cli.audit_files import read_events
from awscons.cli.terminal import print_json, printable, table

_QUIET = ("checkpoint", "configuration-in-force")
"""Actions that nobody took; they are shown only where nothing selects."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are shown; None: whatever it is. `login` may be the beginning of a login id; times are UTC."""

    person: str | None = None
    target: str | None = None
    account: str | None = None
    outcome: str | None = None
    login: str | None = None
    begin: datetime | None = None
    end: datetime | None = None

    def takes(self, facts: Mapping[str, Any]) -> bool:
        """Whether an event is shown."""
        moment = moment_of(facts)
        role = str(facts.get("role_arn", "")).split(":")
        return (
            str(facts.get("action")) not in _QUIET
            and (self.person is None or names_person(facts, self.person))
            and self.target in (None, facts.get("target"))
            and (self.account is None or self.account in role[4:5])
            and self.outcome in (None, facts.get("outcome"))
            and (self.login is None or str(facts.get("login_id", "")).startswith(self.login))
            and (self.begin is None or (moment is not None and moment >= self.begin))
            and (self.end is None or (moment is not None and moment < self.end))
        )


def show(files: Sequence[Path], selection: Selection, *, as_json: bool) -> None:
    """Print the selected events in the order of time. Raises AuditFileUnreadable."""
    found = [event.facts for event, _ in read_events(files, "reading") if selection.takes(event.facts)]
    found.sort(key=lambda facts: str(facts.get("timestamp")))
    if as_json:
        print_json({"events": found})
        return
    if not found:
        click.echo("no such event was found")
        return
    rows = [("time (UTC)", "who", "what", "outcome", "where", "why"), *map(_row, found)]
    for line in table(rows):
        click.echo(line)
    click.echo("")
    click.echo("\n".join(_summary(found)))


def _row(facts: Mapping[str, Any]) -> tuple[str, ...]:
    moment = moment_of(facts)
    why = facts.get("decided_by") or facts.get("reason") or ""
    where = facts.get("target") or facts.get("role_arn") or ""
    return (
        f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "?",
        printable(str(facts.get("user_name") or facts.get("name_id") or "-")),
        printable(str(facts.get("action"))),
        printable(str(facts.get("outcome"))),
        printable(str(where)),
        printable(str(why if facts.get("outcome") == "done" else facts.get("cause") or why)),
    )


def _summary(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    people = {str(facts.get("user_name") or facts.get("name_id") or "") for facts in found} - {""}
    logins = {str(facts.get("login_id") or "") for facts in found} - {""}
    yield f"{len(found):,} events of {len(people):,} people in {len(logins):,} logins"
