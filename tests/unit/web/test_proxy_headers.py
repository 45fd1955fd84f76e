"""Headers of proxies: the client's address, the id of the request, and proxies that nobody configured."""

from pathlib import Path

import pytest

from support.house import House, open_house

# --- request ids ---------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["7f3k", "A-Za-z0-9._:/+=-", "x" * 128])
def test_a_trusted_proxys_request_id_is_in_every_line_of_the_request_and_in_the_answer(
    tmp_path: Path, sent: str
) -> None:
    with open_house(tmp_path, server={"trusted_proxies": 1}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        before = len(house.lines())
        refused = browser.get("/aws/sandbox", headers={"X-Request-ID": sent})
        browser.get("/aws/nothing")
        *of_request, of_next = house.lines()[before:]
        assert refused.headers["X-Request-ID"] == sent
        assert {line["event"] for line in of_request} >= {"audit"}
        assert {line["request_id"] for line in of_request} == {sent}
        assert "request_id" not in of_next


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", "a,b", 'a"b', "é", "a\tb"])
def test_a_request_id_of_another_form_is_ignored(tmp_path: Path, sent: str) -> None:
    with open_house(tmp_path, server={"trusted_proxies": 1}) as house:
        answer = house.browser().get("/aws/nothing", headers={"X-Request-ID": sent.encode()})
        assert "X-Request-ID" not in answer.headers
        (line,) = house.lines("problem")
        assert "request_id" not in line


def test_without_a_trusted_proxy_a_request_id_is_a_clients_own_text_and_ignored(house: House) -> None:
    answer = house.browser().get("/aws/nothing", headers={"X-Request-ID": "7f3k"})
    assert "X-Request-ID" not in answer.headers
    assert "request_id" not in house.lines("problem")[0]


# --- undeclared proxies ----------------------------------------------------------------------


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_a_proxy_that_is_not_configured_is_noticed_once(house: House, header: str) -> None:
    for _ in range(3):
        house.browser().get("/healthz", headers={header: "for=192.0.2.1"})
    (line,) = house.lines()
    assert (line["event"], line["level"], line["header"]) == ("proxy.undeclared", "warning", header)
    assert "`trusted_proxies`" in line["hint"]
    assert "192.0.2.1" not in str(line)


def test_requests_without_such_a_header_and_configured_proxies_are_no_news(
    house: House, tmp_path: Path
) -> None:
    house.browser().get("/healthz")
    assert house.lines() == []
    (tmp_path / "other").mkdir()
    with open_house(tmp_path / "other", server={"trusted_proxies": 1}) as other:
        other.browser().get("/healthz", headers={"X-Forwarded-For": "192.0.2.1"})
        assert other.lines() == []


# --- addresses that only a header claims -----------------------------------------------------


@pytest.mark.parametrize(
    "claimed",
    [
        "127.0.0.1",
        "127.0.0.{}",
        "::1",
        "::ffff:127.0.0.{}",
        "0.0.0.0",
        "::",
        "unknown",
        "made up {}",
        "localhost",
    ],
)
def test_a_made_up_address_falls_under_the_limit_of_one_client(tmp_path: Path, claimed: str) -> None:
    server = {"trusted_proxies": 1, "rate_limit_per_address": 3}
    with open_house(tmp_path, server=server) as house:
        codes = [
            house.browser()
            .get("/aws/cloudadmin", headers={"X-Forwarded-For": claimed.format(number)})
            .status_code
            for number in range(1, 5)
        ]
    assert codes == [302] * 3 + [429]


def test_a_connection_of_this_host_that_names_no_client_has_no_limit_of_its_own(tmp_path: Path) -> None:
    server = {"trusted_proxies": 1, "rate_limit_per_address": 3}
    with open_house(tmp_path, server=server) as house:
        codes = [house.browser().get("/aws/cloudadmin").status_code for _ in range(5)]
    assert codes == [302] * 5
