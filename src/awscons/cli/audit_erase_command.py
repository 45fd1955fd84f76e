"""`awscons audit erase`: a copy of the audit events without what names one person."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from awscons.audit.chain import NAMES, erase
from awscons.audit.reading import find_event
from awscons.cli.audit_files import AuditFileUnreadable, read_events, read_lines


def erase_person(name: str, files: Sequence[Path]) -> None:
    """Print every audit event, and those about the person without personal values. Raises AuditFileUnreadable.

    Other lines are left out: they may name the person, too, and nothing says where. Raises click.UsageError.
    """
    if not name.strip():
        raise click.UsageError("NAME is empty")
    changed = left_out = 0
    with _readable_twice(files) as kept:
        person = _person(name, kept)
        for line, _ in read_lines(kept, "writing the copy"):
            found = find_event(line)
            if found is None:
                left_out += bool(line.strip())
            elif person.is_in(found.facts):
                changed += 1
                click.echo(json.dumps(erase(found.facts)))
            else:
                click.echo(line, nl=not line.endswith("\n"))
    click.echo(
        f"{changed:,} events were redacted, {left_out:,} lines without an audit event were left out", err=True
    )


@dataclass(frozen=True, slots=True)
class _Person:
    """What events say of one person. `names` are without regard to case, as blocks are."""

    names: frozenset[str]
    logins: frozenset[str]

    def is_in(self, facts: Mapping[str, Any]) -> bool:
        """Whether an event is about the person, or of a login of theirs, or has a cause that quotes a name."""
        return (
            not self.names.isdisjoint(_texts(facts, *NAMES))
            or not self.logins.isdisjoint(_texts(facts, "login_id"))
            or any(_quotes(cause, name) for cause in _texts(facts, "cause") for name in self.names)
        )


def _person(name: str, files: Sequence[Path]) -> _Person:
    """The person of that name, with the other names and the logins that events give them.

    Not every event has both names: an operator blocks a person by one of them.
    """
    name = name.casefold()
    names, logins = {name}, set[str]()
    for found, _ in read_events(files, "looking for the person"):
        if name in _texts(found.facts, *NAMES):
            logins |= _texts(found.facts, "login_id")
        if name in (both := _texts(found.facts, "user_name", "name_id")):
            names |= both
    return _Person(frozenset(names), frozenset(logins))


def _quotes(cause: str, name: str) -> bool:
    """Whether a name stands in a text, and not as a part of a longer word."""
    start = cause.find(name)
    while start >= 0:
        if not (cause[:start][-1:].isalnum() or cause[start + len(name) :][:1].isalnum()):
            return True
        start = cause.find(name, start + 1)
    return False


def _texts(facts: Mapping[str, Any], *fields: str) -> set[str]:
    """The texts in these fields that are not empty."""
    return {value.casefold() for field in fields if isinstance(value := facts.get(field), str) and value}


@contextmanager
def _readable_twice(files: Sequence[Path]) -> Iterator[list[Path]]:
    """The files, with a copy in place of standard input and of pipes until the end. Raises AuditFileUnreadable."""
    with ExitStack() as stack:
        kept = []
        for file in files:
            if str(file) == "-" or file.is_fifo():
                try:
                    copy = stack.enter_context(tempfile.NamedTemporaryFile())  # for the owner alone
                    with ExitStack() as opened:
                        raw = sys.stdin.buffer if str(file) == "-" else opened.enter_context(file.open("rb"))
                        shutil.copyfileobj(raw, copy)
                    copy.flush()
                except OSError as error:
                    raise AuditFileUnreadable(f"{file} cannot be kept: {error.strerror}") from None
                kept.append(Path(copy.name))
            else:
                kept.append(file)
        yield kept
