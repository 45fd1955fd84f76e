"""Signing a terminal in: what it may ask, what the person sees, what a code and a token are good for."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support.browser import Browser, forms_in, sent_to_idp, text_of
from support.house import FULL_TARGETS, House, open_house
from support.terminal import LOOPBACK, Terminal, error_of

TARGETS = [{**FULL_TARGETS[0], "cli": True}, FULL_TARGETS[1]]
INVALID_GRANT = (400, "invalid_grant")
OTHER_SITE = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.com"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, aws={"targets": TARGETS}, saml={"auth_duration": 8 * 3600}) as opened:
        yield opened


@pytest.fixture
def ada(house: House) -> Browser:
    """Ada's browser, signed in."""
    browser = house.browser()
    house.sign_in(browser, "/aws/")
    return browser


@pytest.fixture
def terminal(house: House) -> Terminal:
    return Terminal(house)


# --- from the link to the first tokens -------------------------------------------------------


def test_a_terminal_learns_every_address_from_one_document(house: House, browser: Browser) -> None:
    document = browser.get("/cli/metadata").json()
    assert document["issuer"] == house.url
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["paste_redirect_uri"] == f"{house.url}/cli/code"
    for name in ("authorization", "token", "revocation", "doors", "credentials"):
        assert document[f"{name}_endpoint"].startswith(f"{house.url}/cli/")


def test_a_person_signs_in_sees_the_machine_and_allows_it(
    house: House, browser: Browser, terminal: Terminal
) -> None:
    page = house.sign_in(browser, terminal.link)
    assert "Sign in a terminal?" in text_of(page)
    assert "ada-laptop" in text_of(page)
    assert "form-action 'self' http://127.0.0.1:43210;" in page.headers["Content-Security-Policy"]
    answer = terminal.redeem(terminal.code_from(browser.submit(page, {"decision": "allow"}, form=-1)))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert (tokens["token_type"], tokens["person"], tokens["expires_in"]) == (
        "Bearer",
        "ada@example.com",
        300,
    )
    assert 8 * 3600 - 5 <= tokens["refresh_token_expires_in"] <= 8 * 3600
    (event,) = [event for event in house.audit() if event["action"] == "sign-in-terminal"]
    assert (event["outcome"], event["machine"], event["user_name"]) == (
        "done",
        "ada-laptop",
        "ada@example.com",
    )


def test_neither_the_store_nor_the_log_has_a_token(
    house: House, ada: Browser, terminal: Terminal, tmp_path: Path
) -> None:
    code = terminal.allowed_by(ada)
    assert terminal.redeem(code).status_code == 200
    first = terminal.tokens
    assert terminal.refresh().status_code == 200
    with closing(sqlite3.connect(tmp_path / "logins.sqlite3")) as store:
        kept = "\n".join(store.iterdump()) + house.log.getvalue()
    for tokens in (first, terminal.tokens):
        for secret in (tokens["access_token"], *tokens["refresh_token"].split("."), code, terminal.verifier):
            assert secret not in kept
            assert secret.encode().hex() not in kept.lower()


