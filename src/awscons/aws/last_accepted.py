"""Which durations AWS accepted last for each target: a sign-in does not try again what AWS refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from awscons.access.targets import Target
from awscons.aws.durations import Durations

_TTL = timedelta(hours=1)


class LastAcceptedDurations:
    """A cache of one process, safe for many threads.

    An entry lives for an hour. AWS does not say why it refuses a duration, so the reason may have gone.
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        """`clock` gives UTC."""
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted: dict[str, tuple[Durations, datetime]] = {}

    def from_last_accepted(self, target: Target, plans: Sequence[Durations]) -> Sequence[Durations]:
        """The plans from the one that AWS accepted last; all of them, if it accepted none."""
        with self._lock:
            plan, until = self._accepted.get(target.name, (None, self._clock()))
        if plan in plans and self._clock() < until:
            return plans[plans.index(plan) :]
        return plans

    def remember(self, target: Target, plan: Durations) -> None:
        """AWS accepted this plan just now."""
        with self._lock:
            known, until = self._accepted.get(target.name, (None, self._clock()))
            if plan != known or self._clock() >= until:
                self._accepted[target.name] = (plan, self._clock() + _TTL)

    def last(self, target: Target) -> Durations | None:
        """The plan that AWS accepted last."""
        with self._lock:
            return self._accepted.get(target.name, (None, None))[0]
