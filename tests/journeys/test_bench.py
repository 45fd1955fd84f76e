"""The benchmark in its short form: that it measures everything and nothing fails. No figure is asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_short_benchmark_measures_everything_and_nothing_fails(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    path = os.pathsep.join(str(ROOT / name) for name in ("src", "tests", "."))
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--short", "--output", output],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "BENCH_SHOW_FAILURES": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(output.read_text())
    rows = [row for row in found["redirects"] if "rate" in row]
    assert {(row["tls"], row["delay_ms"], row["clients"]) for row in rows} == {
        (tls, delay, clients) for tls, delay in ((False, 0), (True, 60)) for clients in (1, 16)
    }
    for row in [*rows, *found["sign_ins"], *found["portal"]]:
        assert row["failed"] == 0, done.stdout
    assert all(row["rate"] > 0 and row["floor_rate"] > 0 for row in rows)
    assert found["sign_ins"][0]["rate"] > 0
    assert {row["way"]: row["failed"] for row in found["ways"]} == dict.fromkeys(
        ("AssumeRole", "AssumeRoleWithSAML", "SAML-POST"), 0
    )
    assert {"import", "start", "machine", "audit"} <= set(found)
