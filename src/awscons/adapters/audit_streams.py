"""Where a process writes its audit events: one stream for each process, linked, on its way to the disk when it returns.

    standard error, or `audit_log`   the events
    `audit-heads` in the state folder   the last event of each process on this host, for the checkpoints of the others

No lock is shared between processes. A checkpoint every ten minutes where the process serves, and one at the end of each
process, name the heads of all streams of the host: what was cut off the end of one is missed by the others.
"""

from __future__ import annotations

import atexit
import errno
import hashlib
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
from awscons.audit.event import MAX_LINE, Action, AuditEvent, Outcome, shortened
from awscons.audit.verification import heads_of
from awscons.errors import AuditLogUnwritable, KeysRefused

CHECKPOINT_EVERY = timedelta(minutes=10)
_KEEP_HEADS = timedelta(days=2)
_HEADS = 50
"""Heads of other processes in one checkpoint."""


class Sink(Protocol):
    """Takes finished lines. Raises OSError when one cannot be written."""

    def write(self, line: str) -> None:
        """Write one line, without its line break, in one piece."""


class _Lines:
    """Writes lines to a descriptor, past all buffers: what a buffer holds back may be written later all the same."""

    def __init__(self) -> None:
        self._is_torn = False

    def _append(self, descriptor: int, line: str) -> None:
        """Write the line with one system call, so that those of several processes do not mix. Raises OSError."""
        # Part of a line may stand at the end: this one then begins after it.
        start = "\n" if self._is_torn else ""
        data = f"{start}{line}\n".encode()
        missing = len(data) - os.write(descriptor, data)
        self._is_torn = missing > 0
        if missing > 1:
            raise OSError(errno.ENOSPC, "only a part of the line was written: the disk is full")
        # Where the line break alone is missing, the event is in the log.


