"""Metrics for Prometheus, added up over all processes of a host.

A scrape reaches one process, and has to hear of all of them. Each process counts in its own memory, which
costs a request a microsecond, and adds what is new to totals in a small SQLite file once a second. So no
count depends on which processes are alive, a restart sets nothing back to zero, and nothing has to be
swept up after a process that died; what one had counted within its last second is lost if it was killed.

prometheus_client's own way for several processes keeps a file for every process that there ever was, and
is switched on by an environment variable before it is first imported.
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
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from awscons.adapters.stores.choice import state_folder
from awscons.audit.events import AuditEvent, AuditLog
from awscons.audit.metrics_recorder import Gauge, GaugeSource, MetricsRecorder
from awscons.aws.durations import CredentialKind
from awscons.aws.ports import RoleAssumer, SigninTokens, StsRoute
from awscons.aws.role_credentials import RoleCredentials, SigninToken
from awscons.aws.role_request import RoleRequest
from awscons.config.settings import Settings
from awscons.errors import ConfigurationError, Mistake

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_log = structlog.get_logger(__name__)

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: upper ends of the classes that upstream answers are sorted into."""
_FLUSH_INTERVAL = 1.0
"""Seconds."""
_MAX_SERIES = 1_000
"""Series of one process; a label that takes more values than that is a mistake, and stops counting."""

_DECISIONS = ("awscons_decisions", "Sign-ins, consoles, sign-outs: by action, outcome and reason.")
_TURNED_AWAY = ("awscons_requests_rejected", "Requests refused before they were looked at, by reason.")
_UPSTREAM = ("awscons_upstream_seconds", "Seconds until AWS answered, by step and outcome.")

_Series = tuple[str, tuple[str, ...]]
"""A metric's name and the values of its labels."""


class SharedCounters:
    """The `Meter` of one process, and the totals of all of them. Safe for many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._new: dict[_Series, float] = defaultdict(float)
        self._seen: set[_Series] = set()
        self._flusher: threading.Thread | None = None

    def prepare(self) -> None:
        """Make the file and what is in it. Raises OSError or sqlite3.Error when that cannot be done."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS totals (name TEXT, labels TEXT, value REAL NOT NULL, "
                    "PRIMARY KEY (name, labels)) WITHOUT ROWID"
                )
        finally:
            os.close(lock)

    # --- what is told --------------------------------------------------------------------

    def record_decision(self, event: AuditEvent) -> None:
        """See `measures.Meter`."""
        name, _ = _DECISIONS
        self._add((name, (event.action.value, event.outcome.value, event.reason or "")))

    def record_rejection(self, reason: str) -> None:
        """See `measures.Meter`."""
        name, _ = _TURNED_AWAY
        self._add((name, (reason,)))

    def record_upstream_call(self, step: str, outcome: str, seconds: float) -> None:
        """See `measures.Meter`."""
        name, _ = _UPSTREAM
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
                # At the first count, hence in the process that serves: threads do not cross a fork.
                self._flusher = threading.Thread(target=self._flush_for_ever, daemon=True, name="metrics")
                self._flusher.start()
                atexit.register(self.flush)

    # --- what is kept --------------------------------------------------------------------

    def _flush_for_ever(self) -> None:
        while True:
            time.sleep(_FLUSH_INTERVAL)
            self.flush()

    def flush(self) -> None:
        """Add what is new to the totals. What cannot be written now is written later."""
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
        """What all processes have counted: by name, by values of labels. Raises sqlite3.Error."""
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
        # Counts are worth no disk's attention: a power cut may lose them.
        connection.execute("PRAGMA synchronous = OFF")
        return connection


