"""A region that hangs, breaks or answers nonsense is passed over; whoever signs in hardly notices."""

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.browser import Browser, text_of
from support.faults import CUT_SHORT, FORGOTTEN, HANG, RESET, Answer, Fault, sts_error
from support.house import House, console_url, open_house
from support.proxy import open_proxy
from support.serving import authority, free_port, server_tls, serving

NEAR, FAR = "eu-west-1", "us-east-1"
REGIONS = (NEAR, FAR, "ap-southeast-2")
HTML_200 = Answer("200 OK", b"<html>hello</html>")
UNAVAILABLE = Answer("503 Service Unavailable", b"<html>down</html>")
DISABLED = sts_error(403, "RegionDisabledException", "STS is not activated in this region")
THROTTLED = sts_error(400, "Throttling", "Rate exceeded")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Three regions, the nearest first."""
    with open_house(tmp_path, regions=REGIONS, aws={"regions": list(REGIONS)}) as opened:
        yield opened


def check_opened_in(house: House, browser: Browser, region: str) -> None:
    """A console of that region, through that region's own hosts, both steps of it."""
    opened = browser.get("/aws/cloudadmin")
    parameters = console_url(opened)
    assert urlsplit(opened.headers["Location"]).path == f"/{region}/federation"
    assert parameters["Destination"].startswith(f"https://{region}.console.aws.amazon.com/")
    assert browser.follow_all(opened).status_code == 200
    assert house.audit()[-1]["region"] == region


