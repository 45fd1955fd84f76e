"""What the service bears: large bodies, floods of sign-ins, half-finished ones by the thousand."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from awscons.adapters.stores.choice import open_store
from awscons.adapters.stores.memory_store import MemoryStore
from awscons.audit.metrics_recorder import NoMetrics
from awscons.config.schema import SqliteBacking
from awscons.errors import TooManySignIns
from awscons.signin.pending_logins import PendingLogins
from awscons.signin.rate_limits import MinuteCounters, SignInRateLimits
from awscons.signin.records import PendingLogin
from awscons.web.guards import MAX_BODY_BYTES
from support.browser import Browser, sent_to_idp, text_of
from support.clock import MovableClock
from support.house import House, open_house

PROXY = {"trusted_proxies": 1}


def come_from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


# --- bodies ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/saml/slo", "/saml/logout", "/aws/cloudadmin"])
def test_a_body_over_256_kib_is_refused_whatever_it_is(browser: Browser, path: str) -> None:
    answer = browser.http.post(f"{browser.base}{path}", content=b"x" * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    assert "too large" in text_of(answer)


def test_a_body_of_256_kib_is_looked_at(browser: Browser) -> None:
    padding = MAX_BODY_BYTES - len("RelayState=&SAMLRequest=")
    answer = browser.answer("/saml/slo", {"RelayState": "", "SAMLRequest": "A" * padding})
    assert answer.status_code == 400


# --- rates -------------------------------------------------------------------------------


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[House]:
    server = {**PROXY, "rate_limit_per_address": 5, "rate_limit_overall": 12}
    with open_house(tmp_path, server=server) as house:
        yield house


def test_one_address_that_begins_too_many_sign_ins_is_asked_to_wait_and_others_are_not(
    limited: House,
) -> None:
    browser = limited.browser()
    answers = [browser.get("/aws/cloudadmin", headers=come_from("192.0.2.1")) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429]
    assert "too many sign-ins" in text_of(answers[-1])
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert limited.browser().get("/aws/cloudadmin", headers=come_from("192.0.2.2")).status_code == 302


def test_a_minute_later_the_address_may_go_on(limited: House) -> None:
    browser = limited.browser()
    answers = [browser.get("/aws/cloudadmin", headers=come_from("192.0.2.1")) for _ in range(6)]
    answer = answers[-1]
    assert answer.status_code == 429
    limited.clock.forward(seconds=int(answer.headers["Retry-After"]))
    assert browser.get("/aws/cloudadmin", headers=come_from("192.0.2.1")).status_code == 302


def test_above_the_overall_limit_a_network_gets_no_more_than_one_address(limited: House) -> None:
    codes = [
        limited.browser().get("/aws/cloudadmin", headers=come_from(f"192.0.2.{number}")).status_code
        for number in range(19)
    ]
    assert codes == [302] * (12 + 5) + [429] * 2
    other = limited.browser().get("/aws/cloudadmin", headers=come_from("198.51.100.1"))
    assert other.status_code == 302


def test_above_the_overall_limit_an_address_with_many_requests_waits_first(limited: House) -> None:
    browser = limited.browser()
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        for _ in range(4):
            assert browser.get("/aws/cloudadmin", headers=come_from(address)).status_code == 302
    refused = browser.get("/aws/cloudadmin", headers=come_from("192.0.2.1"))
    assert refused.status_code == 429
    assert browser.get("/aws/cloudadmin", headers=come_from("192.0.2.4")).status_code == 302


@pytest.mark.parametrize(
    ("network", "passes"), [("2001:db8:0:{:x}::1", 10), ("2001:db8:0:{:x}00::1", 20)], ids=["/56", "/48"]
)
def test_the_limit_of_an_ipv6_network_rises_with_its_size(tmp_path: Path, network: str, passes: int) -> None:
    with open_house(tmp_path, server={**PROXY, "rate_limit_per_address": 5}) as house:
        codes = [
            house.browser().get("/aws/cloudadmin", headers=come_from(network.format(number))).status_code
            for number in range(passes + 2)
        ]
    assert codes == [302] * passes + [429] * 2


def test_a_connection_without_an_address_is_a_proxy_and_not_one_person() -> None:
    counters = MinuteCounters(MemoryStore(), recorder=NoMetrics(), clock=MovableClock())
    limits = SignInRateLimits(per_address=2, overall=10, counters=counters)
    for _ in range(10):
        limits.check("begin", None)
    with pytest.raises(TooManySignIns, match="overall"):
        limits.check("begin", None)


def test_a_forged_loopback_address_has_a_limit_like_any_other(limited: House) -> None:
    browser = limited.browser()
    answers = [browser.get("/aws/cloudadmin", headers=come_from("127.0.0.1")) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429]


def test_a_refusal_says_the_address_in_the_log(limited: House) -> None:
    browser = limited.browser()
    for _ in range(6):
        browser.get("/aws/cloudadmin", headers=come_from("192.0.2.1"))
    (line,) = limited.lines("problem")
    assert (line["error"], line["client_address"]) == ("TooManySignIns", "192.0.2.1")


def flood(house: House, path: Path) -> None:
    """Six addresses that ask for a target and post rubbish, thirty networks of one IPv6 /48: at another process."""
    store = open_store(SqliteBacking(path=str(path)), environment={})
    counters = MinuteCounters(store, recorder=NoMetrics(), clock=house.clock)
    limits = SignInRateLimits(per_address=20, overall=100, counters=counters)
    crowd = [f"192.0.2.{number}" for number in range(6)] * 120
    crowd += [f"2001:db8:0:{number:x}::1" for number in range(30)]
    for address in crowd:
        for step in ("begin", "acs"):
            with suppress(TooManySignIns):
                limits.check(step, address)


@pytest.mark.parametrize("address", ["203.0.113.7", "192.0.2.77", "2001:db8:7::1"])
def test_while_others_flood_a_person_begins_and_finishes_a_sign_in(tmp_path: Path, address: str) -> None:
    server = {**PROXY, "rate_limit_per_address": 20, "rate_limit_overall": 100}
    with open_house(tmp_path, server=server) as house:
        flood(house, tmp_path / "logins.sqlite3")
        attacker, browser = house.browser(), house.browser()
        assert attacker.get("/aws/cloudadmin", headers=come_from("192.0.2.1")).status_code == 429
        browser.http.headers.update(come_from(address))
        begun = browser.get("/aws/cloudadmin")
        flood(house, tmp_path / "logins.sqlite3")
        answered = browser.answer("/saml/acs", house.answer(sent_to_idp(begun)))
        assert answered.status_code == 303
        assert browser.follow(answered).status_code == 301


def test_an_address_at_its_limit_still_finishes_the_sign_ins_that_it_began(limited: House) -> None:
    browser = limited.browser()
    browser.http.headers.update(come_from("192.0.2.1"))
    begun = browser.get("/aws/cloudadmin")
    rubbish = {"SAMLResponse": "x", "RelayState": "x"}
    codes = [browser.answer("/saml/acs", rubbish).status_code for _ in range(6)]
    assert codes == [400] * 5 + [429]
    assert browser.answer("/saml/acs", limited.answer(sent_to_idp(begun))).status_code == 303


def test_the_counters_of_a_flood_from_many_networks_take_a_bounded_part_of_the_store() -> None:
    store = MemoryStore()
    counters = MinuteCounters(store, recorder=NoMetrics(), clock=MovableClock())
    buckets = {counters.bucket(f"2001:db8:{number:x}::/64") for number in range(10_000)}
    other = MinuteCounters(store, recorder=NoMetrics(), clock=MovableClock())
    assert max(buckets) < 65_536
    # Another process of the store puts the same network into the same bucket.
    assert {other.bucket(f"2001:db8:{number:x}::/64") for number in range(10_000)} == buckets


def test_one_sign_in_that_was_begun_gives_one_response_without_a_limit(limited: House) -> None:
    browser = limited.browser()
    browser.http.headers.update(come_from("192.0.2.1"))
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    form = {"SAMLResponse": "rubbish", "RelayState": sent.relay_state}
    codes = [browser.answer("/saml/acs", form).status_code for _ in range(7)]
    assert codes == [400] * 6 + [429]


def test_what_an_address_is_refused_is_taken_from_nobody_else(limited: House) -> None:
    for _ in range(20):
        limited.browser().get("/aws/cloudadmin", headers=come_from("192.0.2.1"))
    codes = [
        limited.browser().get("/aws/cloudadmin", headers=come_from(f"192.0.2.{number}")).status_code
        for number in range(2, 9)
    ]
    assert codes == [302] * 7


def test_the_addresses_of_one_ipv6_network_count_as_one(limited: House) -> None:
    codes = [
        limited.browser().get("/aws/cloudadmin", headers=come_from(f"2001:db8:0:1::{number:x}")).status_code
        for number in range(6)
    ]
    assert codes == [302] * 5 + [429]
    other = limited.browser().get("/aws/cloudadmin", headers=come_from("2001:db8:0:2::1"))
    assert other.status_code == 302


@pytest.mark.parametrize("address", ["192.0.2.1:{}", "[2001:db8::1]:{}", "::ffff:192.0.2.1", "fe80::1%eth{}"])
def test_the_connections_of_one_address_count_as_one_however_the_proxy_writes_it(
    limited: House, address: str
) -> None:
    codes = [
        limited.browser()
        .get("/aws/cloudadmin", headers=come_from(address.format(50_000 + number)))
        .status_code
        for number in range(6)
    ]
    assert codes == [302] * 5 + [429]


def test_a_proxy_on_this_host_that_the_configuration_does_not_name_is_not_taken_for_one_person(
    tmp_path: Path,
) -> None:
    with open_house(tmp_path, server={"rate_limit_per_address": 2}) as house:
        codes = [house.browser().get("/aws/cloudadmin").status_code for _ in range(4)]
    assert codes == [302] * 4


def test_answers_posted_too_often_are_refused_before_they_are_read(limited: House) -> None:
    browser = limited.browser()
    form = {"SAMLResponse": "rubbish", "RelayState": "x"}
    codes = []
    for _ in range(6):
        browser.http.headers.update(come_from("192.0.2.1"))
        codes.append(browser.answer("/saml/acs", form).status_code)
    assert codes == [400] * 5 + [429]


@pytest.mark.parametrize("way", ["redirect", "post"])
def test_logout_messages_sent_too_often_are_refused_before_they_are_read(limited: House, way: str) -> None:
    browser = limited.browser()
    browser.http.headers.update(come_from("192.0.2.1"))
    codes = [
        browser.get("/saml/slo?SAMLRequest=rubbish").status_code
        if way == "redirect"
        else browser.answer("/saml/slo", {"SAMLRequest": "rubbish"}).status_code
        for _ in range(6)
    ]
    assert codes == [400] * 5 + [429]


def test_answers_of_all_addresses_together_have_a_limit_of_their_own(limited: House) -> None:
    codes = []
    for number in range(19):
        browser = limited.browser()
        browser.http.headers.update(come_from(f"192.0.2.{number}"))
        codes.append(browser.answer("/saml/acs", {"SAMLResponse": "rubbish", "RelayState": "x"}).status_code)
    assert codes == [400] * (12 + 5) + [429] * 2
    # Beginnings are counted by themselves.
    other = limited.browser().get("/aws/cloudadmin", headers=come_from("192.0.2.99"))
    assert other.status_code == 302


def test_hosts_that_share_a_store_share_the_counts(tmp_path: Path) -> None:
    store = {"cache_type": "SQLite", "path": str(tmp_path / "shared.sqlite3")}
    server = {**PROXY, "rate_limit_per_address": 5}
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with (
        open_house(tmp_path / "one", store=store, server=server) as one,
        open_house(tmp_path / "two", store=store, server=server) as two,
    ):
        two.clock.now = one.clock.now
        codes = [
            house.browser().get("/aws/cloudadmin", headers=come_from("192.0.2.1")).status_code
            for house in (one, two, one, two, one, two, one)
        ]
    assert codes == [302] * 5 + [429] * 2


def test_who_is_signed_in_already_is_never_limited(limited: House) -> None:
    browser = limited.browser()
    browser.http.headers.update(come_from("192.0.2.1"))
    limited.sign_in(browser, "/aws/cloudadmin")
    for _ in range(20):
        limited.browser().get("/aws/cloudadmin", headers=come_from("192.0.2.1"))
    assert browser.get("/aws/cloudadmin").status_code == 301


def test_a_limit_of_0_is_none(tmp_path: Path) -> None:
    server = {**PROXY, "rate_limit_per_address": 0, "rate_limit_overall": 0}
    with open_house(tmp_path, server=server) as house:
        browser = house.browser()
        codes = {browser.get("/aws/cloudadmin", headers=come_from("192.0.2.1")).status_code for _ in range(8)}
    assert codes == {302}


# --- consoles ----------------------------------------------------------------------------


def test_one_person_opens_no_more_consoles_in_a_minute_than_the_limit(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"rate_limit_per_person": 3}) as house:
        first, second = house.browser(), house.browser()
        house.sign_in(first, "/aws/cloudadmin")
        house.sign_in(second, "/aws/cloudadmin")
        assert first.get("/aws/cloudadmin").status_code == 301
        refused = second.get("/aws/cloudadmin")
        assert refused.status_code == 429
        assert "many consoles" in text_of(refused)
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        event = house.audit()[-1]
        assert (event["action"], event["outcome"], event["reason"]) == (
            "open-console",
            "refused",
            "TooManyConsoles",
        )
        other = house.browser()
        assert house.sign_in(other, "/aws/cloudadmin", "carl@example.com").status_code == 301
        house.clock.forward(seconds=int(refused.headers["Retry-After"]))
        assert second.get("/aws/cloudadmin").status_code == 301


def test_a_limit_of_0_consoles_is_none(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"rate_limit_per_person": 0}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        assert {browser.get("/aws/cloudadmin").status_code for _ in range(31)} == {301}


# --- half-finished sign-ins --------------------------------------------------------------


def test_thousands_of_half_finished_sign_ins_take_no_more_than_their_places(tmp_path: Path) -> None:
    path = tmp_path / "logins.sqlite3"
    store = open_store(SqliteBacking(path=str(path)), environment={})
    pending = PendingLogins(store=store, max_pending=300, lifetime=timedelta(minutes=10))
    one = PendingLogin("_1", "/aws/x", "0" * 64, MovableClock()(), force_authn=False, retry_of_login=False)
    handles = [pending.save(one) for _ in range(3_000)]
    with closing(sqlite3.connect(path)) as connection:
        ((records, unending),) = connection.execute("SELECT count(*), sum(ends_at = 0) FROM records")
    assert (records, unending) == (300, 0)
    assert pending.find(handles[-1]) == one
    assert sum(pending.find(handle) is not None for handle in handles) == 300


def test_with_half_the_places_free_hardly_any_sign_in_displaces_another(tmp_path: Path) -> None:
    store = open_store(SqliteBacking(path=str(tmp_path / "x")), environment={})
    pending = PendingLogins(store=store, max_pending=1_000, lifetime=timedelta(minutes=10))
    one = PendingLogin("_1", "/aws/x", "0" * 64, MovableClock()(), force_authn=False, retry_of_login=False)
    handles = [pending.save(one) for _ in range(500)]
    assert sum(pending.find(handle) is not None for handle in handles) >= 495


@pytest.mark.parametrize(
    "handle", ["", ".", "x.", "x.-1", "x.1.5", "x.٣", "x.999999999", "x" * 80 + ".1", "pending:1", "x.0"]
)
def test_a_handle_of_somebody_elses_making_finds_nothing(tmp_path: Path, handle: str) -> None:
    store = open_store(SqliteBacking(path=str(tmp_path / "x")), environment={})
    pending = PendingLogins(store=store, max_pending=100, lifetime=timedelta(minutes=10))
    one = PendingLogin("_1", "/aws/x", "0" * 64, MovableClock()(), force_authn=False, retry_of_login=False)
    for _ in range(300):
        pending.save(one)
    assert pending.find(handle) is None


def flood_places(path: Path) -> None:
    """Thirty times as many pending logins as there are places."""
    store = open_store(SqliteBacking(path=str(path)), environment={})
    pending = PendingLogins(store=store, max_pending=100, lifetime=timedelta(minutes=10))
    one = PendingLogin("_1", "/aws/x", "0" * 64, MovableClock()(), force_authn=False, retry_of_login=False)
    for _ in range(3_000):
        pending.save(one)


def test_a_sign_in_whose_place_was_taken_begins_afresh_and_works(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"max_pending_logins": 100}) as house:
        browser = house.browser()
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        flood_places(tmp_path / "logins.sqlite3")
        answered = browser.answer("/saml/acs", house.answer(sent))
        again = sent_to_idp(answered)
        answered = browser.answer("/saml/acs", house.answer(again))
        assert answered.status_code == 303
        # Where it was going is forgotten; the portal leads there.
        assert answered.headers["Location"] == f"{house.url}/aws/"
        assert browser.get("/aws/cloudadmin").status_code == 301


# --- one process -------------------------------------------------------------------------


def test_memory_of_one_process_refuses_a_server_with_several_and_says_what_to_set(tmp_path: Path) -> None:
    with open_house(tmp_path, store={"cache_type": "SimpleCache"}, multiprocess=True) as house:
        for path in ("/aws/cloudadmin", "/healthz", "/saml/signed-out"):
            answer = house.browser().get(path)
            assert answer.status_code == 500
            assert "not set up correctly" in text_of(answer)
        (cause,) = {line["cause"] for line in house.lines("problem")}
        assert "SQLite" in cause
        assert "WSGIDaemonProcess" in cause


def test_a_store_that_processes_share_works_under_several(tmp_path: Path) -> None:
    with open_house(tmp_path, multiprocess=True) as house:
        assert house.sign_in(house.browser(), "/aws/cloudadmin").status_code == 301
