"""`awscons audit verify`, and the key that it verifies by."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple
from datetime import datetime
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from awscons.assembly.clock import utc_now
from awscons.audit.chain import AuditKey
from awscons.audit.event import Action
from awscons.audit.reading import moment_of
from awscons.audit.verification import (
    BROKEN,
    NO_ANCHOR,
    Anchored,
    Found,
    Kind,
    Link,
    StreamReport,
    heads_of,
    link_of,
    verify_stream,
)
from awscons.cli.audit_files import AuditFileUnreadable, read_events
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
    since: datetime | None,
    metrics: Path | None,
    as_json: bool,
) -> bool:
    """Print a report; whether every stream is intact. Raises AuditFileUnreadable, KeysRefused, UsageError.

    since     anchors before it do not count, because older files were rotated away (UTC); None: all count
    metrics   the file that node_exporter reads; None: none is written
    """
    if metrics is not None and metrics.suffix != ".prom":
        raise click.UsageError(f"{metrics}: node_exporter reads files whose names end in .prom")
    if since is not None and not anchors:
        raise click.UsageError("--since says which anchors count, so it needs --anchors")
    key = read_key_file(key_file) if key_file else None
    try:
        reports, without = _judge(files, key, anchors, since)
    except (sqlite3.Error, OSError) as error:
        raise AuditFileUnreadable(
            f"the folder for temporary files cannot be used: {error}",
            hint="set TMPDIR to a folder with as much free space as a fifth of the logs",
        ) from None
    if as_json:
        print_json({"streams": [_document(report) for report in reports], "unchained": without})
    else:
        for line in _lines(reports, without):
            click.echo(line)
    if metrics is not None:
        _write_metrics(metrics, reports)
    return bool(reports) and all(report.is_intact for report in reports)


def _judge(
    files: Sequence[Path], key: AuditKey | None, anchors: Sequence[Path], since: datetime | None
) -> tuple[list[StreamReport], int]:
    """A report for each stream, and the number of events that are in no chain."""
    # Streams may be spread over the files in any order: a database on disk sorts them, whatever their size.
    with (
        tempfile.TemporaryDirectory(prefix="awscons-audit-") as folder,
        closing(sqlite3.connect(Path(folder) / "links.sqlite3")) as links,
    ):
        links.execute("PRAGMA journal_mode = OFF")
        links.execute("PRAGMA synchronous = OFF")
        columns = "stream, seq, prev, hash, sound, signed, place, stop, redacted, late"
        links.execute(f"CREATE TABLE link ({columns})")
        links.execute("CREATE TABLE head (stream, seq, hash)")
        links.execute("CREATE TABLE anchor (stream, seq, hash PRIMARY KEY, before)")
        without = _gather(links, files, key)
        anchored = _gather_anchors(links, anchors, key, since)
        links.execute("CREATE INDEX by_stream ON link (stream, seq)")
        links.execute("CREATE INDEX head_by_stream ON head (stream, seq)")
        reports = [
            verify_stream(
                stream,
                _links(links, stream),
                _heads(links, stream),
                must_be_signed=key is not None,
                anchored=anchored.get(stream, NO_ANCHOR),
            )
            for stream in _streams(links)
        ]
        for report in reports:
            report.found += (Found(Kind.ANCHOR_ABSENT, seq) for seq in _without_anchor(links, report.stream))
    return reports, without


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
        links.execute("INSERT INTO link VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(link))
        if link.is_sound is not False:
            links.executemany("INSERT INTO head VALUES (?, ?, ?)", heads_of(found.facts))
    return without


def _gather_anchors(
    links: sqlite3.Connection, files: Sequence[Path], key: AuditKey | None, since: datetime | None
) -> dict[str, Anchored]:
    """Note the heads that anchors name; what they say of each stream. Raises AuditFileUnreadable."""
    anchored: dict[str, Anchored] = {}
    for file in files:
        count = 0
        for found, place in read_events([file], "reading anchors"):
            if found.facts.get("action") != Action.CHECKPOINT:
                continue
            link = link_of(found.facts, key, place=place, is_ambiguous=found.is_ambiguous)
            if link is None or link.is_sound is False or (key is not None and not link.is_signed):
                raise AuditFileUnreadable(f"the anchor at {place} is not as a service wrote it")
            count += 1
            moment = moment_of(found.facts)
            is_old = since is not None and moment is not None and moment < since
            heads = [*heads_of(found.facts), (link.stream, link.seq, link.hash)]
            links.executemany("INSERT INTO head VALUES (?, ?, ?)", heads)
            before = str(found.facts.get("last_checkpoint") or "")
            row = (link.stream, link.seq, link.hash, before)
            links.execute("INSERT OR IGNORE INTO anchor VALUES (?, ?, ?, ?)", row)
            for stream, seq, _ in heads:
                known = anchored.get(stream, NO_ANCHOR)
                gone, last = (
                    (max(known.gone, seq), known.last) if is_old else (known.gone, max(known.last, seq))
                )
                anchored[stream] = Anchored(gone, last)
        if not count:
            raise AuditFileUnreadable(f"{file} has no checkpoint, so it is no anchor")
    return anchored


def _without_anchor(links: sqlite3.Connection, stream: str) -> list[int]:
    """The numbers of the anchors of a stream, after its first, whose checkpoint before is not among them."""
    rows = links.execute(
        "SELECT seq FROM anchor AS one WHERE stream = ? AND before <> '' AND before NOT IN (SELECT hash FROM anchor)"
        " AND EXISTS (SELECT 1 FROM anchor WHERE stream = one.stream AND seq < one.seq) ORDER BY seq",
        (stream,),
    )
    return [seq for (seq,) in rows]


def _streams(links: sqlite3.Connection) -> list[str]:
    rows = links.execute("SELECT stream FROM link UNION SELECT stream FROM head ORDER BY stream")
    return [stream for (stream,) in rows]


def _links(links: sqlite3.Connection, stream: str) -> Iterator[Link]:
    rows = links.execute("SELECT * FROM link WHERE stream = ? ORDER BY seq, hash", (stream,))
    for _, seq, prev, found, sound, signed, place, *flags in rows:
        is_sound = None if sound is None else bool(sound)
        yield Link(stream, seq, prev, found, is_sound, bool(signed), place, *map(bool, flags))


def _heads(links: sqlite3.Connection, stream: str) -> list[tuple[int, str]]:
    return links.execute("SELECT seq, hash FROM head WHERE stream = ? ORDER BY seq", (stream,)).fetchall()


# --- what is printed ---------------------------------------------------------------------


def _lines(reports: Iterable[StreamReport], without: int) -> Iterator[str]:
    number = broken = 0
    for report in reports:
        number, broken = number + 1, broken + (not report.is_intact)
        state = "intact" if report.is_intact else "NOT INTACT"
        yield f"{printable(report.stream)}: {state}, {report.events:,} events, {report.first} to {report.last}"
        if report.redacted:
            yield f"  names were erased from {report.redacted:,} of them; the chain does not tell by whom"
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
    if found.kind is Kind.ANCHOR_ABSENT:
        return f"the anchor at {found.seq} names one before it that is not among those given"
    if found.kind is Kind.LATE:
        return (
            f"signed later than it says at {found.seq}{place}: its clock was set back, or it was made later"
        )
    if found.kind is Kind.STARTS_LATER:
        return f"starts at {found.seq}{place}: earlier files were not given"
    return f"{found.kind.value} at {found.seq}{place}"


def _document(report: StreamReport) -> dict[str, object]:
    return {
        "stream": report.stream,
        "intact": report.is_intact,
        "events": report.events,
        "redacted": report.redacted,
        "first": report.first,
        "last": report.last,
        "findings": [
            {"kind": found.kind.value, "seq": found.seq, "place": found.place, "breaks": found.kind in BROKEN}
            for found in report.found
        ],
    }
