"""Writes awscons-cli.md from the parser of the client: `make reference`. A test compares the two."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from awscons_cli.program import ENVIRONMENT, EXIT_STATUSES, build_parser

PAGE = Path(__file__).with_name("awscons-cli.md")

_HEAD = """# awscons-cli

<!-- Written by `make reference` from the parser in client/awscons_cli/program.py. Edit that instead. -->

The doors of awscons in a terminal. [Your first terminal](../tutorial/first-terminal.md) shows the way; the zipapp
takes the same words: `python3 awscons.pyz login https://sso.example.com`.

Results go to standard output. What goes wrong is one line on standard error: a sentence and a hint. `credentials`
prints JSON on standard output and nothing else, whatever a browser or a library says.
"""

_STATE = """## Files

In the state folder, for their owner alone (mode 0600, folders 0700):

| file | content |
|---|---|
| `services.json` | addresses of services, the default, who signed in, when the login ends |
| `SERVICE/tokens.json` | access token and refresh token; with a keyring, only that they are there |
| `SERVICE/DOOR.credentials` | credentials, used until ten minutes before their end; `DOOR@agent`: a coding agent's |
| `SERVICE/DOOR.failure` | why the last call failed, for the programs that waited for it; `@login`: the last sign-in |
| `SERVICE/doors.json` | the last list of doors, for completion and regions |
| `*.lock` | locks between processes |

`logout`, and every answer that the login has ended, delete tokens and credentials.

In the file of the AWS CLI, `configure` owns what stands between `# >>> awscons-cli URL >>>` and
`# <<< awscons-cli URL <<<`, and nothing else.
"""


def page() -> str:
    """The reference, in Markdown."""
    parser = build_parser()
    commands: dict[str, argparse.ArgumentParser] = next(
        action.choices
        for action in parser._actions  # noqa: SLF001
        if isinstance(action.choices, dict)
    )
    return "\n".join([_HEAD, *_table(commands), *_details(commands), *_statuses(), *_environment(), _STATE])


def _table(commands: dict[str, argparse.ArgumentParser]) -> Iterator[str]:
    yield "## Commands\n\n| command | purpose |\n|---|---|"
    for name, command in commands.items():
        yield f"| [`awscons-cli {name}`](#{name}) | {command.description} |"
    yield "\nEvery command takes these options:\n\n| option | meaning |\n|---|---|"
    yield from _rows(commands["logout"])
    yield ""


def _details(commands: dict[str, argparse.ArgumentParser]) -> Iterator[str]:
    shared = set(_rows(commands["logout"]))
    for name, command in commands.items():
        vars(command).update(color=False)  # Python 3.14 would colour it on a terminal
        usage = " ".join(command.format_usage().removeprefix("usage: ").split())
        for option in ("[-h] ", "[--service URL] ", "[--debug] "):
            usage = usage.replace(option, "").replace(f" {option.strip()}", "")
        yield f"## {name}\n\n{command.description}\n\n```text\n{usage}\n```\n"
        own = [row for row in _rows(command) if row not in shared]
        if own:
            yield "| argument | meaning |\n|---|---|"
            yield from own
            yield ""


def _rows(command: argparse.ArgumentParser) -> Iterator[str]:
    for action in command._actions:  # noqa: SLF001
        if not isinstance(action, argparse._HelpAction) and action.help:  # noqa: SLF001
            name = action.option_strings[-1] if action.option_strings else str(action.metavar)
            text = action.help % {"default": f"`{action.default}`"}
            yield f"| `{name}` | {text[0].upper()}{text[1:]}. |"


def _statuses() -> Iterator[str]:
    yield "## Exit status\n\n| status | meaning |\n|---|---|"
    yield from (f"| {status} | {meaning} |" for status, meaning in EXIT_STATUSES)
    yield ""


def _environment() -> Iterator[str]:
    yield "## Environment\n\n| variable | meaning |\n|---|---|"
    yield from (f"| `{name}` | {meaning} |" for name, meaning in ENVIRONMENT)
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
