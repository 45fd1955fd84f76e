"""`make soak`: full load for a while, to see whether memory stays flat.

Consoles, the portal, and sign-ins that nobody finishes, in turns. It fails when a worker has grown by more
than a tenth after its first seconds, or when a request failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

from bench.load import Round, drive
from bench.service import Service, service, upstream

_PIECE = 5.0
"""Seconds between two measurements of memory."""
_WARM = 15.0
"""Seconds until every thread has made its connections and caches."""
_CLIENTS = 32
_CROWD = 256
"""Clients at the start, so that every thread has handled a request."""


def main() -> None:
    """Run the soak test and print its result."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="awscons-soak-") as name,
        upstream(Path(name), delay=0, tls=False) as aws,
        service(Path(name) / "service", aws) as running,
    ):
        failed, answered, memory = _soak(running, arguments.seconds)
    first, last = memory[0], memory[-1]
    print(
        f"{answered:,} requests in {arguments.seconds:.0f} s, {failed} failed; the largest worker: "
        f"{first:.1f} MiB once warm, {last:.1f} MiB at the end, {max(memory):.1f} MiB at most"
    )
    if failed or last > 1.1 * first:
        sys.exit("memory is not flat, or requests failed")


def _soak(running: Service, seconds: float) -> tuple[int, int, list[float]]:
    """How many requests failed, how many were answered, and the MiB of the largest worker over time."""
    cookie = running.signed_in()
    address = running.address
    steps: list[Round] = [
        ((address, running.ask("/aws/target3", cookie), b"HTTP/1.1 301"),),
        ((address, running.ask("/aws/", cookie), b"HTTP/1.1 200"),),
        ((address, running.ask("/aws/target4"), b"HTTP/1.1 302"),),
    ]
    mix = cycle(steps)
    failed, answered, memory = 0, 0, []
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds + _WARM:
        end = time.monotonic() + _PIECE
        warm = passed >= _WARM
        run = drive(
            lambda end=end: next(mix) if time.monotonic() < end else None,  # type: ignore[misc]
            clients=_CLIENTS if warm else _CROWD,
        )
        if warm:
            failed, answered = failed + run.failed, answered + len(run.seconds)
            memory.append(max(running.memory()))
            print(f"  {passed:5.0f} s  {run.rate:7.1f}/s  {memory[-1]:6.1f} MiB", flush=True)
    return failed, answered, memory


if __name__ == "__main__":
    main()
