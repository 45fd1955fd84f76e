"""The click tree: every command with its options and help text. The modules beside this one do the work.

A command's result goes to standard output; logs and errors go to standard error. An error is a sentence and a
hint, never a traceback. Exit status 2 means a mistake in the command line or the configuration, 1 any other
failure. Only this module exits the process.

Each command imports its module when it runs, so that `--help` and shell completion load no large library.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import click

from awscons import __version__
from awscons.cli.review_commands import access, accounts
from awscons.cli.terminal import config_option, env_file_option, json_option
from awscons.errors import AwsconsError, ConfigurationError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="awscons")
def cli() -> None:
    """Your own single sign-on in front of the AWS console."""


@cli.command()
@config_option
@json_option
@click.option(
    "--aws",
    "ask_aws",
    is_flag=True,
    help="Also ask AWS: our principal, how long consoles last, a store in DynamoDB.",
)
@click.option("--as", "user", help="Check with the rights of this user, the service's. Needs root.")
@click.option(
    "--env-file",
    help="Read environment variables from this file, as systemd does; with - before the path, it may be missing.",
)
@click.option("-v", "--verbose", "everything", is_flag=True, help="Show a row for each target, however many.")
@click.option("--target", help="Show the row of this target.")
@click.option("--account", help="Show the rows of this account: its number or name.")
@click.option("--group", help="Show the rows that this group opens.")
def check(
    config: Path,
    *,
    as_json: bool,
    ask_aws: bool,
    user: str | None,
    env_file: str | None,
    **selection: Any,
) -> None:
    """Check the configuration, and show who may open which target.

    Reads the identity provider's metadata and the files of AWS credentials, and writes a test record to Redis
    or memcached. It leaves no file behind. Calls AWS only with --aws. The exit status is 2 when the
    configuration has mistakes, and 1 when a sign-in would fail: the metadata, the store, the credentials, or
    AWS for one of the targets.
    """
    from awscons.cli.check_command import check_configuration
    from awscons.cli.check_report import RowSelection

    check_configuration(
        config, RowSelection(**selection), ask_aws=ask_aws, as_json=as_json, user=user, env_file=env_file
    )


@cli.command()
@config_option
@click.option(
    "--bind",
    help="Address to listen on, such as 127.0.0.1:8000, [::1]:8000 or unix:/run/awscons/awscons.sock.  "
    "[default: this host only]",
)
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [default: 8000]")
@click.option(
    "--socket-mode", help="Permissions of the socket file of --bind unix:PATH, in octal.  [default: 660]"
)
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Worker processes.  [default: 2; 1 with SimpleCache]"
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=64,
    show_default=True,
    help="Threads per worker; most of them wait for AWS.",
)
@click.option(
    "--request-timeout",
    type=click.FloatRange(1, 600),
    default=15.0,
    show_default=True,
    help="Seconds that a client may take to send its request.",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    help="PEM file: serve https, for a trial.",
)
@click.option(
    "--key", type=click.Path(path_type=Path), help="PEM file with the private key of --certificate."
)
@click.option("--plain-http", is_flag=True, help="Allow plain http from other hosts.")
@click.option(
    "--pin-workers/--no-pin-workers",
    default=True,
    show_default=True,
    help="Pin each worker to one CPU; see the performance page of the documentation.",
)
@click.option("--reload", is_flag=True, help="Restart when a file changes; for development.")
def serve(config: Path, *, reload: bool, **options: Any) -> None:
    """Run the service. A proxy in front terminates TLS: nginx, Apache or a load balancer.

    After SIGTERM, requests in flight have 30 seconds to finish; a second SIGTERM ends the service at once.
    Set AWSCONS_DEBUG=1 in the environment to log debug lines.
    """
    from awscons.cli.service_messages import log_import_problems

    log_import_problems()
    from awscons.cli.serve_command import ServeOptions, serve_and_restart, serve_configured

    if reload:
        sys.exit(serve_and_restart(click.get_current_context(), config))
    serve_configured(config, ServeOptions(**options))


@cli.command("reload")
@config_option
@env_file_option
def reload_configuration(config: Path) -> None:
    """Tell the running `awscons serve` to read its configuration again.

    Checks the configuration first, and tells nothing if it has mistakes. People stay signed in, and requests in
    flight finish with the old configuration. SIGHUP does the same without the check.
    """
    from awscons.cli.reload_command import reload_service

    reload_service(config)


@cli.command()
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65_535), default=8000, show_default=True, help="Port to listen on."
)
def demo(bind: str, port: int) -> None:
    """Run the real service with a pretend identity provider and a pretend AWS.

    You need no AWS account and no identity provider.
    """
    from awscons.cli.demo_command import serve_demo

    serve_demo(bind, port)


# --- logins ------------------------------------------------------------------------------


@cli.group()
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


@cli.command("revoke")
@config_option
@env_file_option
@json_option
@click.option("--person", help="Shut this person out: a NameID or a user name.")
@click.option(
    "--target", help="Shut this target for everybody; with --person, only that person's sessions of it."
)
@click.option("--role", help="Shut every target that opens the role of this ARN.")
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.File(encoding="utf-8", errors="replace"),
    help="Audit log: what is open is read from it. Can be given several times.",
)
@click.option("--do", is_flag=True, help="End the person's logins here, and block.")
@click.option("--freeze", is_flag=True, help="With --do: also shut the roles at AWS, for everybody.")
@click.option("--lift", is_flag=True, help="End the block, and thaw what was frozen with it.")
@click.option("--yes", "assume_yes", is_flag=True, help="Do not ask for confirmation.")
def revoke_access(
    config: Path,
    *,
    person: str | None,
    target: str | None,
    role: str | None,
    do: bool,
    freeze: bool,
    lift: bool,
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
    if options["as_json"] and (do or lift):
        raise click.UsageError("--json prints what is open: give it without --do and --lift")
    if lift:
        revoke_command.lift(config, scope, assume_yes=options["assume_yes"])
    else:
        revoke_command.revoke(config, scope, do=do, freeze=freeze, **options)


cli.add_command(access)
cli.add_command(accounts)


# --- the SAML side -----------------------------------------------------------------------


@cli.command()
@config_option
@env_file_option
def metadata(config: Path) -> None:
    """Print our SAML metadata, for the identity provider's administrators.

    The running service gives the same document at /saml/metadata.
    """
    from awscons.cli.metadata_command import print_metadata

    print_metadata(config)


@cli.group()
def keys() -> None:
    """Make and rotate our key pairs, which decrypt assertions and sign messages.

    FOLDER is the folder that `sp_keys` in saml_config names.
    """


_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@keys.command("new")
@_folder
def keys_new(folder: Path) -> None:
    """Make the first key pair in FOLDER."""
    from awscons.cli.keys_command import make_keys

    make_keys(folder)


@keys.command("rotate")
@_folder
def keys_rotate(folder: Path) -> None:
    """Rotate the key pair, in two runs.

    The first run publishes a next pair beside the current one. The second run makes it the current one; wait
    with it until the identity provider has read our metadata. The old pair stays, to decrypt assertions that
    are still encrypted to it.
    """
    from awscons.cli.keys_command import rotate_keys

    rotate_keys(folder)


@cli.group()
def saml() -> None:
    """Find out why a sign-in does not work."""


@saml.command("explain")
@config_option
@env_file_option
@json_option
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help="Check validity times at this moment (UTC).  [default: when the response was issued]",
)
@click.argument("file", type=click.File("rb"), default="-")
def saml_explain(config: Path, at: datetime | None, file: BinaryIO, *, as_json: bool) -> None:
    """Show every check of a captured SAMLResponse, and whether the service would accept it.

    FILE holds the form value, the whole posted form, or the XML; the default is standard input. A response
    can sign a person in: capture only your own, and delete it afterwards. The exit status is 1 when the
    service would refuse the response.
    """
    from awscons.cli.explain_command import explain

    sys.exit(0 if explain(config, at, file, as_json=as_json) else 1)


# --- the program -------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit: with 0, 1 or 2, or with 130 after Ctrl-C."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        cli.main(given, prog_name="awscons", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(130)
    except (click.ClickException, AwsconsError) as error:
        if given[:1] == ["serve"] and not sys.stderr.isatty():
            from awscons.cli.service_messages import log_start_error

            log_start_error(error)
        else:
            _show(error)
        sys.exit(_exit_status(error))
    sys.exit(0)


def _show(error: click.ClickException | AwsconsError) -> None:
    match error:
        case click.ClickException():
            error.show()
        case ConfigurationError():
            click.echo(f"{error}\n", err=True)
        case AwsconsError():
            click.echo(f"error: {error}", err=True)
            if error.hint:
                click.echo(f"hint:  {error.hint}", err=True)


def _exit_status(error: click.ClickException | AwsconsError) -> int:
    if isinstance(error, click.ClickException):
        return error.exit_code
    return 2 if isinstance(error, ConfigurationError) else 1
