"""`awscons access`: who can open what, from the configuration, and who did."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

import click

from awscons.access.report import Grant, csv_text, facts_of, grants, in_addition
from awscons.aws.durations import duration_text
from awscons.cli.terminal import markdown_table, print_json, printable, table
from awscons.cli.usage_log import Usage, read_usage
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import AwsconsError


class MembersUnreadable(AwsconsError):
    """The file of people and groups cannot be read."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows to show; every part that is given must match. `account`: a number or a name."""

    target: str | None = None
    account: str | None = None
    group: str | None = None
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    grant: Grant
    account_name: str
    person: str | None = None
    last_opened: datetime | None = None


def show_access(
    config: Path,
    selection: Selection,
    *,
    members: Path | None,
    logs: Sequence[TextIO],
    unused_for: int | None,
    form: str,
) -> None:
    """Print who can open what.

    members      a CSV file of person and group: the rows then name people
    logs         audit logs: the rows then say when a target was last opened through that group
    unused_for   days: only rows of openings that were not used for so long
    """
    settings = load_settings(config, environment=os.environ)
    usage = read_usage(logs) if logs else None
    rows = list(_rows(settings, selection, _members_of(members), usage))
    if usage is not None and unused_for is not None:
        rows = [row for row in rows if usage.is_unused(row.last_opened, days=unused_for)]
    _print(rows, usage, form=form)


def _rows(
    settings: Settings, selection: Selection, members: dict[str, list[str]] | None, usage: Usage | None
) -> Iterator[_Row]:
    for grant in grants(settings.targets):
        account = settings.branding.accounts.get(grant.target.role.account_id)
        name = account.name if account else ""
        if not _is_selected(grant, name, selection):
            continue
        last = usage.last_opened(grant) if usage else None
        people = None if members is None or grant.group is None else members.get(grant.group, [])
        if people is None:
            yield _Row(grant, name, None, last)
        else:
            for person in people:
                yield _Row(grant, name, person, usage.last_opened(grant, person) if usage else None)


def _is_selected(grant: Grant, account_name: str, selection: Selection) -> bool:
    number = grant.target.role.account_id
    return (
        selection.target in {None, grant.target.name}
        and selection.account in {None, number, account_name}
        and selection.group in {None, grant.group}
        and (grant.is_for_everyone or not selection.everyone)
    )


def _members_of(file: Path | None) -> dict[str, list[str]] | None:
    """The people of each group, from lines of `person,group`. Raises MembersUnreadable."""
    if file is None:
        return None
    members: dict[str, list[str]] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, fields in enumerate(csv.reader(lines, strict=True), start=1):
                if not any(fields) or fields == ["person", "group"]:
                    continue
                if len(fields) != 2:  # noqa: PLR2004  a person and a group
                    raise MembersUnreadable(
                        f"{file.name}, line {number}: {len(fields)} fields",
                        hint="a line is person,group",
                    )
                members.setdefault(fields[1].strip(), []).append(fields[0].strip())
    except OSError as error:
        raise MembersUnreadable(f"{file}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise MembersUnreadable(f"{file} is no CSV file in UTF-8", hint="a line is person,group") from None
    return members


# --- printing ----------------------------------------------------------------------------


def _print(rows: Sequence[_Row], usage: Usage | None, *, form: str) -> None:
    if form == "json":
        targets = {row.grant.target.name: row.grant.target for row in rows}
        document: dict[str, object] = {"targets": [facts_of(target) for target in targets.values()]}
        people = [_person_document(row) for row in rows if row.person is not None]
        used = [_usage_document(row) for row in rows] if usage else []
        print_json(document | ({"people": people} if people else {}) | ({"used": used} if used else {}))
        return
    cells = [_cells(row, with_usage=usage is not None) for row in rows]
    header = list(_columns(rows, with_usage=usage is not None))
    match form:
        case "csv":
            click.echo(csv_text([header, *cells]), nl=False)
        case "md":
            click.echo("\n".join(markdown_table([header, *cells])))
        case _:
            click.echo("\n".join(table([header, *([printable(cell) for cell in row] for row in cells)])))
            click.echo(f"\n{len(rows):,} rows. awscons knows groups, and not their members.")


def _columns(rows: Sequence[_Row], *, with_usage: bool) -> Iterator[str]:
    if any(row.person is not None for row in rows):
        yield "person"
    yield from ("who", "target", "account", "role", "lasts", "in addition")
    if with_usage:
        yield "last opened"


def _cells(row: _Row, *, with_usage: bool) -> list[str]:
    grant, target = row.grant, row.grant.target
    account = f"{row.account_name} {target.role.account_id}".strip()
    lasts = duration_text(target.duration)
    cells = [grant.who, target.name, account, target.role.role_name, lasts, in_addition(grant)]
    if row.person is not None:
        cells.insert(0, row.person)
    if with_usage:
        cells.append(f"{row.last_opened:%Y-%m-%d}" if row.last_opened else "never")
    return cells


def _person_document(row: _Row) -> dict[str, object]:
    return {"person": row.person, "group": row.grant.group, "target": row.grant.target.name}


def _usage_document(row: _Row) -> dict[str, object]:
    last = row.last_opened.isoformat() if row.last_opened else None
    return {
        "target": row.grant.target.name,
        "group": row.grant.group,
        "person": row.person,
        "last_opened": last,
    }
