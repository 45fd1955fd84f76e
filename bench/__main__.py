"""`make bench`: measure the service beside the floor, print the figures and store them as JSON.

Both are measured in turns in the same run, so that other work of the machine slows both equally.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from bench.audit import audit
from bench.keyless import three_ways
from bench.load import Address, Round, Run, drive, post
from bench.service import ROOT, Service, service, upstream
from bench.size import sizes

RESULTS = ROOT / "bench" / "results"
CLIENTS = (1, 16, 64, 256)
_STS_FORM = b"Action=AssumeRole&Version=2011-06-15&RoleArn=" + b"x" * 200
_TOKEN_FORM = b"Action=getSigninToken&Session=" + b"x" * 1_400


def rounds(make: Callable[[], Round], number: int) -> Callable[[], Round | None]:
    """A source of `number` rounds, each made by `make`; afterwards None."""
    left = iter(range(number))
    return lambda: make() if next(left, None) is not None else None


def floor_round(address: Address) -> Round:
    """The two calls that every console needs, with bodies as long as the real ones."""
    return (
        (address, post(address, "/", _STS_FORM), b"HTTP/1.1 200"),
        (address, post(address, "/federation", _TOKEN_FORM), b"HTTP/1.1 200"),
    )


def redirects(
    folder: Path, *, delay: float, tls: bool, clients: Iterable[int], seconds: float, turns: int
) -> list[dict[str, Any]]:
    """Console redirects beside the floor, for each number of clients."""
    rows = []
    with (
        upstream(folder, delay=delay, tls=tls) as aws,
        service(folder / f"redirects-{delay}-{tls}", aws) as running,
    ):
        cookie = running.signed_in()
        step = ((running.address, running.ask("/aws/target3", cookie), b"HTTP/1.1 301"),)
        floor = floor_round(aws.address)
        for number in clients:
            # Warm up: make every connection, in every thread, before measuring.
            drive(rounds(lambda: step, 4 * number + 64), clients=number)
            drive(rounds(lambda: floor, 2 * number), clients=number)
            runs, floors, cpu = [], [], []
            for _ in range(turns):
                floors.append(_for_seconds(lambda: floor, number, seconds))
                before = running.cpu()
                run = _for_seconds(lambda: step, number, seconds)
                cpu.append(1_000 * (running.cpu() - before) / max(1, len(run.seconds)))
                runs.append(run)
            rows.append(_row(delay, number, runs, floors, cpu, tls=tls))
            _print_row(rows[-1])
        rows.append({"memory_mib": [round(mib, 1) for mib in running.memory()], "tls": tls, "delay": delay})
    return rows


def _for_seconds(make: Callable[[], Round], clients: int, seconds: float) -> Run:
    end = time.monotonic() + seconds
    return drive(lambda: make() if time.monotonic() < end else None, clients=clients)


def _row(
    delay: float,
    clients: int,
    runs: list[Run],
    floors: list[Run],
    cpu: list[float],
    *,
    tls: bool,
) -> dict[str, Any]:
    def of(some: list[Run], what: Callable[[Run], float]) -> float:
        return median(what(run) for run in some)

    rate, floor_rate = of(runs, lambda run: run.rate), of(floors, lambda run: run.rate)
    row = {
        "delay_ms": 1_000 * delay,
        "tls": tls,
        "clients": clients,
        "rate": round(rate, 1),
        "floor_rate": round(floor_rate, 1),
        "rate_to_floor": round(rate / floor_rate, 3),
        "cpu_ms": round(median(cpu), 3),
        "floor_cpu_ms": round(of(floors, lambda run: 1_000 * run.cpu / max(1, len(run.seconds))), 3),
        "failed": sum(run.failed for run in runs),
    }
    for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        row[f"{name}_ms"] = round(of(runs, lambda run, part=part: run.percentile(part)), 2)  # type: ignore[misc]
        row[f"floor_{name}_ms"] = round(of(floors, lambda run, part=part: run.percentile(part)), 2)  # type: ignore[misc]
    row["own_ms"] = round(row["p50_ms"] - row["floor_p50_ms"], 2)
    return row


def _print_row(row: dict[str, Any]) -> None:
    scheme = "https" if row["tls"] else "http"
    print(
        f"  {scheme:5} {row['delay_ms']:3.0f} ms {row['clients']:4} clients"
        f"  {row['rate']:7.1f}/s  p50 {row['p50_ms']:7.2f}  p95 {row['p95_ms']:7.2f}  p99 {row['p99_ms']:7.2f} ms"
        f"  CPU {row['cpu_ms']:5.2f} ms"
        f" | floor {row['floor_rate']:7.1f}/s  p50 {row['floor_p50_ms']:7.2f} ms"
        f" | rate {row['rate_to_floor']:.2f} of it, own {row['own_ms']:+.2f} ms"
        + (f"  FAILED {row['failed']}" if row["failed"] else ""),
        flush=True,
    )


def sign_ins(folder: Path, *, number: int, login_counts: Iterable[int]) -> list[dict[str, Any]]:
    """Responses posted to the ACS of one process, for each number of logins in the store."""
    rows = []
    with upstream(folder, delay=0, tls=False) as aws:
        for count in login_counts:
            with service(folder / f"sign-ins-{count}", aws, workers=1) as running:
                running.signed_in()
                if count:
                    running.add_logins(count)
                _post_all(running, number // 10)
                before = running.cpu()
                run = _post_all(running, number)
                cpu = 1_000 * (running.cpu() - before) / max(1, len(run.seconds))
                rows.append(
                    {
                        "logins": count,
                        "rate": round(run.rate, 1),
                        "cpu_ms": round(cpu, 3),
                        "failed": run.failed,
                    }
                )
                print(
                    f"  ACS, {count:7,} logins: {run.rate:6.1f} sign-ins/s of one process, CPU {cpu:.2f} ms"
                    + (f"  FAILED {run.failed}" if run.failed else ""),
                    flush=True,
                )
    return rows


def _post_all(running: Service, number: int) -> Run:
    made = iter(running.signed_responses(number))

    def next_round() -> Round | None:
        request = next(made, None)
        return ((running.address, request, b"HTTP/1.1 303"),) if request else None

    return drive(next_round, clients=8)


def portals(folder: Path, sizes: Iterable[int], *, number: int) -> list[dict[str, Any]]:
    """The portal page, for each number of targets that a person may open."""
    rows = []
    with upstream(folder, delay=0, tls=False) as aws:
        for size in sizes:
            with service(folder / f"portal-{size}", aws, workers=1, targets=size) as running:
                step = ((running.address, running.ask("/aws/", running.signed_in()), b"HTTP/1.1 200"),)
                drive(rounds(lambda: step, 3), clients=1)  # noqa: B023  used at once
                run = drive(rounds(lambda: step, number), clients=1)  # noqa: B023  as above
                p50, p95 = run.percentile(0.5), run.percentile(0.95)
                rows.append(
                    {"targets": size, "p50_ms": round(p50, 2), "p95_ms": round(p95, 2), "failed": run.failed}
                )
                print(f"  portal, {size:5,} targets: p50 {p50:.2f} ms, p95 {p95:.2f} ms", flush=True)
    return rows


def start(folder: Path, *, tls: bool, turns: int) -> dict[str, Any]:
    """A cold start: from the command to the first answer, and the first redirect of a fresh worker."""
    first, whole, floors = [], [], []
    with upstream(folder, delay=0, tls=tls) as aws:
        for turn in range(turns):
            begun = time.perf_counter()
            with service(folder / f"start-{tls}-{turn}", aws, workers=1) as running:
                cookie = running.signed_in()
                _healthy(running)
                # The worker prepares its clients in its first moment. The first person comes later than that.
                time.sleep(1.0)
                whole.append(time.perf_counter() - begun - 1.0)
                floors.append(_first(floor_round(aws.address)))
                step = ((running.address, running.ask("/aws/target3", cookie), b"HTTP/1.1 301"),)
                first.append(_first(step))
    row = {
        "tls": tls,
        "to_first_answer_s": round(median(whole), 2),
        "first_redirect_ms": round(median(first), 1),
        "over_upstream_ms": round(median(first) - median(floors), 1),
    }
    print(
        f"  cold start ({'https' if tls else 'http'}): {row['to_first_answer_s']} s to the first answer; first "
        f"redirect {row['first_redirect_ms']} ms, {row['over_upstream_ms']} ms over upstream",
        flush=True,
    )
    return row


def _healthy(running: Service) -> None:
    step = ((running.address, running.ask("/healthz"), b"HTTP/1.1 200"),)
    assert drive(rounds(lambda: step, 1), clients=1).failed == 0


def _first(step: Round) -> float:
    return drive(rounds(lambda: step, 1), clients=1).percentile(0.5)


def imports(turns: int) -> dict[str, Any]:
    """Seconds of CPU that importing the service takes, beyond Python's own start."""

    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    def run(code: str) -> float:
        before = used()
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        return used() - before

    bare, ours = [], []
    for _ in range(turns):
        bare.append(run("pass"))
        ours.append(run("import awscons.wsgi, awscons.assembly"))
    row = {"import_s": round(median(ours) - median(bare), 3)}
    print(f"  import: {row['import_s']} s of CPU", flush=True)
    return row


