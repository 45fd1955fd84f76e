"""The three ways of opening, side by side in one run: AssumeRole, AssumeRoleWithSAML, SAML-POST."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from awscons.config.key_files import make_first_pair
from bench.load import Round, Run, drive
from bench.service import service, upstream

WAYS = {"AssumeRole": b"HTTP/1.1 301", "AssumeRoleWithSAML": b"HTTP/1.1 301", "SAML-POST": b"HTTP/1.1 200"}


def three_ways(
    folder: Path, loads: Iterable[tuple[float, int]], *, seconds: float, turns: int
) -> list[dict[str, Any]]:
    """A row for each way and load.

    loads   seconds that each call to AWS takes, and clients
    """
    keys = folder / "idp-keys"
    if not keys.exists():
        make_first_pair(keys, now=datetime.now(UTC))
    rows = []
    for delay, clients in loads:
        with (
            upstream(folder, delay=delay, tls=False) as aws,
            service(folder / f"ways-{delay}", aws, aws_config=_configuration(keys)) as running,
        ):
            cookie = running.signed_in()
            steps = {
                way: ((running.address, running.ask(f"/aws/{way.lower()}", cookie), head),)
                for way, head in WAYS.items()
            }
            runs: dict[str, list[Run]] = {way: [] for way in WAYS}
            for step in steps.values():
                _warm(step, clients)
            for _ in range(turns):
                for way, step in steps.items():
                    runs[way].append(_for_seconds(step, clients, seconds))
            usual = median(run.rate for run in runs["AssumeRole"])
            for way, own in runs.items():
                rows.append(_row(way, delay, clients, own, usual))
                _print_row(rows[-1])
    return rows


def _configuration(keys: Path) -> dict[str, object]:
    targets = [
        {
            "service": way.lower(),
            "role": "arn:aws:iam::123456789012:role/MyAdminRole",
            "groups": ["sysadmin"],
            "open_by": way,
        }
        for way in WAYS
    ]
    return {"targets": targets, "identity_provider": {"keys": str(keys)}}


def _warm(step: Round, clients: int) -> None:
    left = iter(range(4 * clients + 64))
    drive(lambda: step if next(left, None) is not None else None, clients=clients)


def _for_seconds(step: Round, clients: int, seconds: float) -> Run:
    end = time.monotonic() + seconds
    return drive(lambda: step if time.monotonic() < end else None, clients=clients)


def _row(way: str, delay: float, clients: int, runs: list[Run], usual: float) -> dict[str, Any]:
    rate = median(run.rate for run in runs)
    return {
        "way": way,
        "delay_ms": 1_000 * delay,
        "clients": clients,
        "rate": round(rate, 1),
        "rate_to_assume_role": round(rate / usual, 3),
        "p50_ms": round(median(run.percentile(0.5) for run in runs), 2),
        "failed": sum(run.failed for run in runs),
    }


def _print_row(row: dict[str, Any]) -> None:
    print(
        f"  {row['way']:18} {row['delay_ms']:3.0f} ms {row['clients']:4} clients  {row['rate']:7.1f}/s"
        f"  p50 {row['p50_ms']:7.2f} ms  rate {row['rate_to_assume_role']:.2f} of AssumeRole's"
        + (f"  FAILED {row['failed']}" if row["failed"] else ""),
        flush=True,
    )
