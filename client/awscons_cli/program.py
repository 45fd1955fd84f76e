"""The parser of the command line, the exit statuses, and `main`."""

from __future__ import annotations

import argparse
import io
import os
import sys

from awscons_cli import SHELLS, __version__
from awscons_cli.errors import ClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_STATUSES = (
    (0, "It worked."),
    (1, "It did not, for another reason than those below."),
    (2, "The command line asks for something that there is not."),
    (3, "Nobody is signed in, or the login has ended: run `awscons-cli login`."),
    (
        4,
        "The service refuses: an unknown door, one without `cli`, one that needs a newer sign-in (`login --for`).",
    ),
    (5, "No answer for now: the network, a proxy, the service or AWS. Try again."),
    (
        126,
        "`exec`: the command cannot be run. 127: there is no such command. Else `exec` has the command's own status.",
    ),
)

ENVIRONMENT = (
    ("AWSCONS_SERVICE", "The service, where `--service` does not name one."),
    (
        "AWSCONS_CLI_STATE",
        "The state folder. Default: `awscons-cli` in `XDG_STATE_HOME` or the platform's place for it.",
    ),
    (
        "AWSCONS_CLI_KEYRING",
        "`0`: `login` stores the tokens in a file of mode 0600 even if there is a keyring.",
    ),
    (
        "AWSCONS_REGION",
        "Set by `env` and `exec` beside `AWS_REGION`: the region is the door's and not the person's.",
    ),
    ("AWS_CONFIG_FILE", "The file that `configure` writes. Default: `~/.aws/config`."),
    (
        "AWS_SHARED_CREDENTIALS_FILE",
        "The file in which `configure` looks for keys of the same name. Default: `~/.aws/credentials`.",
    ),
    ("HTTPS_PROXY", "The proxy for HTTPS; `NO_PROXY` names the hosts without one."),
    (
        "SSL_CERT_FILE",
        "The certificates to trust, PEM. `AWS_CA_BUNDLE` and `REQUESTS_CA_BUNDLE`: more of them.",
    ),
    ("BROWSER", "The browser to open."),
)


