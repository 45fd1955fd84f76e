"""Which CPU a worker keeps to.

Only one thread of a Python process runs at a time, and threads hand over some thirty times for a console. A hand-over
between CPUs takes longer than the work itself (docs/explanation/profile.md). nginx's `worker_cpu_affinity` and
uWSGI's `cpu-affinity` do the same.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count
from typing import Any


def assign_worker_index(arbiter: Any, worker: Any) -> None:
    """Gunicorn's `pre_fork` hook: give the worker the lowest index that no other running worker has."""
    taken = {other.index for other in arbiter.WORKERS.values()}
    worker.index = next(number for number in count() if number not in taken)


def cpu_of(index: int, service: int) -> int | None:
    """The CPU for the worker with that index; None where there is no choice.

    service   a number that differs between services, so that not every service of a host puts its first
              worker on the first CPU
    """
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return usable[(service + index) % len(usable)] if len(usable) > 1 else None


def pin_to_cpu(index: int, service: int) -> None:
    """Pin this process. Where the system does not allow it, the process runs on any CPU."""
    cpu = cpu_of(index, service)
    if cpu is not None:
        with suppress(OSError):
            os.sched_setaffinity(0, {cpu})
