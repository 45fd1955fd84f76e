"""`awscons revoke`: shut out a person, or everybody at a target or a role. It prints, unless it is told to do it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

import click

from awscons.access.identity import Identity, Login
from awscons.access.targets import RoleArn, Target, parse_role_arn
from awscons.adapters.audit_log import configure_logging
from awscons.adapters.aws.role_freezer import RoleFreezer
from awscons.assembly.audit_side import build_command_log
from awscons.assembly.aws_side import build_broker
from awscons.assembly.clock import utc_now
from awscons.assembly.signin_side import build_login_register
from awscons.audit import events
from awscons.aws.broker import Broker
from awscons.aws.durations import MIN_DURATION
from awscons.aws.role_credentials import RoleCredentials
from awscons.cli.open_sessions import OpenSession, sessions_in_logs, sessions_of_logins
from awscons.cli.terminal import print_json, printable, table
from awscons.config.load import load_settings
from awscons.config.settings import Settings
from awscons.errors import AwsconsError
from awscons.iam.freezer import freezer_of
from awscons.iam.policy import policy_size, readable
from awscons.iam.revocation import (
    MAX_POLICY_SIZE,
    POLICY_NAME,
    Revocation,
    person_revocations,
    revocation_policy,
)
from awscons.signin.blocks import Block, BlockKind
from awscons.signin.register import StoredLogin

_OPERATOR = "awscons-revoke"
"""The session name with which the freezer role is assumed."""


class NotConfirmed(AwsconsError):
    """The operator did not type the name."""


class NotAllDone(AwsconsError):
    """A part of the work failed; what was done stays done."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom and what a command is about: a person, perhaps at one target; or everybody at a target or a role."""

    person: str | None = None
    target: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a revocation is about, as found.

    sessions   what is open, or may be; of everybody where no person is named
    blocks     to put on the list, or to take from it
    policies   by role: what ends the sessions
    """

    logins: tuple[StoredLogin, ...]
    sessions: tuple[OpenSession, ...]
    blocks: tuple[Block, ...]
    policies: dict[RoleArn, dict[str, object]]


class _Service:
    """The parts of the service that the command needs."""

    def __init__(self, config: Path) -> None:
        self.settings: Settings = load_settings(config, environment=os.environ)
        configure_logging()
        self.register, self.blocks = build_login_register(self.settings, environment=os.environ)
        self.audit = build_command_log(self.settings, environment=os.environ)


def revoke(
    config: Path,
    scope: Scope,
    *,
    logs: Sequence[TextIO],
    do: bool,
    freeze: bool,
    profile: str | None,
    assume_yes: bool,
    as_json: bool,
) -> None:
    """Print what is open and the policies that end it; with `do`, end logins and block, and with `freeze` freeze.

    profile   of AWS, that assumes the freezer roles; None: those of the targets
    Raises click.UsageError, LogUnreadable, PolicyTooLarge, StoreUnavailable, and NotAllDone.
    """
    service = _Service(config)
    targets = _targets(service.settings, scope)
    if freeze:
        _check_freeze(service.settings, scope, logs)
    plan = _plan(service, scope, targets, logs, now=utc_now())
    if as_json:
        print_json(_document(plan))
        return
    click.echo("\n".join(_report(plan, is_known=bool(logs))))
    if not do:
        click.echo("\nNothing was changed. --do ends the logins and blocks; see awscons revoke --help.")
        return
    _confirm(scope, assume_yes=assume_yes)
    frozen = tuple(plan.policies) if freeze else ()
    # Blocked first, so that nobody whose login ends comes back. A lift finds also what could not be frozen.
    for block in plan.blocks:
        service.blocks.put(replace(block, frozen_roles=tuple(map(str, frozen))))
        service.audit.record(events.blocked(block))
    click.echo(f"\n{_names(plan.blocks)}: blocked")
    for stored in plan.logins:
        service.register.revoke(stored.public_id)
        service.audit.record(events.login_revoked(stored))
    if scope.person:
        click.echo(f"{len(plan.logins)} logins ended")
    _freeze_all(service, frozen, profile)


def lift(config: Path, scope: Scope, *, profile: str | None, assume_yes: bool) -> None:
    """End the blocks, and thaw what was frozen with them. Raises click.UsageError, StoreUnavailable, NotAllDone."""
    service = _Service(config)
    targets = _targets(service.settings, scope)
    wanted = {(BlockKind.TARGET, target.name) for target in targets}
    if scope.person:
        wanted = {(BlockKind.PERSON, scope.person)}
    before = service.blocks.all()
    ending = [block for block in before if (block.kind, block.name) in wanted]
    if not ending:
        raise click.UsageError("no block of that name; `awscons logins list` shows the blocks")
    _confirm(scope, assume_yes=assume_yes)
    # Thawed before the block ends, so that a failure can be repeated.
    still = {role for block in before if block not in ending for role in block.frozen_roles}
    thawing = {role for block in ending for role in block.frozen_roles} - still
    _freeze_all(service, filter(None, map(parse_role_arn, sorted(thawing))), profile, thaw=True)
    for block in ending:
        service.blocks.lift(block.kind, block.name)
        service.audit.record(events.block_lifted(block.kind, block.name))
    click.echo(f"{_names(ending)}: no longer blocked")


def _targets(settings: Settings, scope: Scope) -> tuple[Target, ...]:
    """The targets that a scope is about. Raises click.UsageError."""
    if scope.role is not None and (scope.person or scope.target):
        raise click.UsageError("give --role alone: a role is shut for everybody")
    if not (scope.person or scope.target or scope.role):
        raise click.UsageError("give --person NAME, --target TARGET or --role ARN")
    if scope.role is not None and parse_role_arn(scope.role) is None:
        raise click.UsageError(f"--role: {printable(scope.role)} is no ARN of a role")
    found = tuple(
        target
        for target in settings.targets
        if scope.target in {None, target.name} and scope.role in {None, str(target.role)}
    )
    if found:
        return found
    if scope.role is None:
        raise click.UsageError(f"the configuration has no target {printable(scope.target or '')}")
    partitions = ", ".join(sorted({target.role.partition for target in settings.targets}))
    raise click.UsageError(
        f"no target opens the role {scope.role}; the targets are in the partitions: {partitions}"
    )


def _check_freeze(settings: Settings, scope: Scope, logs: Sequence[TextIO]) -> None:
    if settings.aws.freezer_role is None:
        raise click.UsageError("--freeze needs `freezer_role` in aws_config")
    if scope.person and not (scope.target or logs):
        raise click.UsageError(
            "--freeze shuts a role for everybody: give --target or --log, so that it is only what the person opened"
        )


def _plan(
    service: _Service, scope: Scope, targets: Sequence[Target], logs: Sequence[TextIO], *, now: datetime
) -> _Plan:
    logins = service.register.of(scope.person) if scope.person else ()
    names = {scope.person, *(stored.login.identity.user_name for stored in logins)}
    roles = {target.role for target in targets}
    if logs:
        sessions = [
            session
            for session in sessions_in_logs(logs, now=now)
            if session.role in roles
            and (scope.person is None or not names.isdisjoint({session.person, session.name_id}))
        ]
    else:
        attribute = service.settings.aws.role_session_name_attribute
        sessions = sessions_of_logins(logins, targets, name_attribute=attribute)
    if scope.person:
        block = Block(
            BlockKind.PERSON,
            scope.person,
            now,
            tuple(sorted({session.session_name for session in sessions})),
            tuple(sorted({session.source_identity for session in sessions if session.source_identity})),
        )
        blocks: tuple[Block, ...] = (block,)
        concerned = list(dict.fromkeys(session.role for session in sessions))
    else:
        blocks = tuple(Block(BlockKind.TARGET, target.name, now) for target in targets)
        concerned = list(dict.fromkeys(target.role for target in targets))
    every = (*service.blocks.all(), *blocks)
    role_of = {target.name: target.role for target in service.settings.targets}
    policies = {role: revocation_policy(_revocations(every, role, role_of), now=now) for role in concerned}
    return _Plan(tuple(logins), tuple(sessions), blocks, policies)


def _revocations(
    blocks: Iterable[Block], role: RoleArn, role_of: Mapping[str, RoleArn]
) -> Iterator[Revocation]:
    """What blocks end at a role. Earlier ones stay in its policy, since a role has one policy of that name."""
    for block in blocks:
        if block.kind is BlockKind.TARGET and role_of.get(block.name) == role:
            yield Revocation(block.since)
        for name in block.session_names:
            yield from person_revocations(name, None, before=block.since)
        for identity in block.source_identities:
            yield from person_revocations(identity, identity, before=block.since)[1:]


def _freeze_all(
    service: _Service, roles: Iterable[RoleArn], own_profile: str | None, *, thaw: bool = False
) -> None:
    """Freeze or thaw each role, whatever happens to the others. Raises NotAllDone."""
    broker, freezer = build_broker(service.settings), RoleFreezer(service.settings.aws)
    failed = []
    for role in roles:
        door = next((target for target in service.settings.targets if target.role == role), None)
        profile = own_profile or (door.profile_name if door else None)
        try:
            by = _freezer_credentials(broker, service.settings, role, profile)
            freezer.set_frozen(role, frozen=not thaw, by=by, profile_name=profile)
        except AwsconsError as error:
            failed.append(f"  {role}: {error}" + (f" ({error.hint})" if error.hint else ""))
            service.audit.record(events.role_frozen(role, error, thawed=thaw))
        else:
            service.audit.record(events.role_frozen(role, thawed=thaw))
            click.echo(f"{role} {'thawed' if thaw else 'frozen, for everybody'}")
    if failed:
        raise NotAllDone(
            "\n".join([f"not {'thawed' if thaw else 'frozen'}:", *failed]),
            hint="run the command again; what is done stays done",
        )


def _freezer_credentials(
    broker: Broker, settings: Settings, role: RoleArn, profile_name: str | None
) -> RoleCredentials:
    """Credentials of the freezer role in the account of `role`. Raises AwsconsError."""
    name = settings.aws.freezer_role
    if name is None:
        raise NotAllDone(
            "`freezer_role` in aws_config is missing", hint="set it to what it was when you froze"
        )
    identity = Identity(
        _OPERATOR, _OPERATOR, {settings.aws.role_session_name_attribute: (_OPERATOR,)}, frozenset()
    )
    freezer = Target("awscons-freezer", freezer_of(role, name), MIN_DURATION, profile_name=profile_name)
    now = utc_now()
    return broker.issue_credentials(freezer, Login(identity, now, now + timedelta(hours=1))).credentials


# --- what is printed ---------------------------------------------------------------------


def _report(plan: _Plan, *, is_known: bool) -> Iterator[str]:
    if plan.blocks[0].kind is BlockKind.PERSON:
        yield f"{len(plan.logins)} logins here"
    if plan.sessions:
        yield (
            "open at AWS:" if is_known else "may be open at AWS (give --log AUDITLOG to see what was opened):"
        )
        header = ["person", "target", "role", "since", "until"]
        yield from table([header, *map(_row, plan.sessions)])
    elif is_known:
        yield "nothing is open at AWS, as far as these logs say"
    elif not plan.policies:
        yield "nothing is known to be open at AWS; --log AUDITLOG says what ended logins have opened"
    for role, document in plan.policies.items():
        name = role.role_name.rpartition("/")[2]
        size = f"{policy_size(document):,} of {MAX_POLICY_SIZE:,} characters"
        yield f"\nIn account {role.account_id}, this ends those sessions of {name} within minutes ({size}):"
        yield f"aws iam put-role-policy --role-name {name} --policy-name {POLICY_NAME} --policy-document '"
        yield readable(document).rstrip() + "'"


def _row(session: OpenSession) -> list[str]:
    since, until = (
        f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "?" for moment in (session.since, session.until)
    )
    return [printable(session.person), session.target, str(session.role), since, until]


def _document(plan: _Plan) -> dict[str, object]:
    return {
        "logins": [stored.public_id for stored in plan.logins],
        "sessions": [
            {
                "person": session.person,
                "target": session.target,
                "role": str(session.role),
                "role_session_name": session.session_name,
                "source_identity": session.source_identity,
                "since": session.since.isoformat() if session.since else None,
                "until": session.until.isoformat() if session.until else None,
            }
            for session in plan.sessions
        ],
        "policies": {str(role): document for role, document in plan.policies.items()},
    }


def _names(blocks: Iterable[Block]) -> str:
    return ", ".join(f"{block.kind} {printable(block.name)}" for block in blocks)


def _confirm(scope: Scope, *, assume_yes: bool) -> None:
    """Ask for the name of the person, target or role, typed. Raises NotConfirmed."""
    name = scope.person or scope.target or scope.role or ""
    if assume_yes:
        return
    try:
        typed = click.prompt(f"Type {printable(name)} to confirm", err=True, default="", show_default=False)
    except click.Abort:
        typed = ""
    if typed != name:
        raise NotConfirmed("nothing was changed: the name was not typed", hint="--yes in scripts")
