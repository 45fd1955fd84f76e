"""The command line: every command and option that there is. What they do is in `commands`.

Rules for talking to a terminal: what was asked for goes to standard output, everything else to
standard error; an error is a sentence and a hint, never a traceback; exit status 2 means that the
command line or the configuration is wrong, 1 that something else is. Only this module exits.

Each command imports its work when it runs: help, completion and typing mistakes wait for no library,
and no command loads what is for another alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import click

from awscons import __version__
from awscons.cli.terminal import config_option, json_option
from awscons.errors import AwsconsError, ConfigurationError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="awscons")
def cli() -> None:
    """Your own single sign-on in front of the AWS console."""


@cli.command()
@config_option
@json_option
@click.option("--aws", "ask_aws", is_flag=True, help="Ask AWS too: who we are, how long consoles last.")
def check(config: Path, *, as_json: bool, ask_aws: bool) -> None:
    """Check the configuration and show what it opens to whom.

    Nothing is started, and nothing is asked of AWS without --aws; the identity provider's metadata is
    read, and Redis or memcached asked whether it keeps what it is given. The exit status is 2 when there
    are mistakes, 1 when one of those does not answer, or AWS does not for every target.
    """
    from awscons.cli.check_command import check_configuration

    check_configuration(config, ask_aws=ask_aws, as_json=as_json)


@cli.command()
@config_option
@click.option(
    "--bind", help="Address to listen on, such as 127.0.0.1:8000 or [::1]:8000.  [default: this host only]"
)
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [default: 8000]")
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Worker processes.  [default: 2; 1 with SimpleCache]"
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=64,
    show_default=True,
    help="Threads of each worker; most of them wait for AWS.",
)
@click.option(
    "--request-timeout",
    type=click.FloatRange(1, 600),
    default=15.0,
    show_default=True,
    help="Seconds that a client may take to send its request.",
)
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM file: serve https, for a trial.")
@click.option("--key", type=click.Path(path_type=Path), help="PEM file with the certificate's key.")
@click.option("--plain-http", is_flag=True, help="Allow plain http from other hosts.")
@click.option(
    "--pin-workers/--no-pin-workers",
    default=True,
    show_default=True,
    help="Pin each worker to one CPU; see the performance page of the documentation.",
)
@click.option("--reload", is_flag=True, help="Start again when a file changes: for development.")
def serve(config: Path, *, reload: bool, **options: Any) -> None:
    """Serve. TLS is for a proxy in front: Apache, nginx, a load balancer.

    After SIGTERM, requests in flight have thirty seconds to finish. With DEBUG in the environment the log has debug
    lines.
    """
    from awscons.cli.serve_command import ServeOptions, serve_and_restart, serve_configured

    if reload:
        sys.exit(serve_and_restart(click.get_current_context(), config))
    serve_configured(config, ServeOptions(**options))


@cli.command()
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8000, show_default=True)
def demo(bind: str, port: int) -> None:
    """Try it: a pretend identity provider, a pretend AWS, and the real service between them.

    Needs no AWS account and no identity provider.
    """
    from awscons.cli.demo_command import serve_demo

    serve_demo(bind, port)


# --- logins ------------------------------------------------------------------------------


@cli.group()
def logins() -> None:
    """Show who is signed in, or end their logins.

    A console that was opened before stays open until its own end: that is AWS's.
    """


@logins.command("list")
@config_option
@json_option
@click.option("--person", help="Only of this person: a NameID, or a user name.")
def logins_list(config: Path, person: str | None, *, as_json: bool) -> None:
    """Show the logins that count now, oldest first. The ids open nothing."""
    from awscons.cli.logins_command import list_logins

    list_logins(config, person, as_json=as_json)


@logins.command("end")
@config_option
@click.option("--person", help="All logins of this person: a NameID, or a user name.")
@click.option("--id", "beginning", help="This login, as `awscons logins list` shows it.")
@click.option("--all", "everybody", is_flag=True, help="The logins of everybody.")
def logins_end(config: Path, person: str | None, beginning: str | None, *, everybody: bool) -> None:
    """End logins: at the next request they count no more, anywhere."""
    from awscons.cli.logins_command import end_logins

    end_logins(config, person, beginning, everybody=everybody)


# --- the SAML side -----------------------------------------------------------------------


@cli.command()
@config_option
def metadata(config: Path) -> None:
    """Print our SAML metadata, for the identity provider's administrators.

    The running service shows the same at /saml/metadata.
    """
    from awscons.cli.metadata_command import print_metadata

    print_metadata(config)


@cli.group()
def keys() -> None:
    """Our own key pairs: for encrypted assertions and signed messages.

    FOLDER is what `sp_keys` in saml_config names.
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
    """Roll the key pair over, in two steps: run it once, and again when the identity provider knows.

    The first run publishes a next pair beside the current one. The second makes it the current one; the
    old pair stays, to decrypt what is still encrypted to it.
    """
    from awscons.cli.keys_command import rotate_keys

    rotate_keys(folder)


@cli.group()
def saml() -> None:
    """Find out why a sign-in does not work."""


@saml.command("explain")
@config_option
@json_option
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help="Judge times as of this moment (UTC).  [default: when the response was made]",
)
@click.argument("file", type=click.File("rb"), default="-")
def saml_explain(config: Path, at: datetime | None, file: BinaryIO, *, as_json: bool) -> None:
    """Say what the service would make of a captured SAMLResponse, step by step.

    FILE holds the form value, the whole posted form, or the XML; without one it is read from standard
    input. A response signs somebody in: capture your own, and delete it afterwards. The exit status is 1
    when the response would be refused.
    """
    from awscons.cli.explain_command import explain

    sys.exit(0 if explain(config, at, file, as_json=as_json) else 1)


# --- the program -------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The program. Never returns: exits with 0, 1 or 2."""
    try:
        cli.main(arguments, prog_name="awscons", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigurationError as error:
        click.echo(f"{error}\n", err=True)
        sys.exit(2)
    except AwsconsError as error:
        click.echo(f"error: {error}", err=True)
        if error.hint:
            click.echo(f"hint:  {error.hint}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