class StreamSink(_Lines):
    """Standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream

    def write(self, line: str) -> None:
        """See `Sink`."""
        stream = self._stream or sys.stderr
        try:
            descriptor = stream.fileno()
        except (AttributeError, OSError, ValueError):  # Apache's log under mod_wsgi, or a text in memory
            stream.write(f"{line}\n")
            stream.flush()
        else:
            self._append(descriptor, line)


class FileSink(_Lines):
    """A file that somebody else rotates: it is opened again when it was moved or removed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._descriptor = -1
        self._inode: tuple[int, int] | None = None

    def write(self, line: str) -> None:
        """See `Sink`."""
        if self._inode is None or self._inode != self._now():
            self._open()
        self._append(self._descriptor, line)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._inode, self._is_torn = -1, None, False

    def _now(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _open(self) -> None:
        self.close()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self.path, flags | os.O_EXCL, 0o640)
        except FileExistsError:
            self._descriptor = os.open(self.path, flags, 0o640)
        else:
            self._give_to_owner_of_folder()
        found = os.fstat(self._descriptor)
        self._inode = found.st_dev, found.st_ino

    def _give_to_owner_of_folder(self) -> None:
        """A command of root must not make a file that the service cannot write."""
        if os.geteuid() == 0:
            with suppress(OSError):  # root of a container may not
                folder = self.path.parent.stat()
                os.fchown(self._descriptor, folder.st_uid, folder.st_gid)


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
        self._is_kept = self._serves = False
        self._lock = threading.Lock()
        self._process = 0
        self._chain: Chain | None = None
        self._checkpoint: str | None = None
        self._stop = threading.Event()

    def use(self, stream: TextIO | None, to_json: Callable[[dict[str, object]], str]) -> None:
        """Write to that stream until `keep` names a file; None: standard error."""
        with self._lock:
            self._stream, self._to_json = StreamSink(stream), to_json
            self._write_to(None)
            self._is_kept = False

    @property
    def is_kept(self) -> bool:
        """Whether `keep` has said where to write."""
        return self._is_kept

    def keep(self, file: Path | None, *, heads: Path | None, key: KeySource | None, serves: bool) -> None:
        """Write to that file, and a checkpoint at the end of the process.

        heads    the folder of heads; None: checkpoints name this stream alone
        key      for the key of the hour; None: events are not signed. It counts from the next process on
        serves   whether to write checkpoints every ten minutes as well: for a process that serves
        """
        with self._lock:
            self._write_to(file)
            self._heads, self._key = heads, key or _no_key
            self._is_kept, self._serves = True, serves

    def _write_to(self, file: Path | None) -> None:
        if self._file is not None and self._file.path == file:
            return
        if self._file is not None:
            self._file.close()
        self._file = FileSink(file) if file is not None else None

    def write(self, facts: Mapping[str, object]) -> None:
        """Link and write one event. Raises AuditLogUnwritable."""
        with self._lock:
            self._write(facts, self._own_chain())

    def checkpoint(self, *, at_stop: bool = False) -> None:
        """Write a checkpoint: the heads of all streams of this host. Raises AuditLogUnwritable.

        There are several where the heads do not fit one line.
        """
        with self._lock:
            chain = self._chain
            if chain is None or self._process != os.getpid():
                return  # nothing was written
            others = [*self._heads_of_others(chain).items()]
            event = AuditEvent(action=Action.CHECKPOINT, outcome=Outcome.DONE).facts()
            event |= {"event": "audit", "level": "info", "logger": "awscons.audit"}
            for begin in range(0, max(1, len(others)), _HEADS):
                heads = {chain.stream: [chain.seq - 1, chain.head], **dict(others[begin : begin + _HEADS])}
                is_last = begin + _HEADS >= len(others)
                more = {"heads": heads, "last_checkpoint": self._checkpoint, "at_stop": at_stop and is_last}
                self._write({**event, **more}, chain)
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
            self._stop = threading.Event()
            if self._serves:
                threading.Thread(target=self._at_intervals, args=(self._stop,), daemon=True).start()
            if self._is_kept:
                atexit.register(self._at_exit)
        return self._chain

    def _write(self, facts: Mapping[str, object], chain: Chain) -> None:
        now = self._clock()
        stamped = {**facts, "timestamp": now.isoformat().replace("+00:00", "Z")}
        before = chain.seq, chain.head
        salt = secrets.token_hex(16)
        line = self._to_json(chain.link(stamped, salt=salt, now=now))
        if (excess := len(line.encode()) - MAX_LINE) > 0:
            chain.seq, chain.head = before
            line = self._to_json(chain.link(shortened(stamped, excess, self._to_json), salt=salt, now=now))
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
        if self._stop.is_set():
            return  # a forked process is told twice, once for its parent
        self._stop.set()
        with suppress(AuditLogUnwritable):
            self.checkpoint(at_stop=True)

    def _note_head(self, chain: Chain) -> None:
        # The checkpoints of others must not name what a command has written to a terminal, where nobody keeps it.
        if self._heads is None or not (self._serves or self._file):
            return
        with suppress(OSError):
            if self._serves:  # a command, which may be root's, must not own the folder
                self._heads.mkdir(mode=0o700, parents=True, exist_ok=True)
            own = self._heads / f"{hashlib.sha256(chain.stream.encode()).hexdigest()[:32]}.json"
            draft = own.with_suffix(f".{secrets.token_hex(4)}")
            draft.write_text(json.dumps({chain.stream: [chain.seq - 1, chain.head]}))
            draft.chmod(0o644)
            draft.replace(own)

    def _heads_of_others(self, chain: Chain) -> dict[str, object]:
        """The last heads of the other processes of this host; those of long ago are removed."""
        found: dict[str, object] = {}
        oldest = self._clock() - _KEEP_HEADS
        for file in sorted(self._heads.glob("*.json")) if self._heads else ():
            with suppress(OSError, ValueError, RecursionError):
                if datetime.fromtimestamp(file.stat().st_mtime, UTC) < oldest:
                    file.unlink()
                    continue
                heads = heads_of({"heads": json.loads(file.read_text())})
                found |= {name: [seq, head] for name, seq, head in heads if name != chain.stream}
        return found
