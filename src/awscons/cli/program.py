"""The click tree: every command with its options and help text. The modules beside this one do the work.

A command's result goes to standard output; logs and errors go to standard error. An error is a sentence and a
hint, never a traceback. Exit status 2 means a mistake in the command line or the configuration, 1 any other
failure. Only this module exits the process.

Each command imports its module when it runs, so that `--help` and shell completion load no large library.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

import click

from awscons import __version__
from awscons.cli.audit_commands import audit
from awscons.cli.iam_commands import iam
from awscons.cli.idp_commands import identity_provider
from awscons.cli.login_commands import logins, revoke
from awscons.cli.review_commands import access, accounts
from awscons.cli.terminal import config_option, env_file_option, json_option
from awscons.errors import AwsconsError, ConfigurationError

_Function = TypeVar("_Function", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="awscons")
def cli() -> None:
    """Your own single sign-on in front of the AWS console."""


def _run_as(*names: str) -> Callable[[_Function], _Function]:
    return click.option(*names, "user", help="Check with the rights of this user, the service's. Needs root.")


_environment_of_the_service = click.option(
    "--env-file",
    help="Read environment variables from this file, as systemd does; with - before the path, it may be missing.",
)


@cli.command()
@config_option
@json_option
@click.option(
    "--aws",
    "ask_aws",
    is_flag=True,
    help="Also ask AWS: our principal, how long consoles last, a store in DynamoDB.",
)
@_run_as("--as", "--run-as")
@_environment_of_the_service
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
@click.argument("names", nargs=-1, metavar="[TARGET]...")
@config_option
@json_option
@click.option("--as", "person", metavar="NAME", help="Name of the person in the probes, such as your own.")
@click.option(
    "--only",
    type=click.File("rb"),
    metavar="FAILED.json",
    help="Probe only the targets that did not open in this output of --json.",
)
@click.option("--idp", "idp_only", is_flag=True, help="Only what a sign-in needs of the identity provider.")
@click.option(
    "--response", type=click.File("rb"), help="With --idp: explain this captured SAMLResponse as well."
)
@_run_as("--run-as")
@_environment_of_the_service
def doctor(config: Path, **options: Any) -> None:
    """Find out what does not work, and whether each TARGET would open; without TARGET, whether all would.

    Checks what `awscons check` checks, and the clocks, the public URL and the disk. Assumes each target's role for
    15 minutes, with credentials that may do nothing, and says which statement is missing where AWS refuses it.
    Each probe leaves records in CloudTrail. The exit status is 1 for an error, and 2 for a mistake in the
    configuration.
    """
    from awscons.cli.doctor_command import DoctorOptions, examine

    if options["response"] is not None and not options["idp_only"]:
        raise click.UsageError("--response needs --idp")
    sys.exit(0 if examine(config, DoctorOptions(**options)) else 1)


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
@click.option(
    "--only-pretend",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Run only what is pretend, below /demo/, and write what a configuration needs of it into FOLDER: "
    "idp.pem and credentials.",
)
@click.option(
    "--origin",
    default="http://localhost:8000",
    show_default=True,
    help="With --only-pretend: where browsers find the services.",
)
def demo(bind: str, port: int, folder: Path | None, origin: str) -> None:
    """Run the real service with a pretend identity provider and a pretend AWS.

    You need no AWS account and no identity provider.
    """
    from awscons.cli.demo_command import serve_demo, serve_parties

    if folder:
        serve_parties(bind, port, origin=origin.rstrip("/"), folder=folder)
    else:
        serve_demo(bind, port)


@cli.command()
@json_option
def version(*, as_json: bool) -> None:
    """Show the version of this program; with --json, also those of Python and of the libraries."""
    from awscons.cli.version_command import print_version

    print_version(as_json=as_json)


cli.add_command(access)
cli.add_command(accounts)
cli.add_command(audit)
cli.add_command(iam)
cli.add_command(identity_provider)
cli.add_command(logins)
cli.add_command(revoke)


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
