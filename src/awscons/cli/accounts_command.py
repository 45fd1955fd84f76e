"""`awscons accounts`: write the file of accounts from AWS Organizations, or from what an identity provider has."""

from __future__ import annotations

import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import click

from awscons.adapters.aws.organizations import OrganizationAccount, read_organization
from awscons.cli.terminal import printable
from awscons.config.accounts import read_accounts
from awscons.config.accounts_writer import WRITABLE_TYPES, accounts_text, changes_of
from awscons.config.patterns import slug_of
from awscons.config.schema import AccountSection
from awscons.errors import ConfigurationError, Mistake

_ROLE = re.compile(
    r"arn:aws[a-z-]{0,20}:iam::(?P<account>[0-9]{12}):role/(?P<role>[\x21-\x2b\x2d-\x7e]{1,576})"
)
_ACCOUNT, _ROLE_NAME = "{account_id}", "{role}"
_DIGITS = 12
_STATUSES = frozenset({"ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"})


def sync_accounts(file: Path, *, profile: str | None, environment_tag: str | None, dry_run: bool) -> None:
    """Bring the file up to date with AWS Organizations, and print what changes.

    What people wrote into the file stays: slugs, environments, colours. An account that the organization no longer has
    stays as CLOSED. Raises ConfigurationError, OrganizationUnreadable.
    """
    known = _known(file)
    count = 0

    def say() -> None:
        nonlocal count
        count += 1
        if sys.stderr.isatty():
            click.echo(f"\r{count:,} accounts read", nl=False, err=True)

    organization = read_organization(profile, on_account=say)
    if sys.stderr.isatty():
        click.echo(err=True)
    _write(file, known, merged(known, organization, environment_tag=environment_tag), dry_run=dry_run)


def merged(
    known: Sequence[AccountSection],
    organization: Iterable[OrganizationAccount],
    *,
    environment_tag: str | None = None,
) -> list[AccountSection]:
    """The accounts of the file, with the names, units, tags and states of the organization."""
    before = {account.id: account for account in known}
    found = []
    for account in organization:
        old = before.pop(account.id, AccountSection(id=account.id))
        changes = {
            "name": account.name,
            "ou": account.ou,
            "tags": dict(account.tags),
            "status": account.status if account.status in _STATUSES else "SUSPENDED",
        }
        if environment_tag is not None and account.tags.get(environment_tag):
            changes["environment"] = account.tags[environment_tag]
        new = old.model_copy(update=changes)
        # The slug is written down when an account is first seen: links survive a new name.
        found.append(new if new.slug else new.model_copy(update={"slug": slug_of(new)}))
    gone = [account.model_copy(update={"status": "CLOSED"}) for account in before.values()]
    return [*_with_unique_slugs(found), *gone]


def _with_unique_slugs(accounts: Sequence[AccountSection]) -> list[AccountSection]:
    """Two accounts of one name would get one slug; the second one gets its number as well."""
    seen: set[str | None] = set()
    unique = []
    for account in accounts:
        if account.slug in seen:
            unique.append(account.model_copy(update={"slug": f"{account.slug}-{account.id}"}))
        else:
            unique.append(account)
        seen.add(account.slug)
    return unique


def import_accounts(file: Path, source: TextIO, *, pattern: str | None, dry_run: bool) -> None:
    """Add the accounts that names of groups, or values of the Role attribute, tell of; print the roles they name.

    pattern   of the names of groups, such as `aws-{account_id}-{role}`; None: values of the Role attribute
    Raises ConfigurationError, click.UsageError.
    """
    if pattern is not None and pattern.count(_ACCOUNT) != 1:
        raise click.UsageError("--pattern needs {account_id} once")
    roles: dict[str, set[str]] = defaultdict(set)
    for line in source:
        named = _values_of_roles(line) if pattern is None else _named(pattern, line.strip())
        for account, role in named:
            roles[role].add(account)
    if not roles:
        raise click.UsageError(f"no line of {source.name} names an account in that form")
    known = _known(file)
    numbers = {account.id for account in known}
    new = [AccountSection(id=number) for number in sorted(set().union(*roles.values()) - numbers)]
    _write(file, known, [*known, *new], dry_run=dry_run)
    click.echo("roles:")
    for role, accounts in sorted(roles.items(), key=lambda item: (-len(item[1]), item[0])):
        click.echo(f"  {printable(role) or '(none)'}: {len(accounts):,} accounts")


def _values_of_roles(line: str) -> Iterator[tuple[str, str]]:
    for match in _ROLE.finditer(line):
        yield match["account"], match["role"]


def _named(pattern: str, name: str) -> Iterator[tuple[str, str]]:
    """The account and the role in a name of that form; the role is "" where the pattern has none."""
    head, _, tail = pattern.partition(_ACCOUNT)
    for start in range(len(name) - _DIGITS + 1):
        number, end = name[start : start + _DIGITS], start + _DIGITS
        before, after = _role_in(head, name[:start]), _role_in(tail, name[end:])
        if number.isascii() and number.isdigit() and before is not None and after is not None:
            yield number, before or after
            return


def _role_in(part: str, text: str) -> str | None:
    """What stands for `{role}` in a text of that form; "" if the form has none, None if the text has another form."""
    before, found, after = part.partition(_ROLE_NAME)
    if not found:
        return "" if text == part else None
    is_alike = text.startswith(before) and text.endswith(after) and len(text) > len(before) + len(after)
    return text[len(before) : len(text) - len(after)] if is_alike else None


# --- the file ----------------------------------------------------------------------------


def _known(file: Path) -> tuple[AccountSection, ...]:
    """What the file says; nothing when there is none yet. Raises ConfigurationError."""
    if file.suffix.lower() not in WRITABLE_TYPES:
        wanted = f"a file {' or '.join(WRITABLE_TYPES)}"
        raise ConfigurationError(str(file), [Mistake(file.name, "another kind of file", wanted)])
    if not file.exists():
        return ()
    mistakes: list[Mistake] = []
    accounts = read_accounts(str(file.absolute()), folder=Path(), mistakes=mistakes)
    if mistakes:
        raise ConfigurationError(str(file), mistakes)
    return accounts


def _write(
    file: Path, before: Sequence[AccountSection], after: Sequence[AccountSection], *, dry_run: bool
) -> None:
    changes = list(changes_of(before, after))
    for change in changes:
        click.echo(printable(change))
    if not dry_run and changes:
        _replace(file, accounts_text(file, after))
    state = "nothing was written" if dry_run or not changes else f"written to {file}"
    click.echo(f"{len(after):,} accounts, {len(changes):,} changes; {state}")


def _replace(file: Path, text: str) -> None:
    """In one step, so that a service that reads the file never sees half of it."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, encoding="utf-8", newline="", delete=False
        ) as new:
            new.write(text)
        Path(new.name).chmod(file.stat().st_mode & 0o777 if file.exists() else 0o644)
        Path(new.name).replace(file)
    except OSError as error:
        raise ConfigurationError(
            str(file), [Mistake(file.name, error.strerror or "unwritable", "a file that this user can write")]
        ) from None
