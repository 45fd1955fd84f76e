"""`awscons audit erase`: a copy of the log without what names one person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from awscons.audit.chain import erase, names_person
from awscons.audit.reading import find_event
from awscons.cli.audit_files import read_lines


def erase_person(name: str, files: Sequence[Path]) -> None:
    """Print every line, and those about the person without personal values. Raises AuditFileUnreadable.

    All events of the person's logins are theirs, also those that do not repeat the name.
    """
    logins = set()
    for line, _ in read_lines(files, "looking for the logins"):
        found = find_event(line)
        if found is not None and names_person(found.facts, name):
            logins.add(found.facts.get("login_id"))
    logins.discard(None)
    changed = 0
    for line, _ in read_lines(files, "writing the copy"):
        found = find_event(line)
        is_theirs = found is not None and (
            names_person(found.facts, name) or found.facts.get("login_id") in logins
        )
        if found is None or not is_theirs:
            click.echo(line, nl=not line.endswith("\n"))
        else:
            changed += 1
            click.echo(json.dumps(erase(found.facts)))
    click.echo(f"{changed:,} events were redacted", err=True)
