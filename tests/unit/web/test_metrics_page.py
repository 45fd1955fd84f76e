"""/metrics: off unless configured, closed without the token, and right over several processes."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from awscons.adapters.metrics_page import MetricsPage
from awscons.adapters.shared_counters import SharedCounters
from awscons.audit.metrics_recorder import Gauge
from awscons.saml.certificates import fingerprint
from support.browser import Browser, sent_to_idp
from support.faults import sts_error
from support.forge import certificate_of, write_key_folder
from support.house import House, open_house

TOKEN = "made-up-for-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def numbers(text: str) -> dict[str, float]:
    """The samples of a page, as `name{label=value,...}`."""
    return {
        f"{sample.name}{{{','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(house: House) -> dict[str, float]:
    answer = house.browser().get("/metrics", headers=BEARER)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return numbers(answer.text)


def test_without_configuration_there_is_no_such_page(browser: Browser) -> None:
    assert browser.get("/metrics", headers=BEARER).status_code == 404


@pytest.mark.parametrize(
    "sent",
    [None, "", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xff"],
)
def test_without_the_token_there_is_no_such_page_either(tmp_path: Path, sent: str | None) -> None:
    with open_house(tmp_path, server={"metrics_token": TOKEN}) as house:
        headers = {} if sent is None else {"Authorization": sent.encode("latin-1")}
        answer = house.browser().get("/metrics", headers=headers)
        assert answer.status_code == 404
        assert "awscons_decisions" not in answer.text


def test_what_people_did_and_what_was_refused_is_counted_by_reason(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"metrics_token": TOKEN}) as house:
        browser = house.browser()
        assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
        browser.get("/aws/cloudadmin")
        browser.get("/aws/sandbox")
        stranger = house.browser()
        sent = sent_to_idp(stranger.get("/aws/cloudadmin"))
        stranger.answer("/saml/acs", house.answer(sent, sp="urn:somebody-else", audiences=(("urn:x",),)))
        browser.post("/saml/logout", {})
        found = scraped(house)
        counted = {
            key: value for key, value in found.items() if key.startswith("awscons_decisions_total") and value
        }
        assert counted == {
            "awscons_decisions_total{action=open-console,outcome=done,reason=}": 2,
            "awscons_decisions_total{action=open-console,outcome=refused,reason=in none of the groups}": 1,
            "awscons_decisions_total{action=sign-in,outcome=done,reason=}": 1,
            "awscons_decisions_total{action=sign-in,outcome=refused,reason=audience}": 1,
            "awscons_decisions_total{action=sign-out,outcome=done,reason=}": 1,
        }
        assert any(key.startswith("awscons_info{version=") for key in found)


def test_the_time_that_aws_took_is_a_histogram_by_step_and_outcome(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"metrics_token": TOKEN}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        house.sts.misbehave(sts_error(403, "AccessDenied", "no"))
        assert browser.get("/aws/cloudadmin").status_code == 502
        found = scraped(house)
    for step, outcome in (("sts", "ok"), ("federation", "ok"), ("sts", "RoleRefused")):
        labels = f"outcome={outcome},step={step}"
        assert found[f"awscons_upstream_seconds_count{{{labels}}}"] == 1
        assert found[f"awscons_upstream_seconds_bucket{{le=+Inf,{labels}}}"] == 1
        assert 0 < found[f"awscons_upstream_seconds_sum{{{labels}}}"] < 10
        classes = [
            value
            for key, value in found.items()
            if key.startswith("awscons_upstream_seconds_bucket") and key.endswith(f"{labels}}}")
        ]
        assert classes == sorted(classes)


def test_nobody_is_named_and_no_secret_shown(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"metrics_token": TOKEN}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        text = browser.get("/metrics", headers=BEARER).text
        for never in ("ada", TOKEN, house.secret_key, browser.http.cookies["__Host-awscons"]):
            assert never not in text
        assert TOKEN not in house.log.getvalue()


def test_counts_that_could_not_be_written_are_written_later(tmp_path: Path) -> None:
    path = tmp_path / "state" / "metrics.sqlite3"
    shared_counters = SharedCounters(path)
    shared_counters.prepare()
    path.unlink()
    path.write_bytes(b"this is no database at all, and long enough to be seen as none" * 100)
    shared_counters.record_rejection("x")
    shared_counters.flush()
    for file in path.parent.iterdir():
        file.unlink()
    shared_counters.prepare()
    shared_counters.flush()
    assert shared_counters.totals()["awscons_requests_rejected"] == {("x",): 1}


def test_gauges_are_worked_out_at_each_look(tmp_path: Path) -> None:
    shared_counters = SharedCounters(tmp_path / "metrics.sqlite3")
    shared_counters.prepare()
    days = iter([30.0, 29.0])
    page = MetricsPage(
        shared_counters,
        [lambda: [Gauge("awscons_days", "Days left.", next(days), {"certificate": 'CN="x"\n'})]],
    )
    for expected in (30.0, 29.0):
        (sample,) = (
            sample
            for family in text_string_to_metric_families(page.text().decode())
            for sample in family.samples
            if sample.name == "awscons_days"
        )
        assert (sample.value, sample.labels) == (expected, {"certificate": 'CN="x"\n'})


def test_a_label_that_takes_ever_new_values_stops_counting(tmp_path: Path) -> None:
    shared_counters = SharedCounters(tmp_path / "metrics.sqlite3")
    shared_counters.prepare()
    for number in range(2_000):
        shared_counters.record_rejection(f"reason {number}")
    assert len(shared_counters.totals()["awscons_requests_rejected"]) == 1_000


def test_how_long_each_key_has_is_a_gauge_that_falls_with_time(tmp_path: Path) -> None:
    keys = str(write_key_folder(tmp_path / "keys"))
    with open_house(tmp_path, server={"metrics_token": TOKEN}, saml={"sp_keys": keys}) as house:
        names = {}
        for party, name in (("identity-provider", "idp"), ("service-provider", "sp")):
            certificate = certificate_of(name)
            labels = f"fingerprint={fingerprint(certificate)},party={party}"
            names[party] = f"awscons_certificate_expiry_seconds{{{labels}}}"
            left = (certificate.not_valid_after_utc - house.clock()).total_seconds()
            assert scraped(house)[names[party]] == pytest.approx(left, abs=60)
        house.clock.forward(hours=24 * 400)
        later = scraped(house)
        assert later[names["identity-provider"]] < 0
        assert later["awscons_trusted_certificates{}"] == 1
