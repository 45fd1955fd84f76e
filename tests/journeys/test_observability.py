"""The alerts and the dashboard, as Prometheus's own promtool judges them, and the metrics of the running service."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from support.house import console_url, open_house

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
def scraped(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `/metrics` says after a console and a refusal."""
    folder = tmp_path_factory.mktemp("house")
    with open_house(
        folder, server={"metrics_token": TOKEN, "metrics_file": str(folder / "metrics")}
    ) as house:
        browser = house.browser()
        console_url(house.sign_in(browser, "/aws/cloudadmin"))
        browser.answer("/saml/acs", {"SAMLResponse": "eDw="})
        return house.browser().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text


def test_promtool_accepts_the_metrics_of_the_service(scraped: str) -> None:
    done = promtool("check", "metrics", stdin=scraped)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_alert_fires_in_trouble_and_not_in_ordinary_life() -> None:
    assert promtool("check", "rules", RULES.name).returncode == 0
    done = promtool("test", "rules", "awscons.rules.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    tests = (FOLDER / "awscons.rules.test.yml").read_text()
    for alert in re.findall(r"alert: (\w+)", RULES.read_text()):
        assert f"{alert}, in trouble" in tests
        assert f"{alert}, in ordinary life" in tests


@pytest.mark.parametrize("file", [RULES, DASHBOARD])
def test_every_metric_that_is_asked_for_is_one_of_the_service(scraped: str, file: Path) -> None:
    exported = set(re.findall(r"^# TYPE (\w+)", scraped, re.MULTILINE))
    asked = set(re.findall(r"\b(awscons_[a-z_]+?)(?:_bucket|_count|_sum)?\b(?=[{ \\)]|$)", file.read_text()))
    assert asked
    assert sorted(asked - exported) == []


def test_the_dashboard_names_no_person_and_asks_in_every_panel() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert all(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    assert not re.search("user|person|name_id", json.dumps(dashboard["panels"]))