def machine() -> dict[str, Any]:
    """The machine and the versions."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    packages = ("botocore", "cryptography", "flask", "gunicorn", "lxml", "signxml", "werkzeug")
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": model,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a moment of each, to see that it works")
    parser.add_argument(
        "--only", choices=["redirects", "sign-ins", "portal", "size", "start", "import", "ways", "audit"]
    )
    parser.add_argument("--output", type=Path, help="the JSON file; default: bench/results/<time>.json")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run")
    parser.add_argument("--turns", type=int, default=3, help="of service and floor")
    arguments = parser.parse_args()
    short, only = arguments.short, arguments.only
    found: dict[str, Any] = {"machine": machine()}
    print(json.dumps(found["machine"]))
    with tempfile.TemporaryDirectory(prefix="awscons-bench-") as name:
        folder = Path(name)
        if only in {None, "import"}:
            found["import"] = imports(1 if short else 7)
        if only in {None, "redirects"}:
            found["redirects"] = []
            ways = (
                [(False, 0.0), (True, 0.06)]
                if short
                else [(tls, delay) for tls in (False, True) for delay in (0.0, 0.06)]
            )
            for tls, delay in ways:
                found["redirects"] += redirects(
                    folder,
                    delay=delay,
                    tls=tls,
                    clients=(1, 16) if short else CLIENTS,
                    seconds=0.3 if short else arguments.seconds,
                    turns=1 if short else arguments.turns,
                )
        if only in {None, "sign-ins"}:
            found["sign_ins"] = sign_ins(
                folder, number=50 if short else 3_000, login_counts=(0,) if short else (0, 1_000, 100_000)
            )
        if only in {None, "portal"}:
            found["portal"] = portals(
                folder, (20,) if short else (20, 1_000, 5_000), number=5 if short else 100
            )
        if only in {None, "size"}:
            found["size"] = sizes(folder, turns=1 if short else 5)
        if only in {None, "ways"}:
            found["ways"] = three_ways(
                folder,
                ((0.0, 1),) if short else ((0.0, 1), (0.06, 64)),
                seconds=0.3 if short else arguments.seconds,
                turns=1 if short else arguments.turns,
            )
        if only in {None, "audit"}:
            found["audit"] = audit(folder, events=200 if short else 20_000, turns=1 if short else 5)
        if only in {None, "start"}:
            found["start"] = [
                start(folder, tls=tls, turns=1 if short else 5)
                for tls in ((False,) if short else (False, True))
            ]
    output = arguments.output or RESULTS / f"{found['machine']['when'].replace(':', '')}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(found, indent=1) + "\n")
    print(f"stored in {output}")


if __name__ == "__main__":
    main()
