"""Where a process writes its audit events: one stream for each process, linked, on its way to the disk when it returns.

    standard error, or `audit_log`   the events
    `audit-heads` in the state folder   the last event of each process on this host, for the checkpoints of the others

No lock is shared between processes. A checkpoint every ten minutes, and one at the end of a process, name the heads of
all streams of the host: what was cut off the end of one is missed by the others.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TextIO

from awscons.audit.chain import AuditKey, Chain
from awscons.audit.event import Action, AuditEvent, Outcome
from awscons.errors import AuditLogUnwritable, KeysRefused

CHECKPOINT_EVERY = timedelta(minutes=10)
_KEEP_HEADS = timedelta(days=2)


class Sink(Protocol):
    """Takes finished lines. Raises OSError when one cannot be written."""

    def write(self, line: str) -> None:
        """Write one line, without its line break, in one piece."""


class StreamSink:
    """Standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """See `Sink`."""
        stream = self._stream or sys.stderr
        stream.write(f"{line}\n")
        stream.flush()


class FileSink:
    """A file that somebody else rotates: it is opened again when it was moved or removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._inode: tuple[int, int] | None = None
        self._is_torn = False

    def write(self, line: str) -> None:
        """See `Sink`. Each line is one system call that appends, so that those of several processes do not mix."""
        if self._inode is None or self._inode != self._now():
            self._open()
        # Part of a line may stand at the end of the file: this one then begins after it.
        start = "\n" if self._is_torn else ""
        data = f"{start}{line}\n".encode()
        written = os.write(self._descriptor, data)
        self._is_torn = written != len(data)
        if self._is_torn:
            raise OSError("only a part of the line was written: the disk is full")

    def _now(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _open(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._inode, self._is_torn = -1, None, False
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        found = os.fstat(self._descriptor)
        self._inode = found.st_dev, found.st_ino


KeySource = Callable[[datetime], AuditKey | None]
"""Gives the key of a moment's hour (UTC)."""


def _no_key(_now: datetime) -> AuditKey | None:
    return None


class AuditStream:
    """The stream of the process that uses it; a forked process begins its own. Safe for many threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """`clock` gives UTC. Without `use` and `keep`, events go to standard error."""
        self._stream: Sink = StreamSink()
        self._file: FileSink | None = None
        self._to_json: Callable[[dict[str, object]], str] = json.dumps
        self._clock = clock
        self._key: KeySource = _no_key
        self._heads: Path | None = None
        self._has_checkpoints = False
        self._lock = threading.Lock()
        self._process = 0
        self._chain: Chain | None = None
        self._checkpoint: str | None = None
        self._stop = threading.Event()

    def use(self, stream: TextIO | None, to_json: Callable[[dict[str, object]], str]) -> None:
        """Write to that stream until `keep` names a file; None: standard error."""
        with self._lock:
            self._stream, self._to_json, self._file = StreamSink(stream), to_json, None

    def keep(
        self, file: Path | None, *, heads: Path | None, key: KeySource | None, checkpoints: bool
    ) -> None:
        """Write to that file instead.

        heads   the folder of heads; None: checkpoints name this stream alone
        key     for the key of the hour; None: events are not signed. It counts from the next process on
        checkpoints   whether to write them: for a process that serves
        """
        with self._lock:
            self._file = FileSink(file) if file is not None else None
            self._heads, self._key, self._has_checkpoints = heads, key or _no_key, checkpoints

    def write(self, facts: Mapping[str, object]) -> None:
        """Link and write one event. Raises AuditLogUnwritable."""
        with self._lock:
            self._write(facts, self._own_chain())

    def checkpoint(self, *, at_stop: bool = False) -> None:
        """Write a checkpoint: the heads of all streams of this host. Raises AuditLogUnwritable."""
        with self._lock:
            chain = self._chain
            if chain is None or self._process != os.getpid():
                return  # nothing was written
            heads = {chain.stream: [chain.seq - 1, chain.head], **self._heads_of_others(chain)}
            event = AuditEvent(action=Action.CHECKPOINT, outcome=Outcome.DONE).facts()
            more = {"heads": heads, "last_checkpoint": self._checkpoint, "at_stop": at_stop}
            self._write(
                {**event, **more, "event": "audit", "level": "info", "logger": "awscons.audit"}, chain
            )
            self._checkpoint = chain.head
            self._note_head(chain)
            with suppress(KeysRefused):
                self._key(self._clock())  # the file then holds the key of this hour

    def _own_chain(self) -> Chain:
        if self._chain is None or self._process != os.getpid():
            # First the key: without it a forked process has no chain, least of all that of its parent.
            try:
                key = self._key(self._clock())
            except KeysRefused as error:
                raise AuditLogUnwritable(
                    f"the audit log cannot be signed: {error}", hint=error.hint
                ) from None
            self._process, self._checkpoint = os.getpid(), None
            started = self._clock().isoformat().replace("+00:00", "Z")
            stream = f"{socket.gethostname()}/{self._process}/{started}"
            self._chain = Chain(stream, key)
            if self._has_checkpoints:
                self._stop = threading.Event()
                threading.Thread(target=self._at_intervals, args=(self._stop,), daemon=True).start()
                atexit.register(self._at_exit)
        return self._chain

    def _write(self, facts: Mapping[str, object], chain: Chain) -> None:
        now = self._clock()
        stamped = {**facts, "timestamp": now.isoformat().replace("+00:00", "Z")}
        before = chain.seq, chain.head
        line = self._to_json(chain.link(stamped, salt=secrets.token_hex(16), now=now))
        try:
            (self._file or self._stream).write(line)
        except (OSError, ValueError) as error:  # ValueError: a closed stream
            chain.seq, chain.head = before
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise AuditLogUnwritable(f"the audit log cannot be written: {reason}") from None

    # --- checkpoints ---------------------------------------------------------------------

    def _at_intervals(self, stop: threading.Event) -> None:
        while not stop.wait(CHECKPOINT_EVERY.total_seconds()):
            with suppress(AuditLogUnwritable):  # the next event reports it
                self.checkpoint()

    def _at_exit(self) -> None:
        self._stop.set()
        with suppress(AuditLogUnwritable):
            self.checkpoint(at_stop=True)

    def _note_head(self, chain: Chain) -> None:
        if self._heads is None:
            return
        with suppress(OSError):
            self._heads.mkdir(mode=0o700, parents=True, exist_ok=True)
            own = self._heads / f"{self._process}.json"
            draft = own.with_suffix(f".{secrets.token_hex(4)}")
            draft.write_text(json.dumps({chain.stream: [chain.seq - 1, chain.head]}))
            draft.replace(own)

    def _heads_of_others(self, chain: Chain) -> dict[str, object]:
        """The last heads of the other processes of this host; those of long ago are removed."""
        found: dict[str, object] = {}
        oldest = self._clock() - _KEEP_HEADS
        for file in sorted(self._heads.glob("*.json")) if self._heads else ():
            with suppress(OSError, ValueError):
                if datetime.fromtimestamp(file.stat().st_mtime, UTC) < oldest:
                    file.unlink()
                    continue
                found |= {
                    name: head for name, head in json.loads(file.read_text()).items() if name != chain.stream
                }
        return found
