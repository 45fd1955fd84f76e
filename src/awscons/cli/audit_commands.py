"""The commands of `awscons audit`: read and verify the audit log. See `program`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from awscons.cli.terminal import json_option

_files = click.argument(
    "files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path, allow_dash=True)
)


_Function = TypeVar("_Function", bound=Callable[..., Any])


def _utc(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """A moment in ISO 8601; without a zone it is UTC, without a time the day begins."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            "a date, or a date with a time: 2026-11-27 or 2026-11-27T08:00:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moment_option(*names: str, help_text: str) -> Callable[[_Function], _Function]:
    """An option that takes a moment."""
    return click.option(*names, callback=_utc, metavar="TIME", help=help_text)


@click.group()
def audit() -> None:
    """Verify the audit log, and answer questions from it.

    FILE is a log of this service: also rotated, compressed with gzip, merged, or exported from journald; - is standard
    input. Lines without an audit event are passed over.
    """


@audit.command("verify")
@json_option
@click.option(
    "--key", type=click.Path(path_type=Path), help="File with the first audit key, which you kept elsewhere."
)
@click.option(
    "--anchors",
    multiple=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="Log with checkpoints that you kept elsewhere. Can be given several times.",
)
@moment_option(
    "--since",
    help_text="Take no anchor before this moment (UTC) into account: older files of the log were rotated away.",
)
@click.option(
    "--metrics",
    type=click.Path(path_type=Path),
    help="Also write the result for Prometheus: a file NAME.prom in the folder of node_exporter's textfile collector.",
)
@_files
def audit_verify(
    files: tuple[Path, ...],
    key: Path | None,
    anchors: tuple[Path, ...],
    since: datetime | None,
    metrics: Path | None,
    *,
    as_json: bool,
) -> None:
    """Check that no audit event was changed, dropped or added, stream by stream.

    The exit status is 1 when a stream is not intact, or there is no audit event at all.
    """
    from awscons.cli.audit_verify_command import verify

    is_intact = verify(files, key_file=key, anchors=anchors, since=since, metrics=metrics, as_json=as_json)
    sys.exit(0 if is_intact else 1)


@audit.command("show")
@json_option
@click.option("--person", help="Of this person: a user name, a NameID or a role session name.")
@click.option("--target", help="Of this target.")
@click.option("--account", help="Of the roles of this account: its number.")
@click.option("--outcome", type=click.Choice(["done", "refused", "failed"]), help="With this outcome.")
@click.option(
    "--login", help="Of this login: the story of one sign-in, from its login id or the beginning of it."
)
@moment_option("--from", "begin", help_text="From this moment on (UTC).")
@moment_option("--to", "end", help_text="Before this moment (UTC).")
@_files
def audit_show(files: tuple[Path, ...], **options: Any) -> None:
    """Show who did what, when, and why they were allowed to."""
    from awscons.cli.audit_show_command import Selection, show

    as_json = options.pop("as_json")
    show(files, Selection(**options), as_json=as_json)


@audit.command("erase")
@click.argument("name")
@_files
def audit_erase(name: str, files: tuple[Path, ...]) -> None:
    """Write a copy of the audit events without what names the person NAME; the chain stays as it was.

    The copy goes to standard output. NAME is a user name, a NameID or a role session name; what else the events call
    this person is erased as well. Lines without an audit event may name the person, too, and are left out.
    """
    from awscons.cli.audit_erase_command import erase_person

    erase_person(name, files)


@audit.command("key")
@click.argument("file", type=click.Path(path_type=Path))
def audit_key(file: Path) -> None:
    """Make a key that signs audit events, in FILE.

    Copy it to a place that the service's host cannot read: `audit verify --key` needs this first key.
    """
    from awscons.cli.audit_verify_command import make_key

    make_key(file)


@audit.command("query")
@click.option(
    "--for",
    "tool",
    type=click.Choice(["athena", "logs-insights"]),
    required=True,
    help="Who runs the statement.",
)
@click.option("--person", help="Of this person: a user name or a NameID.")
@click.option("--target", help="Of this target.")
@moment_option("--from", "begin", help_text="What was done from this moment on (UTC).")
@moment_option("--to", "end", help_text="What was done before this moment (UTC).")
@click.option(
    "--events-table", default="awscons_audit", show_default=True, help="Athena's table of our audit events."
)
@click.option(
    "--cloudtrail-table", default="cloudtrail_logs", show_default=True, help="Athena's table of CloudTrail."
)
def audit_query(tool: str, begin: datetime | None, end: datetime | None, **options: Any) -> None:
    """Print a statement that joins our events to CloudTrail: what people did in the consoles that they opened."""
    from awscons.audit.queries import Question
    from awscons.cli.audit_export_commands import print_query

    if begin is None or end is None:
        raise click.UsageError("--from and --to are required: CloudTrail is large")
    question = Question(
        begin,
        end,
        person=options["person"],
        target=options["target"],
        events=options["events_table"],
        trail=options["cloudtrail_table"],
    )
    print_query(tool, question)


@audit.command("convert")
@click.option("--to", "shape", type=click.Choice(["ocsf", "ecs"]), required=True, help="The schema.")
@_files
def audit_convert(shape: str, files: tuple[Path, ...]) -> None:
    """Print the events in the schema of a SIEM, one JSON object a line: OCSF 1.8, or the Elastic Common Schema."""
    from awscons.cli.audit_export_commands import convert

    convert(shape, files)
