"""Counters that several processes share."""

import os
import subprocess
import sys
from pathlib import Path

from awscons.adapters.metrics_page import MetricsPage
from awscons.adapters.shared_counters import SharedCounters

ROOT = Path(__file__).parents[2]


def test_processes_add_up_and_what_a_dead_one_counted_stays(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sqlite3"
    code = (
        "import sys; from pathlib import Path; from awscons.adapters.shared_counters import SharedCounters\n"
        "tally = SharedCounters(Path(sys.argv[1])); tally.prepare()\n"
        "for _ in range(100): tally.record_rejection('x')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    started = [subprocess.Popen([sys.executable, "-c", code, path], env=environment) for _ in range(4)]
    assert [process.wait() for process in started] == [0] * 4
    shared_counters = SharedCounters(path)
    shared_counters.prepare()
    shared_counters.record_rejection("x")
    page = MetricsPage(shared_counters, []).text().decode().splitlines()
    assert 'awscons_requests_rejected_total{reason="x"} 401.0' in page
