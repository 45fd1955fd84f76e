"""Counters of all processes of a host, added up in a small SQLite file.

A scrape reaches one process and has to see the counts of all of them. Each process counts in its own memory, which
costs a request about a microsecond, and once a second adds what is new to the totals in the file. So no count
depends on which processes are alive, a restart resets nothing, and a process that dies leaves nothing to clean up.
A process that is killed loses what it counted in its last second.

prometheus_client's own multiprocess mode keeps a file for every process that ever ran, and an environment variable
has to switch it on before the first import.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import structlog

from awscons.adapters.stores.choice import state_folder
from awscons.audit.event import AuditEvent
from awscons.config.settings import Settings
from awscons.errors import ConfigurationError, Mistake

_log = structlog.get_logger(__name__)

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: upper bounds of the histogram of upstream calls."""
_TABLE = "CREATE TABLE totals (name TEXT, labels TEXT, value REAL NOT NULL, PRIMARY KEY (name, labels)) WITHOUT ROWID"
"""As SQLite keeps the statement in the file, by which another layout is known."""
_FLUSH_INTERVAL = 1.0
"""Seconds."""
_MAX_SERIES = 1_000
"""Maximum number of series of one process. Above it nothing new is counted: a label has too many values."""

DECISIONS = ("awscons_decisions", "Sign-ins, consoles, sign-outs: by action, outcome and reason.")
REJECTED = (
    "awscons_requests_rejected",
    "Requests rejected unseen, and audit events that were lost, by reason.",
)
UPSTREAM = ("awscons_upstream_seconds", "Seconds until AWS answered, by step and outcome.")

_Series = tuple[str, tuple[str, ...]]
"""A metric's name and the values of its labels."""


class SharedCounters:
    """The `MetricsRecorder` of one process, and the totals of all of them. Safe for many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._new: dict[_Series, float] = defaultdict(float)
        self._seen: set[_Series] = set()
        self._flusher: threading.Thread | None = None

    def prepare(self) -> None:
        """Make the file and its table. Raises OSError, sqlite3.Error; ValueError when it holds anything else."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with closing(self._connect()) as connection:
                found = [statement for (statement,) in connection.execute("SELECT sql FROM sqlite_master")]
                if found not in ([], [_TABLE]):
                    raise ValueError("of another program or release; without it counters begin at zero")
                connection.execute("PRAGMA journal_mode = WAL")
                if not found:
                    connection.execute(_TABLE)
        finally:
            os.close(lock)

    # --- recording --------------------------------------------------------------------

    def record_decision(self, event: AuditEvent) -> None:
        """See `audit.metrics_recorder.MetricsRecorder`."""
        name, _ = DECISIONS
        self._add((name, (event.action.value, event.outcome.value, event.reason or "")))

    def record_rejection(self, reason: str) -> None:
        """See `audit.metrics_recorder.MetricsRecorder`."""
        name, _ = REJECTED
        self._add((name, (reason,)))

    def record_upstream_call(self, step: str, outcome: str, seconds: float) -> None:
        """See `audit.metrics_recorder.MetricsRecorder`."""
        name, _ = UPSTREAM
        end = next((f"{bucket}" for bucket in BUCKETS if seconds <= bucket), "+Inf")
        self._add((name, (step, outcome, end)))
        self._add((name, (step, outcome, "sum")), seconds)

    def _add(self, series: _Series, amount: float = 1.0) -> None:
        with self._lock:
            if series not in self._seen:
                if len(self._seen) >= _MAX_SERIES:
                    return
                self._seen.add(series)
            self._new[series] += amount
            if self._flusher is None:
                # Started by the first count, so in the process that serves: threads do not survive a fork.
                self._flusher = threading.Thread(target=self._flush_for_ever, daemon=True, name="metrics")
                self._flusher.start()
                atexit.register(self.flush)

    # --- totals --------------------------------------------------------------------

    def _flush_for_ever(self) -> None:
        while True:
            time.sleep(_FLUSH_INTERVAL)
            self.flush()

    def flush(self) -> None:
        """Add what is new to the totals. If the file cannot be written now, the next flush writes it."""
        with self._lock:
            new, self._new = self._new, defaultdict(float)
        if not new:
            return
        rows = [(name, json.dumps(labels), value) for (name, labels), value in new.items()]
        try:
            with closing(self._connect()) as connection, connection:
                connection.executemany(
                    "INSERT INTO totals VALUES (?, ?, ?) "
                    "ON CONFLICT (name, labels) DO UPDATE SET value = value + excluded.value",
                    rows,
                )
        except (OSError, sqlite3.Error) as error:
            _log.warning("metrics.not_saved", error=f"{type(error).__name__}: {error}")
            with self._lock:
                for series, value in new.items():
                    self._new[series] += value

    def totals(self) -> dict[str, dict[tuple[str, ...], float]]:
        """The totals of all processes, by metric name and label values. Raises sqlite3.Error."""
        self.flush()
        found: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
        with closing(self._connect()) as connection:
            for name, labels, value in connection.execute("SELECT name, labels, value FROM totals"):
                found[name][tuple(json.loads(labels))] = value
        return found

    def _connect(self) -> sqlite3.Connection:
        if not self._path.exists():
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, timeout=2)
        # No fsync: a power failure may lose counts, which is cheaper than waiting for the disk.
        connection.execute("PRAGMA synchronous = OFF")
        return connection


def build_shared_counters(settings: Settings, *, environment: Mapping[str, str]) -> SharedCounters:
    """The counters in the file that the configuration names, or beside the embedded store.

    Raises ConfigurationError when the file cannot be made or written, or is another one.
    """
    named = settings.metrics.file
    path = Path(named) if named else state_folder(settings.backing, environment) / "metrics.sqlite3"
    shared_counters = SharedCounters(path)
    try:
        shared_counters.prepare()
    except (OSError, ValueError, sqlite3.Error) as error:
        found = f"{str(path)!r}: {(getattr(error, 'strerror', None) or str(error)).lower()}"
        mistake = Mistake("server_config.metrics_file", found, "a file that this user can make and write")
        raise ConfigurationError("metrics", [mistake]) from None
    return shared_counters