def test_the_nearest_region_is_asked_alone(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/sandbox")
    check_opened_in(house, browser, NEAR)
    assert house.sts_in[FAR].calls == house.signin_in[FAR].calls == 0
    assert "failed_over_regions" not in house.audit()[-1]


FAULTS: list[tuple[str, Fault]] = [
    ("hangs", HANG),
    ("resets", RESET),
    ("503", UNAVAILABLE),
    ("html with 200", HTML_200),
    ("cut short", CUT_SHORT),
]


@pytest.mark.parametrize("fault", [row[1] for row in FAULTS], ids=[row[0] for row in FAULTS])
@pytest.mark.parametrize("step", ["sts", "signin"])
def test_a_region_that_fails_at_either_step_is_passed_over_and_remembered(
    house: House, browser: Browser, step: str, fault: Fault
) -> None:
    house.sign_in(browser, "/aws/sandbox")  # a login; and no console, which ada may not open
    near = house.sts if step == "sts" else house.signin
    near.misbehave(fault)
    check_opened_in(house, browser, FAR)
    assert house.audit()[-1]["failed_over_regions"].startswith(f"{NEAR}: ")
    (failed_over,) = house.lines("aws.region_failed_over")
    assert (failed_over["region"], failed_over["step"]) == (NEAR, "sts" if step == "sts" else "federation")
    calls = near.calls
    check_opened_in(house, browser, FAR)
    assert near.calls == calls
    near.fault = None
    house.clock.forward(seconds=30)
    for _ in range(2):
        check_opened_in(house, browser, NEAR)


@pytest.mark.parametrize(("fault", "next_time"), [(DISABLED, FAR), (THROTTLED, NEAR)])
def test_a_region_that_will_not_serve_us_is_passed_over(
    house: House, browser: Browser, fault: Fault, next_time: str
) -> None:
    house.sign_in(browser, "/aws/sandbox")
    house.sts.misbehave(fault, times=1)
    check_opened_in(house, browser, FAR)
    check_opened_in(house, browser, next_time)


def test_two_regions_that_fail_leave_the_third(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/sandbox")
    house.sts_in[NEAR].misbehave(RESET)
    house.signin_in[FAR].misbehave(UNAVAILABLE)
    check_opened_in(house, browser, "ap-southeast-2")


def test_when_every_region_fails_the_first_ones_failure_is_told_after_a_second_try(
    house: House, browser: Browser
) -> None:
    for neighbour in house.sts_in.values():
        neighbour.misbehave(UNAVAILABLE)
    house.sts.misbehave(RESET)
    answer = house.sign_in(browser, "/aws/cloudadmin")
    assert answer.status_code == 504
    assert "did not respond in time" in text_of(answer)
    assert [neighbour.calls for neighbour in house.sts_in.values()] == [2, 2, 2]


def test_a_refusal_is_no_failure_and_no_other_region_is_asked(house: House, browser: Browser) -> None:
    house.sts.misbehave(sts_error(403, "AccessDenied", "not authorized to perform: sts:AssumeRole"))
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 502
    assert house.sts.calls == 1
    assert house.sts_in[FAR].calls == 0


OPT_IN = sts_error(403, "InvalidClientTokenId", "The security token included in the request is invalid.")


def test_an_opt_in_region_that_is_off_is_passed_over_though_it_speaks_of_the_key(
    house: House, browser: Browser
) -> None:
    house.sign_in(browser, "/aws/sandbox")
    house.sts.misbehave(OPT_IN)
    check_opened_in(house, browser, FAR)
    assert house.audit()[-1]["failed_over_regions"] == f"{NEAR}: InvalidClientTokenId"
    calls = house.sts.calls
    check_opened_in(house, browser, FAR)
    assert house.sts.calls == calls


def test_a_key_that_every_region_refuses_is_the_broker_s_own_mistake(house: House, browser: Browser) -> None:
    for neighbour in house.sts_in.values():
        neighbour.misbehave(OPT_IN)
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 503
    assert "access key does not exist" in house.audit()[-1]["hint"]
    assert [neighbour.calls for neighbour in house.sts_in.values()] == [1, 1, 1]


def test_a_key_that_one_region_refuses_is_not_blamed_when_the_others_are_down(
    house: House, browser: Browser
) -> None:
    for neighbour in house.sts_in.values():
        neighbour.misbehave(UNAVAILABLE)
    house.sts.misbehave(OPT_IN)
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 502
    assert "HTTP 503" in house.audit()[-1]["cause"]


def test_an_endpoint_of_another_region_is_told_of_as_such(tmp_path: Path) -> None:
    with open_house(tmp_path, regions=(NEAR, FAR), aws={"regions": [FAR]}) as house:
        # The pretend STS at NEAR takes signatures for NEAR alone.
        house.sts_in[FAR].application = house.sts_in[NEAR].application
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 503
        assert "`region`" in house.audit()[-1]["hint"]


@pytest.mark.parametrize("step", ["sts", "signin"])
def test_kept_connections_that_something_on_the_way_forgot_cost_a_moment(tmp_path: Path, step: str) -> None:
    with open_house(tmp_path, aws={"timeout": 4}) as house:
        browser = house.browser()
        assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
        neighbour = house.sts if step == "sts" else house.signin
        neighbour.misbehave(FORGOTTEN)
        assert browser.get("/aws/cloudadmin").status_code == 301
        assert neighbour.calls == 2
        assert "failed_over_regions" not in house.audit()[-1]


def test_a_link_chooses_among_the_regions_and_adds_none(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/sandbox")
    opened = browser.get("/aws/cloudadmin?region=ap-southeast-2")
    assert urlsplit(opened.headers["Location"]).path == "/ap-southeast-2/federation"
    elsewhere = browser.get("/aws/cloudadmin?region=sa-east-1")
    assert urlsplit(elsewhere.headers["Location"]).path == f"/{NEAR}/federation"
    assert console_url(elsewhere)["Destination"].startswith("https://sa-east-1.console.aws.amazon.com/")


def test_a_page_that_was_asked_for_stays_when_its_region_is_passed_over(
    house: House, browser: Browser
) -> None:
    house.sign_in(browser, "/aws/sandbox")
    house.sts.misbehave(RESET)
    page = f"https://{NEAR}.console.aws.amazon.com/s3/home"
    opened = browser.get(f"/aws/cloudadmin?destination={page}&region={NEAR}")
    assert console_url(opened)["Destination"] == page
    assert urlsplit(opened.headers["Location"]).path == f"/{FAR}/federation"
    front_page = browser.get(f"/aws/cloudadmin?region={NEAR}")
    assert console_url(front_page)["Destination"].startswith(f"https://{FAR}.console.aws.amazon.com/")


@pytest.mark.parametrize("key", ["sts_endpoint", "signin_endpoint"])
def test_an_endpoint_that_refuses_connections_is_a_504(tmp_path: Path, key: str) -> None:
    with open_house(
        tmp_path, aws={key: f"http://127.0.0.1:{free_port()}/{{region}}/", "timeout": 4}
    ) as house:
        answer = house.sign_in(house.browser(), "/aws/cloudadmin")
        assert answer.status_code == 504
        assert "cannot be reached" in house.audit()[-1]["cause"]


@pytest.mark.parametrize("key", ["sts_endpoint", "signin_endpoint"])
def test_an_endpoint_whose_certificate_nobody_vouches_for_is_a_504(tmp_path: Path, key: str) -> None:
    def anything(_environ: object, _start_response: object) -> list[bytes]:
        raise AssertionError("somebody spoke over a connection that should never have come about")

    with (
        serving(lambda _port: anything, tls=server_tls()) as port,
        open_house(tmp_path, aws={key: f"https://localhost:{port}/", "timeout": 4}) as house,
    ):
        answer = house.sign_in(house.browser(), "/aws/cloudadmin")
        assert answer.status_code == 504
        event = house.audit()[-1]
        assert "no TLS connection" in event["cause"]
        assert "AWS_CA_BUNDLE" in event["hint"]


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "ca_bundle"])
def test_a_private_authority_is_named_in_one_place_for_both_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bundle = tmp_path / "bundle.pem"
    authority().cert_pem.write_to_path(bundle)
    for other in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    if name == "ca_bundle":
        (tmp_path / "config").write_text(f"[profile cons]\nca_bundle = {bundle}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    else:
        monkeypatch.setenv(name, str(bundle))
    with open_house(tmp_path, aws_tls=server_tls()) as house:
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 301


def test_both_steps_go_through_a_proxy_that_is_named_without_a_scheme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    authority().cert_pem.write_to_path(bundle)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with open_proxy(refusal="") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"ada:secret@127.0.0.1:{proxy.port}")
        with open_house(tmp_path, aws_tls=server_tls()) as house:
            assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 301
        assert len(proxy.heads) == 2
        assert all("proxy-authorization: basic" in head.lower() for head in proxy.heads)


@pytest.mark.parametrize("refusal", ["407 Proxy Authentication Required", "403 Forbidden"])
def test_a_proxy_that_refuses_is_told_of_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    with open_proxy(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with open_house(tmp_path, aws_tls=server_tls()) as house:
            assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 504
            event = house.audit()[-1]
            assert "refused the connection to STS" in event["cause"]
            assert refusal[:3] in event["cause"]
            assert "proxy" in event["hint"]


# --- isolation ---------------------------------------------------------------------------


def test_while_aws_hangs_other_pages_answer_and_the_next_sign_in_is_refused_at_once(tmp_path: Path) -> None:
    with open_house(tmp_path, aws={"max_concurrent_sign_ins": 2, "timeout": 60}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/sandbox")
        house.sts.misbehave(HANG)
        hanging = [threading.Thread(target=browser.get, args=("/aws/cloudadmin",)) for _ in range(2)]
        for thread in hanging:
            thread.start()
        house.sts.wait_for_calls(2)
        refused = browser.get("/aws/cloudadmin")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert "Too many people are opening consoles" in text_of(refused)
        assert "max_concurrent_sign_ins" in house.audit()[-1]["hint"]
        assert house.sts.calls == 2
        assert browser.get("/healthz").status_code == 200
        assert browser.get("/aws/").status_code == 200
        assert house.sign_in(house.browser(), "/aws/").status_code == 200
        house.sts.fault = None
        house.sts.released.set()
        for thread in hanging:
            thread.join()
        assert browser.get("/aws/cloudadmin").status_code == 301


def test_after_the_start_a_sign_in_reads_neither_certificates_nor_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, config = tmp_path / "bundle.pem", tmp_path / "config"
    authority().cert_pem.write_to_path(bundle)
    config.write_text(f"[profile cons]\nca_bundle = {bundle}\n")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with open_house(
        tmp_path, regions=REGIONS, prepared=True, aws_tls=server_tls(), aws={"regions": list(REGIONS)}
    ) as house:
        bundle.unlink()
        config.write_text("no configuration\n")
        browser = house.browser()
        house.sign_in(browser, "/aws/sandbox")
        check_opened_in(house, browser, NEAR)
        house.sts.misbehave(UNAVAILABLE)
        check_opened_in(house, browser, FAR)