def test_a_person_who_refuses_the_terminal_says_so_to_it(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    refused = ada.submit(ada.get(terminal.link), {"decision": "deny"}, form=-1)
    query = parse_qs(urlsplit(refused.headers["Location"]).query)
    assert (query["error"], query["state"], query["iss"]) == (
        ["access_denied"],
        [terminal.state],
        [house.url],
    )
    assert house.audit()[-1]["reason"] == "denied by the person"
    assert house.audit()[-1]["machine"] == "ada-laptop"


def test_a_person_copies_the_code_where_the_browser_runs_elsewhere(house: House, ada: Browser) -> None:
    terminal = Terminal(house, redirect_uri=f"{house.url}/cli/code")
    page = ada.get(terminal.link)
    assert "Refuse it if somebody sent you this link." in text_of(page)
    shown = ada.follow(ada.submit(page, {"decision": "allow"}, form=-1))
    code = re.findall(r"<code[^>]*>([^<]+)</code>", shown.text)[0]
    house.clock.forward(minutes=4)
    assert terminal.redeem(code).status_code == 200


@pytest.mark.parametrize("text", ["", "call 555 0100", "<b>x</b>", "x" * 44])
def test_the_page_for_copying_shows_nothing_but_codes(ada: Browser, text: str) -> None:
    page = ada.get("/cli/code", params={"code": text})
    assert "The terminal was not signed in" in text_of(page)
    assert text == "" or text not in text_of(page)


def test_an_ipv6_loopback_works_as_well(house: House, ada: Browser) -> None:
    terminal = Terminal(house, redirect_uri="http://[::1]:43210/callback")
    page = ada.get(terminal.link)
    assert "form-action 'self' http:;" in page.headers["Content-Security-Policy"]
    assert terminal.redeem(terminal.allowed_by(ada)).status_code == 200


# --- what is asked ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"redirect_uri": ""},
        {"redirect_uri": "https://evil.example.com/callback"},
        {"redirect_uri": "http://localhost:43210/callback"},
        {"redirect_uri": "http://127.0.0.1/callback"},
        {"redirect_uri": "http://127.0.0.1:0/callback"},
        {"redirect_uri": "http://127.0.0.1:65536/callback"},
        {"redirect_uri": "http://127.0.0.1:43210/callback?x=1"},
        {"redirect_uri": "http://127.0.0.1:43210/callback/../x"},
        {"redirect_uri": "http://127.0.0.1:43210@evil.example.com/callback"},
        {"redirect_uri": "http://127.0.0.1.evil.example.com:43210/callback"},
        {"redirect_uri": "https://127.0.0.1:43210/callback"},
        {"redirect_uri": "http://127.0.0.1:43210/callback\n"},
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_on_their_own_computer(
    ada: Browser, terminal: Terminal, changes: dict[str, str]
) -> None:
    answer = ada.get(terminal.link_with(**changes))
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "does not come from the command-line client" in text_of(answer)


def test_a_parameter_that_comes_twice_counts_as_none(ada: Browser, terminal: Terminal) -> None:
    assert ada.get(f"{terminal.link}&redirect_uri={LOOPBACK}").status_code == 400
    assert ada.get(f"{terminal.link}&client_id=awscons-cli").status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
        ({"state": "x" * 513}, "invalid_request"),
        ({"machine": ""}, "invalid_request"),
        ({"machine": "x" * 65}, "invalid_request"),
        ({"machine": "gnp.\u202eexe"}, "invalid_request"),
        ({"machine": "a\nb"}, "invalid_request"),
        ({"door": "a/b"}, "invalid_request"),
        ({"door": "x" * 65}, "invalid_request"),
    ],
)
def test_the_terminal_is_told_what_is_wrong_with_its_request(
    ada: Browser, terminal: Terminal, changes: dict[str, str], error: str
) -> None:
    answer = ada.get(terminal.link_with(**changes))
    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["error"] == [error]
    assert answer.headers["Location"].startswith(LOOPBACK)


def test_the_name_of_a_machine_is_shown_as_text(ada: Browser, terminal: Terminal) -> None:
    page = ada.get(terminal.link_with(machine="<script>alert(1)</script>"))
    assert "<script>alert" not in page.text
    assert "<script>alert(1)</script>" in text_of(page)


@pytest.mark.parametrize(
    "headers", [{"Sec-Purpose": "prefetch"}, {"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Dest": "image"}]
)
def test_what_nobody_has_followed_asks_nothing(
    ada: Browser, terminal: Terminal, headers: dict[str, str]
) -> None:
    assert ada.get(terminal.link, headers=headers).status_code in {403, 503}
    assert ada.http.head(f"{ada.base}{terminal.link}").status_code == 405


# --- what other sites can do -----------------------------------------------------------------


def test_no_other_site_allows_a_terminal_in_a_persons_name(ada: Browser, terminal: Terminal) -> None:
    form = forms_in(ada.get(terminal.link))[-1]
    allowed = {**form.fields, "decision": "allow"}
    assert ada.post("/cli/authorize", allowed, headers=OTHER_SITE).status_code == 403
    assert ada.post("/cli/authorize", allowed).status_code == 303


