"""The alerts and the dashboard, as Prometheus's own promtool judges them, and the metrics of the running service."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from support.house import console_url, open_house
from support.operator import awscons

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
RULES, DASHBOARD = FOLDER / "awscons.rules.yml", FOLDER / "awscons.grafana.json"
TOKEN = "0123456789abcdef"


def promtool(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments],
        cwd=FOLDER,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`before` and `after`: what `/metrics` says before a console and a refusal, and after. `audit.log` is the log."""
    folder = tmp_path_factory.mktemp("house")
    server = {"metrics_token": TOKEN, "metrics_file": str(folder / "metrics")}
    with open_house(folder, server=server) as house:
        browser = house.browser()
        for name in ("before", "after"):
            page = house.browser().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            (folder / name).write_text(page.text)
            if name == "before":
                console_url(house.sign_in(browser, "/aws/cloudadmin"))
                browser.answer("/saml/acs", {"SAMLResponse": "eDw="})
        (folder / "audit.log").write_text(house.log.getvalue())
    return folder


@pytest.fixture(scope="module")
def scraped(folder: Path) -> str:
    return (folder / "after").read_text()


@pytest.fixture(scope="module")
def verified(folder: Path) -> str:
    """What `audit verify` writes for node_exporter."""
    done = awscons(folder, "audit", "verify", "--metrics", "audit.prom", "audit.log")
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "audit.prom").read_text()


def test_promtool_accepts_the_metrics(scraped: str, verified: str) -> None:
    for text in (scraped, verified):
        done = promtool("check", "metrics", stdin=text)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_alerts_watch_for_an_increase_is_there_before_the_first_event(folder: Path) -> None:
    watched = re.findall(r"increase\((awscons_\w+)\{([^}]*)\}", RULES.read_text())
    assert len(watched) > 5
    series = [line for line in (folder / "before").read_text().splitlines() if line.startswith("awscons_")]
    for metric, labels in watched:
        wanted = re.findall(r'\w+="[^"]*"', labels)
        own = [line for line in series if line.startswith(f"{metric}{{") and line.endswith(" 0.0")]
        if "refused" not in labels:  # that alert needs ten of them
            assert any(all(label in line for label in wanted) for line in own), labels


def test_a_log_that_somebody_changed_is_a_broken_stream(folder: Path) -> None:
    log = (folder / "audit.log").read_text().replace("ada@example.com", "eve@example.com", 1)
    (folder / "changed.log").write_text(log)
    assert awscons(folder, "audit", "verify", "--metrics", "x.prom", "changed.log").returncode == 1
    assert 'awscons_audit_streams{state="broken"} 1.0' in (folder / "x.prom").read_text()
    other = awscons(folder, "audit", "verify", "--metrics", "x.txt", "changed.log")
    assert (other.returncode, "end in .prom" in other.stderr) == (2, True)


def test_every_alert_fires_in_trouble_and_not_in_ordinary_life() -> None:
    assert promtool("check", "rules", RULES.name).returncode == 0
    done = promtool("test", "rules", "awscons.rules.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    tests = (FOLDER / "awscons.rules.test.yml").read_text()
    for alert in re.findall(r"alert: (\w+)", RULES.read_text()):
        assert f"{alert}, in trouble" in tests
        assert f"{alert}, in ordinary life" in tests


@pytest.mark.parametrize("file", [RULES, DASHBOARD])
def test_every_metric_that_is_asked_for_is_one_of_the_service(
    scraped: str, verified: str, file: Path
) -> None:
    exported = set(re.findall(r"^# TYPE (\w+)", scraped + verified, re.MULTILINE))
    asked = set(re.findall(r"\b(awscons_[a-z_]+?)(?:_bucket|_count|_sum)?\b(?=[{ \\)]|$)", file.read_text()))
    assert asked
    assert sorted(asked - exported) == []


def test_the_dashboard_names_no_person_and_asks_in_every_panel() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert all(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    assert not re.search("user|person|name_id", json.dumps(dashboard["panels"]))
