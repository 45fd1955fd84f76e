"""`awscons audit query` and `convert`: our events for other people's tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from awscons.audit.queries import Question, athena, is_table, logs_insights
from awscons.audit.shapes import to_ecs, to_ocsf
from awscons.cli.audit_files import read_events
from awscons.cli.terminal import printable

_STATEMENTS = {"athena": athena, "logs-insights": logs_insights}
_SHAPES: dict[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {"ocsf": to_ocsf, "ecs": to_ecs}


def print_query(tool: str, question: Question) -> None:
    """Print a statement. Raises click.UsageError."""
    if question.begin >= question.end:
        raise click.UsageError("--to is not after --from")
    for option, name in (("--events-table", question.events), ("--cloudtrail-table", question.trail)):
        if not is_table(name):
            raise click.UsageError(f"{option} {printable(name)}: the name of a table, or DATABASE.TABLE")
    try:
        click.echo(_STATEMENTS[tool](question), nl=False)
    except ValueError as error:
        raise click.UsageError(f"--person or --target: {error}") from None
    except OverflowError:
        raise click.UsageError("--from or --to is too far away for a date") from None


def convert(shape: str, files: Sequence[Path]) -> None:
    """Print each event in that shape, one JSON object a line. Raises AuditFileUnreadable."""
    converted = left_out = 0
    for found, _ in read_events(files, "converting"):
        event = _SHAPES[shape](found.facts)
        if event is None:
            left_out += 1
        else:
            converted += 1
            click.echo(json.dumps(event))
    note = f", {left_out:,} have no counterpart there" if left_out else ""
    click.echo(f"{converted:,} events converted{note}", err=True)