def test_a_page_that_was_made_for_another_login_or_request_allows_nothing(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    other = house.browser()
    house.sign_in(other, "/aws/", "carl@example.com")
    theirs = forms_in(other.get(terminal.link))[-1].fields
    elsewhere = {**forms_in(ada.get(terminal.link))[-1].fields, "machine": "another"}
    longer = forms_in(ada.get(terminal.link))[-1].fields
    longer["proof"] = longer["proof"].replace(".", "0.", 1)
    for fields in (theirs, elsewhere, {**elsewhere, "proof": ""}, longer):
        answer = ada.post("/cli/authorize", {**fields, "decision": "allow"})
        assert answer.status_code == 200
        assert "Sign in a terminal?" in text_of(answer)


def test_a_page_that_asked_more_than_ten_minutes_ago_allows_nothing(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    page = ada.get(terminal.link)
    house.clock.forward(minutes=11)
    answer = ada.submit(page, {"decision": "allow"}, form=-1)
    assert answer.status_code == 200
    assert terminal.code_from(ada.submit(answer, {"decision": "allow"}, form=-1))


def test_a_page_of_another_site_gets_no_token_and_may_read_nothing(ada: Browser, terminal: Terminal) -> None:
    code = terminal.allowed_by(ada)
    form = {"grant_type": "authorization_code", "client_id": "awscons-cli", "code": code}
    refused = ada.post("/cli/token", form, headers=OTHER_SITE)
    assert refused.status_code == 403
    answer = terminal.redeem(code)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert "set-cookie" not in answer.headers


# --- codes -----------------------------------------------------------------------------------


def test_an_intercepted_code_gives_nothing_without_the_secret_of_its_terminal(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    code, thief = terminal.allowed_by(ada), Terminal(house)
    assert error_of(thief.redeem(code)) == INVALID_GRANT
    assert (house.audit()[-1]["outcome"], house.audit()[-1]["reason"]) == ("refused", "wrong code_verifier")
    # It is used up, so nobody can try secrets one after the other.
    assert error_of(terminal.redeem(code)) == INVALID_GRANT


@pytest.mark.parametrize("verifier", ["", "x" * 42, "x" * 129, "\u00e4" * 43])
def test_a_malformed_secret_gives_nothing(ada: Browser, terminal: Terminal, verifier: str) -> None:
    assert error_of(terminal.redeem(terminal.allowed_by(ada), code_verifier=verifier)) == INVALID_GRANT


def test_a_code_serves_the_address_that_it_was_made_for(ada: Browser, terminal: Terminal) -> None:
    code = terminal.allowed_by(ada)
    other = "http://127.0.0.1:43211/callback"
    assert error_of(terminal.redeem(code, redirect_uri=other)) == INVALID_GRANT


def test_a_code_that_comes_again_ends_what_came_of_it(house: House, ada: Browser, terminal: Terminal) -> None:
    code = terminal.allowed_by(ada)
    assert terminal.redeem(code).status_code == 200
    assert error_of(Terminal(house).redeem(code)) == INVALID_GRANT
    assert error_of(terminal.refresh()) == INVALID_GRANT
    assert house.audit()[-1]["reason"] == "token used before"


def test_a_code_lasts_a_minute(house: House, ada: Browser, terminal: Terminal) -> None:
    code = terminal.allowed_by(ada)
    house.clock.forward(seconds=61)
    assert error_of(terminal.redeem(code)) == INVALID_GRANT


def test_a_code_is_worth_nothing_after_the_person_has_signed_out(ada: Browser, terminal: Terminal) -> None:
    code = terminal.allowed_by(ada)
    ada.post("/saml/logout", {})
    assert error_of(terminal.redeem(code)) == INVALID_GRANT


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_id": "another"}, "invalid_client"),
        ({"client_id": ""}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"code": "x"}, "invalid_grant"),
        ({"code": "x" * 43}, "invalid_grant"),
        ({"code": ""}, "invalid_grant"),
    ],
)
def test_bad_requests_for_tokens_get_the_codes_of_the_standard(
    terminal: Terminal, changes: dict[str, str], expected: str
) -> None:
    assert error_of(terminal.redeem(**{"code": "x" * 43, **changes})) == (400, expected)


def test_guesses_are_limited_for_each_address(tmp_path: Path) -> None:
    server = {"rate_limit_per_address": 2, "trusted_proxies": 1}
    with open_house(tmp_path, aws={"targets": TARGETS}, server=server) as house:
        terminal = Terminal(house)
        terminal.http.http.headers["X-Forwarded-For"] = "192.0.2.1"
        answers = [terminal.redeem("x" * 43) for _ in range(3)]
        assert [error_of(answer)[0] for answer in answers] == [400, 400, 429]
        assert answers[2].headers["Retry-After"].isdecimal()


def test_terminals_of_one_address_learn_that_they_have_ended_however_many_they_are(tmp_path: Path) -> None:
    server = {"rate_limit_per_address": 2, "trusted_proxies": 1}
    with open_house(tmp_path, aws={"targets": TARGETS}, server=server) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/")
        terminals = [Terminal(house).sign_in(browser) for _ in range(4)]
        for terminal in terminals:
            terminal.http.http.headers["X-Forwarded-For"] = "192.0.2.1"
        browser.post("/saml/logout", {})
        assert [error_of(terminal.refresh()) for terminal in terminals] == [INVALID_GRANT] * 4
        assert [terminals[0].refresh("x").status_code for _ in range(3)] == [400, 400, 429]


# --- refresh tokens --------------------------------------------------------------------------


def test_each_use_of_a_refresh_token_gives_the_next_one(ada: Browser, terminal: Terminal) -> None:
    terminal.sign_in(ada)
    seen = {terminal.tokens["refresh_token"]}
    for _ in range(3):
        assert terminal.refresh().status_code == 200
        seen.add(terminal.tokens["refresh_token"])
    assert len(seen) == 4


