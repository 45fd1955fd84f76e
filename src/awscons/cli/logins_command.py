"""`awscons logins`: the logins in the configured store, for operators.

What is ended here counts no more at the next request, whichever process or host it reaches. Each end is
an audit event, as lines of JSON on standard error, like those of the service.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from awscons.adapters.audit_log import StructlogAuditLog, configure_logging
from awscons.assembly.signin_side import build_login_register
from awscons.audit import events
from awscons.cli.terminal import print_json, printable, table
from awscons.config.load import load_settings
from awscons.signin.register import LoginRegister, StoredLogin

_SHOWN = 12
"""Characters of a login's id that are shown: enough to tell a hundred million apart."""
_MIN_DURATION = 8


def list_logins(config: Path, person: str | None, *, as_json: bool) -> None:
    """Print the logins that count now: of one person, or of everybody."""
    register = _register(config)
    found = _find(register, person)
    if as_json:
        print_json({"logins": [_document(stored) for stored in found]})
        return
    if not found:
        click.echo("nobody is signed in" if person is None else f"no login of {printable(person)}")
        return
    click.echo("\n".join(table([["id", "person", "signed in", "last used", "ends"], *map(_row, found)])))


def end_logins(config: Path, person: str | None, beginning: str | None, *, everybody: bool) -> None:
    """End logins of a person, or one by how its id begins, or everybody's. Raises click.UsageError."""
    if everybody == (person is not None or beginning is not None):
        raise click.UsageError("say whose: --person NAME, --id ID, or --all")
    if beginning is not None and len(beginning) < _MIN_DURATION:
        raise click.UsageError(f"--id needs at least {_MIN_DURATION} characters")
    register = _register(config)
    found = _find(register, person)
    if beginning is not None:
        found = [stored for stored in found if stored.public_id.startswith(beginning)]
        if len(found) > 1:
            raise click.UsageError("there are several logins whose id begins like that: give more of it")
    configure_logging()
    audit = StructlogAuditLog()
    for stored in found:
        register.revoke(stored.public_id)
        audit.record(events.login_revoked(stored))
    click.echo({0: "no such login", 1: "1 login ended"}.get(len(found), f"{len(found)} logins ended"))


def _register(config: Path) -> LoginRegister:
    return build_login_register(load_settings(config, environment=os.environ), environment=os.environ)


def _find(register: LoginRegister, person: str | None) -> Sequence[StoredLogin]:
    if person is not None:
        return register.of(person)
    return sorted(register.all(), key=lambda stored: stored.login.signed_in_at)


def _row(stored: StoredLogin) -> list[str]:
    login = stored.login
    last_used = _time(stored.last_used_at) if stored.last_used_at else ""
    who = printable(login.identity.user_name)
    return [stored.public_id[:_SHOWN], who, _time(login.signed_in_at), last_used, _time(login.ends_at)]


def _document(stored: StoredLogin) -> dict[str, str | None]:
    login = stored.login
    return {
        "id": stored.public_id,
        "user_name": login.identity.user_name,
        "name_id": login.identity.name_id,
        "signed_in_at": login.signed_in_at.isoformat(),
        "last_used_at": stored.last_used_at.isoformat() if stored.last_used_at else None,
        "ends_at": login.ends_at.isoformat(),
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