class _Formatter(argparse.HelpFormatter):
    """Lines as wide as the terminal; argparse itself would import `shutil` to learn that, in every run."""

    def __init__(self, prog: str) -> None:
        try:
            width = os.get_terminal_size().columns
        except (OSError, ValueError):
            width = 100
        super().__init__(prog, width=width - 2)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. The reference is written from it."""
    parser = argparse.ArgumentParser(
        prog="awscons-cli",
        description="The doors of awscons in a terminal: credentials for the AWS CLI, Terraform and SDKs.",
        formatter_class=_Formatter,
    )
    parser.add_argument("--version", action="version", version=f"awscons-cli {__version__}")
    shared = argparse.ArgumentParser(add_help=False, formatter_class=_Formatter)
    shared.add_argument(
        "--service", metavar="URL", help="the service, by address or host; default: the last login's"
    )
    shared.add_argument(
        "--debug", action="store_true", help="say on standard error what is asked of whom; no secrets"
    )
    # Without `prog`, argparse would work it out, by modules that nothing else needs.
    commands = parser.add_subparsers(dest="chosen", metavar="COMMAND", required=True, prog="awscons-cli")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        description = f"{text[0].upper()}{text[1:]}."
        return commands.add_parser(
            name, parents=[shared], help=text, description=description, formatter_class=_Formatter
        )

    login = command("login", "sign in to a service by the browser")
    login.add_argument(
        "url", metavar="URL", nargs="?", help="address of the portal; default: the last login's"
    )
    login.add_argument("--no-browser", action="store_true", help="show an address, and take a code to paste")
    login.add_argument(
        "--for",
        dest="for_door",
        metavar="DOOR",
        help="sign in as this door requires it, where that is newer or stronger than the sign-in in the browser",
    )
    command("logout", "sign out of a service, here and there")
    command("status", "say who is signed in where, and until when")
    listed = command("list", "list the doors, by account")
    listed.add_argument("search", metavar="SEARCH", nargs="*", help="only doors with all these words")
    listed.add_argument("--json", action="store_true", help="print one JSON document")
    opened = command("open", "open the console of a door in the browser")
    opened.add_argument("door", metavar="DOOR")
    opened.add_argument("--destination", metavar="URL", help="the console page to open")
    opened.add_argument("--region", metavar="REGION", help="the region to open")
    credentials = command("credentials", "print credentials, in the form of credential_process")
    credentials.add_argument("door", metavar="DOOR")
    credentials.add_argument(
        "--interactive",
        action="store_true",
        help="with a terminal: sign in by the browser if the login has ended",
    )
    environment = command("env", "print credentials, as variables for a shell to evaluate")
    environment.add_argument("door", metavar="DOOR")
    environment.add_argument("--shell", choices=SHELLS, help="default: what SHELL names")
    executed = command("exec", "run a command with credentials in its environment")
    executed.usage = "awscons-cli exec [-h] [--service URL] [--debug] [--agent] DOOR -- COMMAND …"
    executed.add_argument("door", metavar="DOOR")
    for each in (credentials, environment, executed):
        each.add_argument(
            "--agent",
            action="store_true",
            help="with the restricted rights that the door has for coding agents",
        )
    configured = command("configure", "write profiles for all doors into the file of the AWS CLI")
    configured.add_argument(
        "--template",
        default="{account_slug}-{role}",
        help="names of the profiles, from {door}, {account_slug}, {account_id}, {account_name}, {role}, {partition} "
        "and {region}; default: %(default)s",
    )
    configured.add_argument(
        "--prune", action="store_true", help="remove our profiles whose doors do not open any more"
    )
    configured.add_argument("--dry-run", action="store_true", help="print the difference, and write nothing")
    completed = command("completion", "print the completion for a shell")
    completed.add_argument("for_shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; gives the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _say_every_letter()
    if words[:1] == ["_complete"]:
        from awscons_cli.shells import candidates

        print("\n".join(candidates(build_parser(), words[1:])))
        return 0
    command: list[str] = []
    if "--" in words and words[:1] == ["exec"]:
        place = words.index("--")
        words, command = words[:place], words[place + 1 :]
    options = argparse.Namespace(debug=False, command=command)
    try:
        try:
            return _run(build_parser().parse_args(words, options))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except ClientError as error:
        print(f"awscons-cli: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("awscons-cli: Stopped.", file=sys.stderr)
        return 130
    except Exception as error:  # noqa: BLE001 - a line about it, whatever it is
        return _failed(error, debug=options.debug)


def _failed(error: Exception, *, debug: bool) -> int:
    if isinstance(error, OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what Python still has to write
    if isinstance(error, BrokenPipeError):  # the reader of our output has seen enough
        return 1
    if debug:
        raise error
    words = f"An unexpected error: {error!r}. With --debug it says where."
    if isinstance(error, OSError) and error.strerror:
        words = f"{error.strerror}."
    print(f"awscons-cli: {words}", file=sys.stderr)
    return 1


def _say_every_letter() -> None:
    """A terminal may lack the letters of somebody's name: then it gets their codes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(options: argparse.Namespace) -> int:
    """Import the module of the command, and no other: most of the time of a short command is imports."""
    chosen = options.chosen
    if options.debug:
        from awscons_cli.http_calls import turn_debug_on

        turn_debug_on()
    if chosen == "credentials":
        from awscons_cli.role_credentials import credentials_command as run
    elif chosen in {"login", "logout", "status"}:
        from awscons_cli import signing_in

        run = {
            "login": signing_in.login_command,
            "logout": signing_in.logout_command,
            "status": signing_in.status_command,
        }[chosen]
    elif chosen in {"list", "open"}:
        from awscons_cli import doors

        run = {"list": doors.list_command, "open": doors.open_command}[chosen]
    elif chosen == "configure":
        from awscons_cli.configuring import configure_command as run
    else:
        from awscons_cli import shells

        run = {
            "env": shells.env_command,
            "exec": shells.exec_command,
            "completion": shells.completion_command,
        }[chosen]
    return run(options)
