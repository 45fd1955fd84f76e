"""What keeps a sign-in within its time, and one failing region from holding up the others.

Parts of the broker without knowledge of AWS: seconds, places and names of regions. Each is safe for many
threads and belongs to one process.
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
    """The seconds that one sign-in may spend on AWS, from the moment it is made.

    Real seconds: what it bounds are sockets.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left; never less than none."""
        return max(0.0, self._ends - time.monotonic())

    def pause(self, longest: float) -> None:
        """Wait a moment before the next try: random, so that many who failed together do not return so."""
        time.sleep(min(self.left, random.uniform(longest / 4, longest)))  # noqa: S311  no secret


class ConcurrencyLimit:
    """So many may be inside at once; the next waits a moment for a place, and is refused.

    While AWS answers, a place is free within that moment. While it hangs, threads are left for pages that
    need no AWS: so nobody waits longer.
    """

    def __init__(self, max_concurrent: int, *, max_wait: float = 0.1) -> None:
        """`longest_wait`: seconds for a place."""
        self._max_concurrent = max_concurrent
        self._max_wait = max_wait
        self._lock = threading.Lock()
        self._free = max_concurrent
        self._waiting: deque[threading.Lock] = deque()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """A place inside, for as long as the block runs. Raises BrokerBusy."""
        if not self._enter():
            raise BrokerBusy(
                f"all {self._max_concurrent} places for sign-ins that wait for AWS are taken",
                hint="AWS is slow, or `max_concurrent_sign_ins` is too low for the number of people",
            )
        try:
            yield
        finally:
            self._leave()

    def _enter(self) -> bool:
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
                return True  # given at the last moment
            self._waiting.remove(turn)
            return False

    def _leave(self) -> None:
        """Hand the place on to whoever waits longest: otherwise those who come later would be quicker."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


@dataclass(slots=True)
class _Trouble:
    """A region that failed. `retry_at`: when one sign-in may probe it again."""

    failures: int
    retry_at: datetime


class Circuits:
    """Which regions failed lately: a circuit breaker for each.

    A region that failed stands behind the others for a while; then one sign-in probes it in its old
    place, while all others still pass it by. It is never left out: where every region fails, somebody has
    to find out which one comes back.
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        """`clock` gives UTC."""
        self._clock = clock
        self._lock = threading.Lock()
        self._trouble: dict[str, _Trouble] = {}

    def in_order(self, regions: Sequence[str]) -> list[str]:
        """The regions, those in trouble last; in the order given otherwise."""
        now = self._clock()
        with self._lock:
            healthy, troubled = [], []
            for region in regions:
                trouble = self._trouble.get(region)
                if trouble is None:
                    healthy.append(region)
                elif now >= trouble.retry_at:
                    # Half open: this sign-in is the probe; nobody else becomes one until it should be done.
                    trouble.retry_at = now + _OPEN_FOR
                    healthy.append(region)
                else:
                    troubled.append(region)
        return healthy + troubled

    def failed(self, region: str) -> None:
        """Put a region behind the others; longer, the more often it fails."""
        now = self._clock()
        with self._lock:
            trouble = self._trouble.setdefault(region, _Trouble(0, now))
            pause = min(_OPEN_FOR * 2 ** min(trouble.failures, 10), _MAX_CIRCUIT_OPEN)
            trouble.failures += 1
            trouble.retry_at = now + pause

    def worked(self, region: str) -> None:
        """Put a region back into its place."""
        with self._lock:
            self._trouble.pop(region, None)
