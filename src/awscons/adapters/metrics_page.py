"""The metrics page: counters of all processes and current gauges, in Prometheus's text format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from awscons.adapters.metered_ports import NOT_WRITTEN
from awscons.adapters.shared_counters import BUCKETS, DECISIONS, REJECTED, UPSTREAM, SharedCounters
from awscons.audit.event import Action, Outcome
from awscons.audit.metrics_recorder import Gauge, GaugeSource
from awscons.errors import RoleRefused, StoreUnavailable
from awscons.signin.rate_limits import FROM_ONE_ADDRESS, FROM_ONE_NETWORK, OF_ONE_PERSON, OVERALL

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


_FROM_THE_START: Mapping[str, tuple[tuple[str, ...], ...]] = {
    DECISIONS[0]: tuple(
        (action.value, outcome.value, reason)
        for action in Action
        for outcome, reason in ((Outcome.DONE, ""), (Outcome.FAILED, StoreUnavailable.__name__))
    ),
    REJECTED[0]: ((FROM_ONE_ADDRESS,), (FROM_ONE_NETWORK,), (OVERALL,), (OF_ONE_PERSON,), (NOT_WRITTEN,)),
    UPSTREAM[0]: (("sts", RoleRefused.__name__, "sum"),),
}
"""Series that are 0 before their first event: Prometheus sees no increase in a series that begins with 1."""


class MetricsPage:
    """The page that a scrape reads: the totals, and the current value of every gauge."""

    def __init__(self, shared_counters: SharedCounters, gauges: Sequence[GaugeSource]) -> None:
        self._shared_counters = shared_counters
        self._gauges = gauges

    def text(self) -> bytes:
        """The page in Prometheus's text format, version 0.0.4. Raises sqlite3.Error."""
        # Imported here, because only a service with metrics needs this library.
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415  see above

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(self._families))
        return generate_latest(registry)

    def _families(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415  as above

        counted = self._shared_counters.totals()
        totals = {
            name: dict.fromkeys(series, 0.0) | counted.get(name, {})
            for name, series in _FROM_THE_START.items()
        }
        for (name, description), label_names in (
            (DECISIONS, ["action", "outcome", "reason"]),
            (REJECTED, ["reason"]),
        ):
            family = CounterMetricFamily(name, description, labels=label_names)
            for labels, value in totals[name].items():
                family.add_metric(labels, value)
            yield family
        yield _histogram(totals[UPSTREAM[0]])
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
    """A collector with the interface that prometheus_client expects."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self.collect = families


def _histogram(totals: dict[tuple[str, ...], float]) -> Metric:
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415  as above

    family = HistogramMetricFamily(*UPSTREAM, labels=["step", "outcome"])
    for step, outcome in sorted({(labels[0], labels[1]) for labels in totals}):
        buckets, so_far = [], 0.0
        for end in [*(f"{bucket}" for bucket in BUCKETS), "+Inf"]:
            so_far += totals.get((step, outcome, end), 0.0)
            buckets.append((end, so_far))
        family.add_metric([step, outcome], buckets, totals.get((step, outcome, "sum"), 0.0))
    return family
