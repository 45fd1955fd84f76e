"""`awscons logins`: list and revoke the logins in the configured store, for operators.

Every process and host that uses the store refuses a revoked login from the next request on. Each revocation is
an audit event, a JSON line on standard error like those of the service.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from awscons.adapters.audit_log import configure_logging
from awscons.assembly.audit_side import build_command_log
from awscons.assembly.signin_side import build_login_register
from awscons.audit import events
from awscons.cli.terminal import print_json, printable, table
from awscons.config.load import load_settings
from awscons.signin.blocks import Block, BlockKind, BlockList
from awscons.signin.register import LoginRegister, StoredLogin

_SHOWN_ID_LENGTH = 12
"""Characters of a login's id in the table. They identify a login even among a hundred million."""
_HEADINGS = ["id", "person", "signed in", "last used", "ends", "terminal"]
_MIN_ID_LENGTH = 8
"""Characters that `--id` needs at least."""


def list_logins(config: Path, person: str | None, *, as_json: bool) -> None:
    """Print the valid logins: of one person, or of all people if `person` is None."""
    register, block_list = _open(config)
    blocks = [
        block
        for block in block_list.all()
        if person is None or (block.kind, block.name) == (BlockKind.PERSON, person)
    ]
    if not as_json:
        # Before the logins, which not every store can list.
        for block in blocks:
            frozen = f", {len(block.frozen_roles)} roles frozen" if block.frozen_roles else ""
            click.echo(f"{block.kind} {printable(block.name)}: blocked since {_time(block.since)}{frozen}")
    found = _find(register, person)
    if as_json:
        shown = [_block_document(block) for block in blocks]
        print_json({"logins": [_document(stored) for stored in found], "blocks": shown})
        return
    if not found:
        click.echo("nobody is signed in" if person is None else f"no login of {printable(person)}")
        return
    click.echo("\n".join(table([_HEADINGS, *map(_row, found)])))


def end_logins(config: Path, person: str | None, id_prefix: str | None, *, everybody: bool) -> None:
    """Revoke the logins of a person, the one login with that prefix of its id, or all. Raises click.UsageError.

    A login in a browser takes the terminals along that it has allowed.
    """
    if everybody == (person is not None or id_prefix is not None):
        raise click.UsageError("give one of --person NAME, --id ID and --all")
    if id_prefix is not None and len(id_prefix) < _MIN_ID_LENGTH:
        raise click.UsageError(f"--id needs at least {_MIN_ID_LENGTH} characters")
    settings = load_settings(config, environment=os.environ)
    register, _ = build_login_register(settings, environment=os.environ)
    found = every = [*_find(register, person)]
    if id_prefix is not None:
        found = [stored for stored in every if stored.public_id.startswith(id_prefix)]
        if len(found) > 1:
            raise click.UsageError("several logins have an id that begins with that: give more characters")
        found += [stored for stored in every if found and _is_terminal_of(stored, found[0])]
    configure_logging()
    audit = build_command_log(settings, environment=os.environ)
    for stored in found:
        register.revoke(stored.public_id)
        audit.record(events.login_revoked(stored))
    click.echo({0: "no such login", 1: "1 login ended"}.get(len(found), f"{len(found)} logins ended"))


def _open(config: Path) -> tuple[LoginRegister, BlockList]:
    return build_login_register(load_settings(config, environment=os.environ), environment=os.environ)


def _find(register: LoginRegister, person: str | None) -> Sequence[StoredLogin]:
    if person is not None:
        return register.of(person)
    return sorted(register.all(), key=lambda stored: stored.login.begun_at)


def _is_terminal_of(stored: StoredLogin, browser: StoredLogin) -> bool:
    """Whether that login in a browser has allowed this one of a terminal."""
    terminal = stored.login.terminal
    return terminal is not None and terminal.allowed_by == browser.public_id


def _row(stored: StoredLogin) -> list[str]:
    login = stored.login
    last_used = _time(stored.last_used_at) if stored.last_used_at else ""
    who = printable(login.identity.user_name)
    return [
        stored.public_id[:_SHOWN_ID_LENGTH],
        who,
        _time(login.begun_at),
        last_used,
        _time(login.ends_at),
        printable(login.terminal.machine) if login.terminal else "",
    ]


def _document(stored: StoredLogin) -> dict[str, str | None]:
    login = stored.login
    return {
        "id": stored.public_id,
        "user_name": login.identity.user_name,
        "name_id": login.identity.name_id,
        "signed_in_at": login.signed_in_at.isoformat(),
        "last_used_at": stored.last_used_at.isoformat() if stored.last_used_at else None,
        "ends_at": login.ends_at.isoformat(),
        "terminal": login.terminal.machine if login.terminal else None,
    }


def _block_document(block: Block) -> dict[str, object]:
    return {
        "kind": block.kind,
        "name": block.name,
        "since": block.since.isoformat(),
        "frozen_roles": list(block.frozen_roles),
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
