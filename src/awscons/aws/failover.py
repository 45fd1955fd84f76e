"""Time budget, concurrency limit and circuit breakers of the broker.

They know nothing of AWS but names of regions. Each object belongs to one process, and is safe for many
threads.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from awscons.errors import BrokerBusy

_OPEN_FOR = timedelta(seconds=30)
_MAX_CIRCUIT_OPEN = timedelta(minutes=5)


class Budget:
    """The seconds that one sign-in may spend on AWS, counted from when the budget is made.

    It uses the monotonic clock and not the service's clock, because it becomes timeouts of sockets.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._ends - time.monotonic())

    def pause(self, max_seconds: float) -> None:
        """Sleep before the next try, a random time, so that sign-ins that failed together spread out."""
        time.sleep(min(self.left, random.uniform(max_seconds / 4, max_seconds)))  # noqa: S311  no secret


class ConcurrencyLimit:
    """Limits concurrent calls. At the limit, a caller waits up to `max_wait` seconds, then gets BrokerBusy.

    While AWS answers, a slot becomes free within that time. While AWS hangs, the short wait leaves threads
    for the pages that do not need AWS.

    A slot that becomes free is handed to the caller that waits longest and is never free in between. If it
    were, a caller that comes at that moment could take it, and one that waits could starve. Each waiting
    caller has a lock of its own; releasing that lock hands over the slot.
    """

    def __init__(self, max_concurrent: int, *, max_wait: float = 0.1) -> None:
        """`max_concurrent`: number of slots. `max_wait`: seconds to wait for one."""
        self._max_concurrent = max_concurrent
        self._max_wait = max_wait
        self._lock = threading.Lock()
        self._free = max_concurrent
        self._waiting: deque[threading.Lock] = deque()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """A slot for as long as the block runs. Raises BrokerBusy."""
        if not self._acquire():
            raise BrokerBusy(
                f"{self._max_concurrent} sign-ins are already waiting for AWS, "
                "the limit set by `max_concurrent_sign_ins`",
                hint="AWS is slow, or `max_concurrent_sign_ins` is too low for the number of people",
            )
        try:
            yield
        finally:
            self._release()

    def _acquire(self) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=self._max_wait):
            return True
        with self._lock:
            if turn not in self._waiting:
                return True  # another thread handed its slot over after the timeout
            self._waiting.remove(turn)
            return False

    def _release(self) -> None:
        """Hand the slot to the caller that waits longest; free it when none waits."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


@dataclass(slots=True)
class _OpenCircuit:
    """A region that failed. `retry_at`: UTC; from then on one sign-in may probe it."""

    failures: int
    retry_at: datetime


class Circuits:
    """A circuit breaker for each region.

    A region that failed is tried after the others for 30 seconds to 5 minutes. After that, one sign-in probes
    it in its configured order, while the others still try it last. It is never left out: when every region
    fails, a sign-in has to try them all to find one that works again.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        open_for: timedelta = _OPEN_FOR,
        max_open: timedelta = _MAX_CIRCUIT_OPEN,
    ) -> None:
        """`clock` returns UTC; `open_for`, `max_open`: of a circuit after its first failure, and at most."""
        self._clock = clock
        self._open_for = open_for
        self._max_open = max_open
        self._lock = threading.Lock()
        self._open: dict[str, _OpenCircuit] = {}

    def admits(self, name: str) -> bool:
        """Whether a call may be made now: the circuit is closed, or this call is the probe of an open one."""
        with self._lock:
            return self._admits(name, self._clock())

    def in_order(self, regions: Sequence[str]) -> list[str]:
        """The regions in the given order, but those with an open circuit last."""
        now = self._clock()
        with self._lock:
            healthy: list[str] = []
            failing: list[str] = []
            for region in regions:
                (healthy if self._admits(region, now) else failing).append(region)
        return healthy + failing

    def open_last(self, regions: Sequence[str]) -> list[str]:
        """As `in_order`, for who makes no call that could tell whether a region works again: nothing is a probe."""
        now = self._clock()
        with self._lock:
            is_open = {name for name, circuit in self._open.items() if now < circuit.retry_at}
        return sorted(regions, key=is_open.__contains__)

    def _admits(self, name: str, now: datetime) -> bool:
        circuit = self._open.get(name)
        if circuit is not None and now < circuit.retry_at:
            return False
        if circuit is not None:
            # Half open: this sign-in is the probe. Moving `retry_at` keeps others from probing meanwhile.
            circuit.retry_at = now + self._open_for
        return True

    def failed(self, region: str) -> None:
        """Open the circuit of a region; for twice as long after each further failure, up to 5 minutes."""
        now = self._clock()
        with self._lock:
            before = self._open.get(region)
            failures = before.failures if before else 0
            pause = min(self._open_for * 2 ** min(failures, 10), self._max_open)
            self._open[region] = _OpenCircuit(failures + 1, now + pause)

    def worked(self, region: str) -> None:
        """Close the circuit of a region."""
        with self._lock:
            self._open.pop(region, None)
