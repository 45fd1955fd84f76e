"""The durations that AWS accepted last for each target, so that a sign-in does not repeat refused ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from awscons.access.targets import Target
from awscons.aws.durations import Durations

_TTL = timedelta(hours=1)


class LastAcceptedDurations:
    """A cache of one process, safe for many threads.

    Without it, every sign-in to a target whose best plan AWS refuses would make that failing call first. An
    entry expires after an hour, and the best plan is tried again: an administrator may have raised the role's
    maximum, and AWS does not say why it refuses a duration.
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        """`clock` returns UTC."""
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted: dict[str, tuple[Durations, datetime]] = {}

    def from_last_accepted(self, target: Target, plans: Sequence[Durations]) -> Sequence[Durations]:
        """The plans from the last accepted one on; all plans when there is none, or it expired."""
        with self._lock:
            plan, until = self._accepted.get(target.name, (None, self._clock()))
        if plan in plans and self._clock() < until:
            return plans[plans.index(plan) :]
        return plans

    def remember(self, target: Target, plan: Durations) -> None:
        """Save that AWS accepted this plan just now."""
        with self._lock:
            known, until = self._accepted.get(target.name, (None, self._clock()))
            if plan != known or self._clock() >= until:
                self._accepted[target.name] = (plan, self._clock() + _TTL)

    def last(self, target: Target) -> Durations | None:
        """The plan that AWS accepted last, also if it expired; None when there is none."""
        with self._lock:
            return self._accepted.get(target.name, (None, None))[0]
