"""Writes what the package installs for the command line: the man page and the shell completions (`make reference`).

Both come from the click tree of `awscons.cli.program`, so that a new option is in them once this has run. A test says
when it has not.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from awscons import __version__
from awscons.cli.program import cli

HERE = Path(__file__).resolve().parent
_NAME = "awscons"
_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "fish": FishComplete, "zsh": ZshComplete}
_EXIT_STATUS = {
    "0": "The command succeeded. Warnings do not change the status.",
    "1": "A check or another command failed; its message says why.",
    "2": "The command line or the configuration is wrong.",
    "3": "access diff: somebody can do more than before.",
}
_ENVIRONMENT = {
    "AWSCONS_CONFIG": "The configuration file, where no option names one.",
    "STATE_DIRECTORY": "Folder of the embedded store.",
    "AWSCONS_DEBUG": "Set to 1 to log debug lines.",
}


def files() -> Iterator[tuple[Path, str]]:
    """Each file with its content."""
    yield HERE / "awscons.1", "\n".join([*man_page(), ""])
    for shell, kind in _SHELLS.items():
        script = kind(cli, {}, _NAME, "_AWSCONS_COMPLETE").source()
        yield HERE / "completions" / f"awscons.{shell}", script.strip() + "\n"


def man_page() -> Iterator[str]:
    """Lines of the man page, in the macros of man(7)."""
    yield f'.TH AWSCONS 1 "" "awscons {__version__}" "User commands"'
    yield from (".SH NAME", f"awscons \\- {_escaped(_first_sentence(cli)).rstrip('.')}")
    yield from (".SH SYNOPSIS", r"\fBawscons\fR [\-\-version] [\-\-help] \fICOMMAND\fR [\fIOPTION\fR]...")
    yield from (".SH COMMANDS", "Every command has --help.".replace("-", r"\-"))
    yield from _commands(cli, click.Context(cli, info_name=_NAME))
    for title, table in (("EXIT STATUS", _EXIT_STATUS), ("ENVIRONMENT", _ENVIRONMENT)):
        yield f".SH {title}"
        for word, meaning in table.items():
            yield from (".TP", rf"\fB{word}\fR", _escaped(meaning))
    yield from (
        ".SH FILES",
        ".TP",
        "config.py",
        "The configuration. A sample is in share/awscons of the installation.",
    )


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name, command in group.commands.items():
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group) and not command.invoke_without_command:
            yield from _commands(command, inner)
            continue
        usage = " ".join(command.collect_usage_pieces(inner))
        yield f".SS {_escaped(inner.command_path)} {_escaped(usage)}"
        yield from _paragraphs(command.help or "")
        for parameter in command.get_params(inner):
            record = parameter.get_help_record(inner)
            if record and record[1] and "--help" not in parameter.opts:
                yield from (".TP", rf"\fB{_escaped(record[0])}\fR", _escaped(" ".join(record[1].split())))
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _paragraphs(text: str) -> Iterator[str]:
    paragraphs = re.split(r"\n\s*\n", textwrap.dedent(text).strip())
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield _escaped(" ".join(paragraph.split()))


def _first_sentence(command: click.Command) -> str:
    return (command.help or "").split("\n\n")[0]


def _escaped(text: str) -> str:
    """Text as troff prints it: a backslash, a hyphen that can be copied, no line that is taken for a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    for path, content in files():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
