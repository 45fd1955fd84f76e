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
from awscons.assembly import build_login_register
from awscons.audit import Action, AuditEvent, Outcome
from awscons.config.load import load_settings
from awscons.login_register import KeptLogin, LoginRegister
from awscons.terminal import printable, table

_SHOWN = 12
"""Characters of a login's id that are shown: enough to tell a hundred million apart."""
_SHORTEST = 8


def list_logins(config: Path, person: str | None) -> None:
    """Print the logins that count now: of one person, or of everybody."""
    register = _register(config)
    found = _find(register, person)
    if not found:
        click.echo("nobody is signed in" if person is None else f"no login of {printable(person)}")
        return
    click.echo("\n".join(table([["id", "person", "signed in", "last used", "ends"], *map(_row, found)])))


def end_logins(config: Path, person: str | None, beginning: str | None, *, everybody: bool) -> None:
    """End logins of a person, or one by how its id begins, or everybody's. Raises click.UsageError."""
    if everybody == (person is not None or beginning is not None):
        raise click.UsageError("say whose: --person NAME, --id ID, or --all")
    if beginning is not None and len(beginning) < _SHORTEST:
        raise click.UsageError(f"--id needs at least {_SHORTEST} characters")
    register = _register(config)
    found = _find(register, person)
    if beginning is not None:
        found = [kept for kept in found if kept.public_id.startswith(beginning)]
        if len(found) > 1:
            raise click.UsageError("there are several logins whose id begins like that: give more of it")
    configure_logging()
    audit = StructlogAuditLog()
    for kept in found:
        register.end_kept(kept.public_id)
        audit.record(_ended(kept))
    click.echo({0: "no such login", 1: "1 login ended"}.get(len(found), f"{len(found)} logins ended"))


def _register(config: Path) -> LoginRegister:
    return build_login_register(load_settings(config, environment=os.environ), environment=os.environ)


def _find(register: LoginRegister, person: str | None) -> Sequence[KeptLogin]:
    if person is not None:
        return register.of(person)
    return sorted(register.all(), key=lambda kept: kept.login.signed_in_at)


def _row(kept: KeptLogin) -> list[str]:
    login = kept.login
    last_used = _time(kept.last_used_at) if kept.last_used_at else ""
    who = printable(login.identity.user_name)
    return [kept.public_id[:_SHOWN], who, _time(login.signed_in_at), last_used, _time(login.ends_at)]


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _ended(kept: KeptLogin) -> AuditEvent:
    return AuditEvent(
        action=Action.END_LOGIN,
        outcome=Outcome.DONE,
        user_name=kept.login.identity.user_name,
        name_id=kept.login.identity.name_id,
        decided_by="operator",
    )
