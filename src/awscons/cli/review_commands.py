"""The commands about many accounts and who can open them: `awscons access`, `awscons accounts`. See `program`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TextIO

import click

from awscons.cli.terminal import config_option, env_file_option, log_option

# --- who can open what -------------------------------------------------------------------

_format = click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "md"]), default="table", show_default=True
)


@click.group(invoke_without_command=True)
@config_option
@env_file_option
@click.option("--target", help="Only this target.")
@click.option("--account", help="Only this account: its number or name.")
@click.option("--group", help="Only what this group opens.")
@click.option("--everyone", is_flag=True, help="Only what is open to every person who can sign in.")
@click.option("--groups-of", type=click.Path(path_type=Path), help="CSV file of person,group: name people.")
@log_option("--used", "say when each target was last opened.")
@click.option(
    "--unused-for", type=click.IntRange(1), help="With --used: only what nobody opened for so many days."
)
@_format
@click.pass_context
def access(
    context: click.Context,
    /,
    config: Path,
    *,
    groups_of: Path | None,
    logs: tuple[TextIO, ...],
    unused_for: int | None,
    form: str,
    **selection: Any,
) -> None:
    """Show who can open what: one row for each target and group."""
    from awscons.cli.access_command import Selection, show_access

    if context.invoked_subcommand is not None:
        return
    if unused_for is not None and not logs:
        raise click.UsageError("--unused-for needs --used LOG")
    show_access(
        config, Selection(**selection), members=groups_of, logs=logs, unused_for=unused_for, form=form
    )


@access.command("diff")
@env_file_option
@click.argument("old")
@click.argument("new")
@click.option("--all", "every", is_flag=True, help="List every change, however many are alike.")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "md"]), default="table", show_default=True
)
def access_diff(old: str, new: str, *, every: bool, form: str) -> None:
    """Show what changes for whom from OLD to NEW. The exit status is 3 when somebody can do more than before.

    OLD and NEW are configuration files, or git:REVISION for the file as of that revision. Each is run as a
    program by a process of its own: compare only configurations that you would run.
    """
    from awscons.cli.access_diff_command import show_changes

    sys.exit(3 if show_changes(old, new, form=form, every=every) else 0)


# --- accounts ----------------------------------------------------------------------------


@click.group()
def accounts() -> None:
    """Write the file of accounts that `accounts` in aws_config names.

    FILE is a .csv or .json file. Review the changes before the service reads them.
    """


_accounts_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_dry_run = click.option("--dry-run", is_flag=True, help="Print the changes, and write nothing.")


@accounts.command("sync")
@_accounts_file
@click.option("--profile", help="Profile of AWS credentials that may read the organization.")
@click.option("--environment-tag", help="Tag of an account that becomes its environment.")
@_dry_run
def accounts_sync(file: Path, profile: str | None, environment_tag: str | None, *, dry_run: bool) -> None:
    """Bring FILE up to date with AWS Organizations: names, organizational units, tags, states.

    Slugs, environments and colours in FILE stay. Accounts that are no longer in the organization stay as CLOSED.
    """
    from awscons.cli.accounts_command import sync_accounts

    sync_accounts(file, profile=profile, environment_tag=environment_tag, dry_run=dry_run)


@accounts.command("import")
@_accounts_file
@click.argument("source", type=click.File(encoding="utf-8", errors="replace"))
@click.option("--pattern", help="SOURCE has names of groups in this form: aws-{account_id}-{role}")
@_dry_run
def accounts_import(file: Path, source: TextIO, pattern: str | None, *, dry_run: bool) -> None:
    """Add to FILE the accounts that the lines of SOURCE name, and print the roles that they name.

    Without --pattern, SOURCE has values of https://aws.amazon.com/SAML/Attributes/Role.
    """
    from awscons.cli.accounts_command import import_accounts

    import_accounts(file, source, pattern=pattern, dry_run=dry_run)
