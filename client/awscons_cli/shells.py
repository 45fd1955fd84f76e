"""env, exec and completion: what shells read, each in its own quoting."""

from __future__ import annotations

import contextlib
import os
import sys

from awscons_cli import SHELLS
from awscons_cli.errors import ClientError, UsageMistake
from awscons_cli.logins import Logins

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence


_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_OUR_REGION = "AWSCONS_REGION"
"""Says which region we chose, so that the next door's comes in its place."""


def variables(
    credentials: Mapping[str, str], region: str | None, environment: Mapping[str, str]
) -> dict[str, str | None]:
    """What SDKs read from the environment; None for what is to be removed.

    region   the door's; one that the person has chosen stays
    """
    found: dict[str, str | None] = {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
        "AWS_CREDENTIAL_EXPIRATION": credentials["Expiration"],
        # Some SDKs prefer a profile to the credentials of the environment.
        "AWS_PROFILE": None,
        "AWS_DEFAULT_PROFILE": None,
    }
    ours = environment.get(_OUR_REGION)
    if {environment.get(name) or ours for name in _REGIONS} == {ours} and (region or ours):
        found.update(dict.fromkeys((*_REGIONS, _OUR_REGION), region))
    return found


def assignments(shell: str, values: Mapping[str, str | None]) -> Iterator[str]:
    """Lines that set or remove these variables in that shell."""
    for name, value in values.items():
        if value is None:
            yield {
                "fish": f"set -e {name}",
                "powershell": f"Remove-Item Env:{name} -ErrorAction SilentlyContinue",
            }.get(shell, f"unset {name}")
        else:
            yield {
                "fish": f"set -gx {name} {_fish(value)}",
                "powershell": f"$Env:{name} = {_powershell(value)}",
            }.get(shell, f"export {name}={_posix(value)}")


def _posix(value: str) -> str:
    return "'" + value.replace("'", "'\"'\"'") + "'"


def _fish(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def own_shell(environment: Mapping[str, str], platform: str = sys.platform) -> str:
    """The shell that the environment speaks of; bash where that says nothing."""
    name = os.path.basename(environment.get("SHELL", ""))
    if name in SHELLS:
        return name
    return "powershell" if platform == "win32" else "bash"


def _values(options: argparse.Namespace) -> dict[str, str | None]:
    from awscons_cli.doors import fetch_doors, known_doors
    from awscons_cli.role_credentials import fetch, wants_agent

    login = Logins(os.environ).chosen(options.service)
    credentials = fetch(login, options.door, agent=wants_agent(options), for_long=True)
    doors = {door.get("name"): door for door in known_doors(login)}
    if options.door not in doors:  # its region stands in the list alone
        with contextlib.suppress(ClientError):
            doors = {door["name"]: door for door in fetch_doors(login)[0]}
    return variables(credentials, doors.get(options.door, {}).get("region"), os.environ)


def env_command(options: argparse.Namespace) -> int:
    """`env`: print what a shell evaluates."""
    values = _values(options)
    for line in assignments(options.shell or own_shell(os.environ), values):
        print(line)
    return 0


def exec_command(options: argparse.Namespace) -> int:
    """`exec`: become the command, with the credentials in its environment."""
    if not options.command:
        raise UsageMistake("There is no command to run.", "Write it after --, as in: exec DOOR -- aws s3 ls")
    values = {**os.environ, **_values(options)}
    environment = {name: value for name, value in values.items() if value is not None}
    program = options.command[0]
    try:
        if sys.platform == "win32":  # there, a replaced process lets its parent go on at once
            import subprocess

            return subprocess.call(options.command, env=environment)  # noqa: S603 - the person's own command
        import signal

        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a command would inherit that
        os.execvpe(program, options.command, environment)  # noqa: S606 - the same
    except OSError as error:
        failure = ClientError(f"{program} cannot be run: {error.strerror}.")
        failure.exit_status = 127 if isinstance(error, FileNotFoundError) else 126  # as shells have it
        raise failure from None


def completion_command(options: argparse.Namespace) -> int:
    """`completion`: print what a shell loads at its start."""
    print(_SCRIPTS[options.for_shell])
    return 0


def candidates(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """What may stand in place of the last word; asks nobody, and knows the doors of the last list.

    words   the command line behind the name of the program
    """
    *before, last = words or [""]
    commands = next(action.choices for action in parser._actions if isinstance(action.choices, dict))  # noqa: SLF001
    chosen = [word for word in before if word in commands]
    if not chosen:
        found = list(commands)
    else:
        actions = commands[chosen[0]]._actions  # noqa: SLF001
        options = {name: action for action in actions for name in action.option_strings}
        takes_value = {name for name, action in options.items() if action.nargs != 0}
        given = [
            word
            for previous, word in zip(before, before[1:])
            if not (word.startswith("-") or previous in takes_value)
        ]
        previous = options.get(before[-1])
        if previous is not None and previous.nargs != 0:
            found = [str(choice) for choice in previous.choices or ()]
            found += _door_names(every=False) if previous.dest == "for_door" else []
        elif last.startswith("-"):
            found = list(options)
        else:
            found = [
                str(choice)
                for action in actions
                if not action.option_strings
                for choice in action.choices or ()
            ]
            if any(action.dest == "door" for action in actions) and not given:
                found += _door_names(every=chosen[0] == "open")
    return [word for word in found if word.startswith(last.strip('"'))]


def _door_names(*, every: bool) -> list[str]:
    """The doors of the last list; only those for the command line, unless `every` one is asked for."""
    from awscons_cli.doors import known_doors

    try:
        doors = known_doors(Logins(os.environ).chosen(None))
    except ClientError:
        return []
    return [str(door.get("name")) for door in doors if every or door.get("cli")]


_SCRIPTS = {
    "bash": """_awscons_cli() {
    local IFS=$'\\n'
    COMPREPLY=($(awscons-cli _complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -F _awscons_cli awscons-cli""",
    "zsh": """#compdef awscons-cli
_awscons_cli() {
    local -a found
    found=("${(@f)$(awscons-cli _complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    compadd -- "${found[@]}"
}
compdef _awscons_cli awscons-cli""",
    "fish": """function __awscons_cli
    awscons-cli _complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c awscons-cli -f -a '(__awscons_cli)'""",
    "powershell": """Register-ArgumentCompleter -Native -CommandName awscons-cli -ScriptBlock {
    param($word, $ast, $position)
    $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($word -eq '') { $words += '""' }
    awscons-cli _complete @words 2>$null | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}""",
}
