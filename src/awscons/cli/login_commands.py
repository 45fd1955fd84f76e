"""The commands about what people have open: `awscons logins`, `awscons revoke`. See `program`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from awscons.cli.terminal import config_option, env_file_option, json_option, log_option


@click.group()
def logins() -> None:
    """List logins, or end them.

    A console that is open already stays open until its session ends, because AWS cannot end it earlier.
    """


@logins.command("list")
@config_option
@env_file_option
@json_option
@click.option("--person", help="List the logins of this person: a NameID or a user name.")
def logins_list(config: Path, person: str | None, *, as_json: bool) -> None:
    """List the valid logins, oldest first. Nobody can sign in with the ids shown."""
    from awscons.cli.logins_command import list_logins

    list_logins(config, person, as_json=as_json)


@logins.command("end")
@config_option
@env_file_option
@click.option("--person", help="End all logins of this person: a NameID or a user name.")
@click.option("--id", "id_prefix", help="End this login: its id from `awscons logins list`.")
@click.option("--all", "everybody", is_flag=True, help="End the logins of all people.")
def logins_end(config: Path, person: str | None, id_prefix: str | None, *, everybody: bool) -> None:
    """End logins. Every process and host refuses them from the next request on."""
    from awscons.cli.logins_command import end_logins

    end_logins(config, person, id_prefix, everybody=everybody)


@click.command()
@config_option
@env_file_option
@json_option
@click.option("--person", help="Shut this person out: a NameID or a user name.")
@click.option(
    "--target", help="Shut this target for everybody; with --person, only that person's sessions of it."
)
@click.option("--role", help="Shut every target that opens the role of this ARN.")
@log_option("--log", "what is open is read from it.")
@click.option("--do", is_flag=True, help="End the person's logins here, and block.")
@click.option("--freeze", is_flag=True, help="With --do: also shut the roles at AWS, for everybody.")
@click.option("--lift", is_flag=True, help="End the block, and thaw what was frozen with it.")
@click.option(
    "--profile",
    help="With --freeze or --lift: AWS profile that assumes the freezer role.  [default: the broker's]",
)
@click.option("--yes", "assume_yes", is_flag=True, help="Do not ask for confirmation.")
def revoke(
    config: Path,
    *,
    person: str | None,
    target: str | None,
    role: str | None,
    do: bool,
    freeze: bool,
    lift: bool,
    profile: str | None,
    **options: Any,
) -> None:
    """Shut a person, a target or a role out.

    Without --do nothing is changed: it prints what is open at AWS, and for each role the policy that ends it. With
    --do, every process refuses the person or the target from the next request on, until --lift.
    """
    from awscons.cli import revoke_command

    scope = revoke_command.Scope(person, target, role)
    if (lift and (do or freeze)) or (freeze and not do):
        raise click.UsageError("give --do, --do --freeze, or --lift")
    if profile and not (freeze or lift):
        raise click.UsageError("--profile is for --freeze and --lift")
    if options["as_json"] and (do or lift):
        raise click.UsageError("--json prints what is open: give it without --do and --lift")
    if lift:
        revoke_command.lift(config, scope, profile=profile, assume_yes=options["assume_yes"])
    else:
        revoke_command.revoke(config, scope, do=do, freeze=freeze, profile=profile, **options)