def build_shared_counters(settings: Settings, *, environment: Mapping[str, str]) -> SharedCounters:
    """The tally in the file that the configuration names, or beside the embedded store.

    Raises ConfigurationError when it cannot be used.
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


class MetricsPage:
    """What a scrape reads: the totals, and every gauge as it is now."""

    def __init__(self, shared_counters: SharedCounters, gauges: Sequence[GaugeSource]) -> None:
        self._shared_counters = shared_counters
        self._gauges = gauges

    def text(self) -> bytes:
        """In Prometheus's text format, version 0.0.4."""
        # Late: only a service that is scraped needs it.
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415  see above

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(self._families))
        return generate_latest(registry)

    def _families(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415  as above

        totals = self._shared_counters.totals()
        for (name, description), label_names in (
            (_DECISIONS, ["action", "outcome", "reason"]),
            (_TURNED_AWAY, ["reason"]),
        ):
            family = CounterMetricFamily(name, description, labels=label_names)
            for labels, value in totals.get(name, {}).items():
                family.add_metric(labels, value)
            yield family
        yield _histogram(totals.get(_UPSTREAM[0], {}))
        by_name: dict[str, list[Gauge]] = defaultdict(list)
        for source in self._gauges:
            for gauge in source():
                by_name[gauge.name].append(gauge)
        for name, gauges in by_name.items():
            names = sorted(gauges[0].labels)
            gauge_family = GaugeMetricFamily(name, gauges[0].description, labels=names)
            for gauge in gauges:
                gauge_family.add_metric([gauge.labels.get(label, "") for label in names], gauge.value)
            yield gauge_family


class _Families:
    """A collector, as prometheus_client wants one."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self.collect = families


def _histogram(totals: dict[tuple[str, ...], float]) -> Metric:
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415  as above

    family = HistogramMetricFamily(*_UPSTREAM, labels=["step", "outcome"])
    for step, outcome in sorted({(labels[0], labels[1]) for labels in totals}):
        buckets, so_far = [], 0.0
        for end in [*(f"{bucket}" for bucket in BUCKETS), "+Inf"]:
            so_far += totals.get((step, outcome, end), 0.0)
            buckets.append((end, so_far))
        family.add_metric([step, outcome], buckets, totals.get((step, outcome, "sum"), 0.0))
    return family


# --- the ports, metered ------------------------------------------------------------------


class MeteredAuditLog:
    """An audit log whose events are counted as well."""

    def __init__(self, audit: AuditLog, recorder: MetricsRecorder) -> None:
        self._audit = audit
        self._recorder = recorder

    def record(self, event: AuditEvent) -> None:
        """Write and count one event."""
        self._audit.record(event)
        self._recorder.record_decision(event)


class _Timed:
    """Takes the time of one call; an error's class is its outcome."""

    def __init__(self, recorder: MetricsRecorder, step: str) -> None:
        self._recorder = recorder
        self._step = step

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        seconds = time.perf_counter() - self._begun
        self._recorder.record_upstream_call(self._step, kind.__name__ if kind else "ok", seconds)


class MeteredRoleAssumer:
    """The port to STS, timed."""

    def __init__(self, roles: RoleAssumer, recorder: MetricsRecorder) -> None:
        self._roles = roles
        self._recorder = recorder

    def configured_region(self, profile_name: str | None) -> str | None:
        """See `broker.RoleAssumer`."""
        return self._roles.configured_region(profile_name)

    def principal_arn(self, route: StsRoute, *, seconds_left: float) -> str:
        """See `broker.RoleAssumer`."""
        return self._roles.principal_arn(route, seconds_left=seconds_left)

    def prepare(self, route: StsRoute) -> None:
        """See `broker.RoleAssumer`."""
        self._roles.prepare(route)

    def credential_kind(self, route: StsRoute, *, seconds_left: float) -> CredentialKind:
        """See `broker.RoleAssumer`."""
        return self._roles.credential_kind(route, seconds_left=seconds_left)

    def renew_credentials(self, profile_name: str | None, *, seconds_left: float) -> bool:
        """See `broker.RoleAssumer`."""
        return self._roles.renew_credentials(profile_name, seconds_left=seconds_left)

    def assume_role(
        self, request: RoleRequest, route: StsRoute, *, role_session_duration: int, seconds_left: float
    ) -> RoleCredentials:
        """See `broker.RoleAssumer`."""
        with _Timed(self._recorder, "sts"):
            return self._roles.assume_role(
                request, route, role_session_duration=role_session_duration, seconds_left=seconds_left
            )


class MeteredSigninTokens:
    """The port to the federation endpoint, timed."""

    def __init__(self, signin_tokens: SigninTokens, recorder: MetricsRecorder) -> None:
        self._signin_tokens = signin_tokens
        self._recorder = recorder

    def prepare(self, endpoint: str, *, profile_name: str | None) -> None:
        """See `broker.SigninTokens`."""
        self._signin_tokens.prepare(endpoint, profile_name=profile_name)

    def signin_token(
        self,
        endpoint: str,
        credentials: RoleCredentials,
        *,
        profile_name: str | None,
        method: str,
        console_session_duration: int | None,
        seconds_left: float,
    ) -> SigninToken:
        """See `broker.SigninTokens`."""
        with _Timed(self._recorder, "federation"):
            return self._signin_tokens.signin_token(
                endpoint,
                credentials,
                profile_name=profile_name,
                method=method,
                console_session_duration=console_session_duration,
                seconds_left=seconds_left,
            )
