"""What several commands share: options, tables, JSON, and escaping for terminals."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import click

from awscons.cli.service_surroundings import read_environment
from awscons.errors import quote_for_log

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=lambda: os.environ.get("AWSCONS_CONFIG", "config.py"),
    show_default="config.py",
    help="The configuration file.",
)


def _take_over(_context: click.Context, _option: click.Parameter, file: str | None) -> None:
    """Put the variables of the file into the environment of this process. Raises ConfigurationError."""
    if file is not None:
        os.environ.update(read_environment(file)[0])


env_file_option = click.option(
    "--env-file",
    callback=_take_over,
    expose_value=False,
    help="Read environment variables from this file first, as systemd does.",
)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


_Command = TypeVar("_Command", bound=Callable[..., object])


def log_option(name: str, purpose: str) -> Callable[[_Command], _Command]:
    """The option that gives audit logs to a command, as its argument `logs`. `purpose`: a sentence for the help."""
    return click.option(
        name,
        "logs",
        multiple=True,
        type=click.File(encoding="utf-8", errors="replace"),
        help=f"Audit log: {purpose} Can be given several times.",
    )


_Item = TypeVar("_Item")


def progress(
    items: Iterable[_Item], label: str, *, length: int | None = None
) -> AbstractContextManager[Iterable[_Item]]:
    """The items, with a progress bar on standard error while they are taken; none where that is no terminal.

    length   number of the items, where they have no `len`
    """
    return click.progressbar(
        items, length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    )


def print_json(document: Mapping[str, object]) -> None:
    """Print one JSON document on standard output, in ASCII: a terminal obeys some of the other characters."""
    click.echo(json.dumps(document, indent=2))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: columns aligned, two spaces of indent, no trailing spaces."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def markdown_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table in Markdown, for a comment on a merge request."""
    for number, row in enumerate(rows):
        cells = [
            printable(cell).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for cell in row
        ]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield f"|{'---|' * len(row)}"


def printable(text: str) -> str:
    """Text from outside, quoted and escaped if it contains control characters that a terminal would obey."""
    return text if text.isprintable() else quote_for_log(text)