def test_a_used_refresh_token_ends_the_login_and_alarms_auditor_and_person(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    terminal.sign_in(ada)
    stolen = terminal.tokens["refresh_token"]
    assert terminal.refresh().status_code == 200
    thief = Terminal(house)
    assert error_of(thief.refresh(stolen)) == INVALID_GRANT
    event = house.audit()[-1]
    assert (event["action"], event["outcome"], event["reason"]) == (
        "sign-in-terminal",
        "refused",
        "token used before",
    )
    assert event["machine"] == "ada-laptop"
    assert error_of(terminal.refresh()) == INVALID_GRANT
    assert terminal.doors().status_code == 401


@pytest.mark.parametrize("token", ["", "x", "x" * 43, f"{'x' * 43}.{'y' * 43}", "\u00e4.\u00e4"])
def test_invented_refresh_tokens_end_nothing(
    house: House, ada: Browser, terminal: Terminal, token: str
) -> None:
    terminal.sign_in(ada)
    assert error_of(Terminal(house).refresh(token)) == INVALID_GRANT
    assert terminal.refresh().status_code == 200


def test_the_public_id_of_a_login_is_no_token_and_no_cookie(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    terminal.sign_in(ada)
    public_id = house.audit()[-1]["login_id"]
    handle, secret = terminal.tokens["refresh_token"].split(".")
    for value in (public_id, handle, secret, f"terminal{handle}", terminal.tokens["access_token"]):
        browser = house.browser()
        browser.http.cookies.set("__Host-awscons", value)
        sent_to_idp(browser.get("/aws/"))
    assert error_of(Terminal(house).refresh(f"{public_id[:43]}.{secret}")) == INVALID_GRANT
    assert terminal.refresh().status_code == 200


def test_a_terminal_that_signs_out_has_no_tokens_any_more(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    for kind in ("refresh_token", "access_token"):
        terminal.sign_in(ada)
        form = {"token": terminal.tokens[kind], "client_id": "awscons-cli"}
        for _ in range(2):
            assert terminal.http.post("/cli/revoke", form).status_code == 200
        assert error_of(terminal.refresh()) == INVALID_GRANT
        assert terminal.doors().status_code == 401
        event = house.audit()[-1]
        assert (event["action"], event["decided_by"]) == ("sign-out", "the terminal")
        terminal = Terminal(house)
    assert terminal.http.post("/cli/revoke", {"token": "x", "client_id": "x"}).status_code == 200


# --- how long --------------------------------------------------------------------------------


def test_a_terminal_ends_with_the_login_and_not_by_lack_of_use(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    house.clock.forward(minutes=30)
    terminal.sign_in(ada)
    assert terminal.tokens["refresh_token_expires_in"] == 7.5 * 3600
    house.clock.forward(hours=7)
    assert terminal.refresh().status_code == 200
    # With less than AWS's shortest credentials left, a new sign-in is due.
    house.clock.forward(minutes=16)
    assert error_of(terminal.refresh()) == INVALID_GRANT


def test_a_terminal_can_last_longer_than_the_login_counted_from_the_sign_in(tmp_path: Path) -> None:
    session = {"cli_login_duration": 10 * 3600}
    with open_house(tmp_path, aws={"targets": TARGETS}, session=session) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/")
        house.clock.forward(minutes=30)
        terminal = Terminal(house).sign_in(browser)
        assert terminal.tokens["refresh_token_expires_in"] == 9.5 * 3600
        house.clock.forward(hours=9)
        assert terminal.refresh().status_code == 200


def test_the_identity_providers_own_end_holds_for_terminals_too(tmp_path: Path) -> None:
    session = {"cli_login_duration": 10 * 3600}
    with open_house(tmp_path, aws={"targets": TARGETS}, session=session) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/", session_end=house.clock() + timedelta(hours=1))
        assert 3590 < Terminal(house).sign_in(browser).tokens["refresh_token_expires_in"] <= 3600


def test_a_login_that_ends_soon_is_renewed_before_the_person_is_asked(
    house: House, ada: Browser, terminal: Terminal
) -> None:
    for _ in range(8):
        house.clock.forward(minutes=59)
        ada.get("/aws/")
    page = house.sign_in(ada, terminal.link)
    assert "Sign in a terminal?" in text_of(page)


# --- off by default --------------------------------------------------------------------------


def test_nothing_of_it_is_there_where_no_target_has_it(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        browser = house.browser()
        for path in ("metadata", "authorize", "code", "doors", "awscons.pyz", "terminals"):
            assert browser.get(f"/cli/{path}").status_code == 404
        for path in ("authorize", "token", "revoke", "credentials", "terminals"):
            assert browser.post(f"/cli/{path}", {}).status_code == 404
