"""The port for metrics: events go to a `MetricsRecorder`, states are gauges that each scrape reads anew.

No label may hold a secret, or text that people choose freely: monitoring stores a time series for each value of a
label, for months.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from awscons.audit.event import AuditEvent


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """The metrics section of the configuration.

    token   the bearer token of `/metrics`; None: the page does not exist, and nothing is counted
    file    path of the counters' file; None: a file in the state folder
    """

    token: str | None = field(default=None, repr=False)
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Gauge:
    """The current value of a state, such as `awscons_certificate_expiry_seconds`, with its labels."""

    name: str
    description: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


GaugeSource = Callable[[], Iterable[Gauge]]
"""Called at each scrape, in the thread of the request. It must not wait for network or disk."""


class MetricsRecorder(Protocol):
    """Counts events. No method raises."""

    def record_decision(self, event: AuditEvent) -> None:
        """Count one decision: a sign-in, a console or a sign-out."""

    def record_rejection(self, reason: str) -> None:
        """Count a request that was rejected before it was processed; `reason` is one of a few fixed words."""

    def record_upstream_call(self, step: str, outcome: str, seconds: float) -> None:
        """Count a call to AWS. `step`: `sts` or `federation`; `outcome`: `ok` or an error's class."""


class NoMetrics:
    """Counts nothing: for a configuration without metrics."""

    def record_decision(self, event: AuditEvent) -> None:
        """Do nothing."""

    def record_rejection(self, reason: str) -> None:
        """Do nothing."""

    def record_upstream_call(self, step: str, outcome: str, seconds: float) -> None:
        """Do nothing."""
