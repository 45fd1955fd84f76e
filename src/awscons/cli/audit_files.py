"""Reads the lines of audit logs: files, gzip files, standard input; with a progress bar where somebody watches."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

import click

from awscons.audit.reading import FoundEvent, find_event, split_events
from awscons.errors import AwsconsError

_GZIP = b"\x1f\x8b"
_LONGEST = 1_000_000
"""Bytes of a line; a longer one is read in parts, whatever somebody has packed into a small gzip file."""
_STEP = 1_000_000
"""Bytes between two moves of the progress bar."""


class AuditFileUnreadable(AwsconsError):
    """A file of a log cannot be read."""


def read_lines(files: Sequence[Path], label: str) -> Iterator[tuple[str, str]]:
    """Each line with its place, `FILE:NUMBER`; where events stand in one line, each by itself.

    Raises AuditFileUnreadable.
    """
    total = sum(file.stat().st_size for file in files if file.is_file())
    with ExitStack() as stack:
        bar = stack.enter_context(
            click.progressbar(length=total, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())
        )
        for file in files:
            try:
                with ExitStack() as opened:
                    raw = sys.stdin.buffer if str(file) == "-" else opened.enter_context(file.open("rb"))
                    yield from _lines_of(raw, file, bar)
            except (OSError, EOFError, zlib.error) as error:
                reason = getattr(error, "strerror", None) or "it is cut off or damaged, or no gzip file"
                raise AuditFileUnreadable(f"{file} cannot be read: {reason}") from None


def _lines_of(
    raw: IO[bytes], file: Path, bar: click._termui_impl.ProgressBar[int]
) -> Iterator[tuple[str, str]]:
    reader = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)  # type: ignore[type-var]
    lines: IO[bytes] = gzip.GzipFile(fileobj=reader) if reader.peek(2)[:2] == _GZIP else reader  # type: ignore[assignment]
    position, number = 0, 1
    for line in iter(partial(lines.readline, _LONGEST), b""):
        for piece in split_events(line.decode("utf-8", "replace")):
            yield piece, f"{file}:{number}"
        number += line.endswith(b"\n")
        if number % 1_000 == 0 and raw.seekable() and raw.tell() - position >= _STEP:
            bar.update(raw.tell() - position)
            position = raw.tell()


def read_events(files: Sequence[Path], label: str) -> Iterator[tuple[FoundEvent, str]]:
    """Each audit event with its place. Raises AuditFileUnreadable."""
    for line, place in read_lines(files, label):
        found = find_event(line)
        if found is not None:
            yield found, place
