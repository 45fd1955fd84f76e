"""`awscons audit verify`, and the key that it verifies by."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from awscons.assembly.clock import utc_now
from awscons.audit.chain import AuditKey
from awscons.audit.verification import (
    BROKEN,
    Found,
    Kind,
    Link,
    StreamReport,
    heads_of,
    link_of,
    verify_stream,
)
from awscons.cli.audit_files import read_events
from awscons.cli.terminal import print_json, printable
from awscons.config.audit_key_file import new_audit_key, read_key_file, write_key_file

_SHOWN = 5
"""Findings of one kind in one stream; the others are counted."""


def make_key(file: Path) -> None:
    """Make an audit key in `file`, and print what to do next. Raises KeysRefused."""
    write_key_file(file, new_audit_key(utc_now()), replace=False)
    click.echo(f"made {file}")
    click.echo("Copy it to a place that the host of the service cannot read: `audit verify --key` needs it.")
    click.echo(f'Then set in server_config: "audit_key_file": {str(file.absolute())!r}')


def verify(
    files: Sequence[Path],
    *,
    key_file: Path | None,
    anchors: Sequence[Path],
    metrics: Path | None,
    as_json: bool,
) -> bool:
    """Print a report; whether every stream is intact. Raises AuditFileUnreadable, KeysRefused, UsageError.

    metrics   the file that node_exporter reads; None: none is written
    """
    if metrics is not None and metrics.suffix != ".prom":
        raise click.UsageError(f"{metrics}: node_exporter reads files whose names end in .prom")
    key = read_key_file(key_file) if key_file else None
    # Streams may be spread over the files in any order: a database on disk sorts them, whatever their size.
    with (
        tempfile.TemporaryDirectory(prefix="awscons-audit-") as folder,
        closing(sqlite3.connect(Path(folder) / "links.sqlite3")) as links,
    ):
        links.execute("PRAGMA journal_mode = OFF")
        links.execute("PRAGMA synchronous = OFF")
        links.execute("CREATE TABLE link (stream, seq, prev, hash, sound, signed, stop, place)")
        links.execute("CREATE TABLE head (stream, seq, hash)")
        without = _gather(links, files, key)
        anchored = set()
        for found, _ in read_events(anchors, "reading anchors"):
            heads = list(heads_of(found.facts))
            links.executemany("INSERT INTO head VALUES (?, ?, ?)", heads)
            anchored |= {stream for stream, _, _ in heads}
        links.execute("CREATE INDEX by_stream ON link (stream, seq)")
        reports = [
            verify_stream(
                stream,
                _links(links, stream),
                _heads(links, stream),
                must_be_signed=key is not None,
                is_anchored=stream in anchored,
            )
            for stream in _streams(links)
        ]
    if as_json:
        print_json({"streams": [_document(report) for report in reports], "unchained": without})
    else:
        for line in _lines(reports, without):
            click.echo(line)
    if metrics is not None:
        _write_metrics(metrics, reports)
    return bool(reports) and all(report.is_intact for report in reports)


def _write_metrics(file: Path, reports: Sequence[StreamReport]) -> None:
    """What Prometheus shall know: how many streams there are, how many are broken, and when that was found out."""
    registry = CollectorRegistry()
    streams = Gauge(
        "awscons_audit_streams", "Streams of the audit log, by state.", ["state"], registry=registry
    )
    for state, is_intact in (("intact", True), ("broken", False)):
        streams.labels(state).set(sum(report.is_intact is is_intact for report in reports))
    verified = Gauge(
        "awscons_audit_verified_timestamp_seconds", "When the audit log was verified.", registry=registry
    )
    verified.set_to_current_time()
    try:
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror}") from None


def _gather(links: sqlite3.Connection, files: Sequence[Path], key: AuditKey | None) -> int:
    """Note every event; the number of events that are in no chain."""
    without = 0
    for found, place in read_events(files, "reading"):
        link = link_of(found.facts, key, place=place, is_ambiguous=found.is_ambiguous)
        if link is None:
            without += 1
            continue
        row = (
            found.facts["stream"],
            link.seq,
            link.prev,
            link.hash,
            link.is_sound,
            link.is_signed,
            link.at_stop,
            link.place,
        )
        links.execute("INSERT INTO link VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        if link.is_sound is not False:
            links.executemany("INSERT INTO head VALUES (?, ?, ?)", heads_of(found.facts))
    return without


def _streams(links: sqlite3.Connection) -> list[str]:
    rows = links.execute("SELECT stream FROM link UNION SELECT stream FROM head ORDER BY stream")
    return [stream for (stream,) in rows]


def _links(links: sqlite3.Connection, stream: str) -> Iterator[Link]:
    rows = links.execute(
        "SELECT seq, prev, hash, sound, signed, place, stop FROM link WHERE stream = ? ORDER BY seq, hash",
        (stream,),
    )
    for seq, prev, found, sound, signed, place, stop in rows:
        yield Link(seq, prev, found, None if sound is None else bool(sound), bool(signed), place, bool(stop))


def _heads(links: sqlite3.Connection, stream: str) -> list[tuple[int, str]]:
    return links.execute("SELECT seq, hash FROM head WHERE stream = ? ORDER BY seq", (stream,)).fetchall()


# --- what is printed ---------------------------------------------------------------------


def _lines(reports: Iterable[StreamReport], without: int) -> Iterator[str]:
    number = broken = 0
    for report in reports:
        number, broken = number + 1, broken + (not report.is_intact)
        state = "intact" if report.is_intact else "NOT INTACT"
        yield f"{printable(report.stream)}: {state}, {report.events:,} events, {report.first} to {report.last}"
        for kind in Kind:
            own = [found for found in report.found if found.kind is kind]
            yield from (f"  {_words(found)}" for found in own[:_SHOWN])
            if len(own) > _SHOWN:
                yield f"  {kind.value}: {len(own) - _SHOWN:,} more"
    if without:
        yield f"{without:,} audit events are in no chain: an older release wrote them"
    yield f"{number:,} streams, {broken:,} not intact" if number else "no audit event with a chain was found"


def _words(found: Found) -> str:
    place = f" ({printable(found.place)})" if found.place else ""
    if found.kind is Kind.UNANCHORED:
        return (
            f"unanchored tail from {found.seq}: no checkpoint of another process or place vouches for its end"
        )
    if found.kind is Kind.ABSENT:
        return f"a checkpoint names it up to {found.seq}; its events are in files that were not given, or were removed"
    if found.kind is Kind.STARTS_LATER:
        return f"starts at {found.seq}{place}: earlier files were not given"
    return f"{found.kind.value} at {found.seq}{place}"


def _document(report: StreamReport) -> dict[str, object]:
    return {
        "stream": report.stream,
        "intact": report.is_intact,
        "events": report.events,
        "first": report.first,
        "last": report.last,
        "findings": [
            {"kind": found.kind.value, "seq": found.seq, "place": found.place, "breaks": found.kind in BROKEN}
            for found in report.found
        ],
    }
