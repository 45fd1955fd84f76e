"""What an operator's monitoring can ask: how often what happened, how long AWS took, what is due soon.

Two ports. Parts that do something tell a `Meter`; parts that know a state give gauges, which are worked
out anew whenever somebody looks. No label may ever hold a secret, or anything that people choose freely:
each of its values is a series that monitoring keeps for months.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from awscons.audit.events import AuditEvent


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """What the configuration decides about metrics.

    token   opens `/metrics`; None: there is no such page, and nothing is counted
    file    the file of the counters; None: in the state folder
    """

    token: str | None = field(default=None, repr=False)
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number as it is now: `awscons_certificate_expiry_seconds`, with labels that tell several apart."""

    name: str
    description: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


GaugeSource = Callable[[], Iterable[Gauge]]
"""Called at each look, in a request's thread: it answers at once, from what it knows already."""


class MetricsRecorder(Protocol):
    """Who counts. Telling it never fails a request."""

    def record_decision(self, event: AuditEvent) -> None:
        """One decision was taken: a sign-in, a console, a sign-out."""

    def record_rejection(self, reason: str) -> None:
        """A request was refused before it was looked at; `reason` is one of a few fixed words."""

    def record_upstream_call(self, step: str, outcome: str, seconds: float) -> None:
        """AWS answered, or did not. `step`: `sts` or `federation`; `outcome`: `ok`, or an error's class."""


class NoMetrics:
    """Counts nothing, for a service whose configuration asks for no metrics."""

    def record_decision(self, event: AuditEvent) -> None:
        """Nothing."""

    def record_rejection(self, reason: str) -> None:
        """Nothing."""

    def record_upstream_call(self, step: str, outcome: str, seconds: float) -> None:
        """Nothing."""
