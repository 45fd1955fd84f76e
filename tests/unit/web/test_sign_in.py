"""The way through the identity provider and back: bound to one browser, once, and never on trust."""

import base64
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.browser import Browser, forms_in, sent_to_idp, text_of
from support.forge import Forger, posted
from support.house import House, console_url


def test_the_cookies_are_as_strict_as_the_way_allows(house: House, browser: Browser) -> None:
    begun = browser.get("/aws/cloudadmin")
    pending = begun.headers["Set-Cookie"]
    assert pending.startswith("__Host-awscons-pending-")
    for flag in ("Secure", "HttpOnly", "SameSite=None", "Path=/", "Max-Age=1800"):
        assert flag in pending
    answered = browser.answer("/saml/acs", house.answer(sent_to_idp(begun)))
    login, dropped, returned = answered.headers.get_list("Set-Cookie")
    assert login.startswith("__Host-awscons=")
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert flag in login
    assert dropped.startswith("__Host-awscons-pending-")
    assert "Max-Age=0" in dropped
    assert returned.startswith("__Host-awscons-returns=1a;")
    for flag in ("Secure", "HttpOnly", "SameSite=None", "Path=/", "Max-Age=60"):
        assert flag in returned


def test_the_login_id_is_new_at_each_login(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    first = browser.http.cookies["__Host-awscons"]
    house.clock.forward(hours=2)
    house.sign_in(browser, "/aws/cloudadmin")
    assert browser.http.cookies["__Host-awscons"] != first


def test_a_login_id_that_was_planted_before_the_sign_in_is_not_taken_over(
    house: House, browser: Browser
) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin", headers={"Cookie": "__Host-awscons=planted"}))
    browser.answer("/saml/acs", house.answer(sent))
    assert browser.http.cookies["__Host-awscons"] != "planted"
    other = house.browser()
    sent_to_idp(other.get("/aws/cloudadmin", headers={"Cookie": "__Host-awscons=planted"}))


def test_several_tabs_each_come_back_to_their_own_page(house: House, browser: Browser) -> None:
    first = sent_to_idp(browser.get("/aws/cloudadmin?tab=1"))
    second = sent_to_idp(browser.get("/aws/cloudadmin?tab=2"))
    came_second = browser.answer("/saml/acs", house.answer(second))
    came_first = browser.answer("/saml/acs", house.answer(first))
    assert came_second.headers["Location"].endswith("/aws/cloudadmin?tab=2")
    assert came_first.headers["Location"].endswith("/aws/cloudadmin?tab=1")


def test_very_many_tabs_do_not_fill_the_browser_with_cookies(house: House, browser: Browser) -> None:
    for number in range(40):
        house.clock.forward(seconds=1)
        browser.get(f"/aws/cloudadmin?tab={number}")
    assert len(browser.http.cookies) == 16
    last = sent_to_idp(browser.get("/aws/cloudadmin?tab=last"))
    answered = browser.answer("/saml/acs", house.answer(last))
    assert answered.headers["Location"].endswith("?tab=last")


# --- answers that nobody asked for -------------------------------------------------------


def test_a_response_posted_twice_signs_in_once(house: House, browser: Browser) -> None:
    form = house.answer(sent_to_idp(browser.get("/aws/cloudadmin?x=1")))
    cookies = dict(browser.http.cookies.items())
    assert browser.answer("/saml/acs", form).status_code == 303
    again = house.browser()
    again.http.cookies.update(cookies)
    second = again.answer("/saml/acs", form)
    assert "__Host-awscons" not in again.http.cookies
    logout_first = sent_to_idp(second)
    assert logout_first.relay_state != form["RelayState"]
    assert house.audit()[-1]["cause"] == "the response was posted a second time"


def test_an_assertion_used_before_is_refused_even_under_a_new_pending_login(
    house: House, browser: Browser
) -> None:
    """An identity provider that repeats an assertion, or somebody who can make it do so."""
    first = sent_to_idp(browser.get("/aws/cloudadmin"))
    assert browser.answer("/saml/acs", house.answer(first, assertion_id="_same")).status_code == 303
    other = house.browser()
    second = sent_to_idp(other.get("/aws/cloudadmin"))
    refused = other.answer("/saml/acs", house.answer(second, assertion_id="_same"))
    assert refused.status_code == 400
    assert "assertion was used before" in house.audit()[-1]["cause"]


def test_a_response_posted_from_another_browser_signs_nobody_in(house: House, browser: Browser) -> None:
    form = house.answer(sent_to_idp(browser.get("/aws/cloudadmin?mine")))
    victim = house.browser()
    answer = victim.answer("/saml/acs", form)
    assert "__Host-awscons" not in victim.http.cookies
    logout_first = sent_to_idp(answer)
    finished = victim.answer("/saml/acs", house.answer(logout_first, "otto@example.com"))
    assert finished.headers["Location"] == f"{house.url}/aws/"
    # ... and it has used nothing up: the browser that asked still gets in.
    assert browser.answer("/saml/acs", form).headers["Location"].endswith("?mine")


def test_somebody_elses_secret_for_the_same_handle_does_not_do(house: House, browser: Browser) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    other = house.browser()
    other.http.cookies.set(f"__Host-awscons-pending-{sent.relay_state}", "guessed")
    sent_to_idp(other.answer("/saml/acs", house.answer(sent)))
    assert "__Host-awscons" not in other.http.cookies


@pytest.mark.parametrize("relay_state", ["", "https://evil.example.com/", "x" * 5000, "6b000000.made-up"])
def test_an_unsolicited_response_only_starts_a_fresh_sign_in(
    house: House, browser: Browser, relay_state: str
) -> None:
    """How a tile at the identity provider works, without trusting what it sent."""
    form_value = Forger().form_value(house.story("_nobody-asked").at(response_in_response_to=None))
    answer = browser.answer("/saml/acs", {"SAMLResponse": form_value, "RelayState": relay_state})
    assert "__Host-awscons" not in browser.http.cookies
    logout_first = sent_to_idp(answer)
    assert "evil" not in answer.headers["Location"]
    finished = browser.answer("/saml/acs", house.answer(logout_first))
    assert finished.headers["Location"] == f"{house.url}/aws/"


def test_a_browser_that_keeps_no_cookies_gets_an_explanation_instead_of_a_loop(house: House) -> None:
    first = sent_to_idp(house.browser().get("/aws/cloudadmin"))
    second = sent_to_idp(house.browser().answer("/saml/acs", house.answer(first)))
    explained = house.browser().answer("/saml/acs", house.answer(second))
    assert explained.status_code == 400
    assert "blocks the cookies of this site" in text_of(explained)
    assert "cookies" in house.audit()[-1]["hint"]


def test_an_answer_to_another_request_of_ours_is_refused(house: House, browser: Browser) -> None:
    first = sent_to_idp(browser.get("/aws/cloudadmin?1"))
    second = sent_to_idp(browser.get("/aws/cloudadmin?2"))
    crossed = {**house.answer(first), "RelayState": second.relay_state}
    assert browser.answer("/saml/acs", crossed).status_code == 400


def test_a_person_may_take_ten_minutes_at_the_identity_provider(house: House, browser: Browser) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin?slow"))
    house.clock.forward(seconds=599)
    assert browser.answer("/saml/acs", house.answer(sent)).headers["Location"].endswith("?slow")


def test_a_late_answer_starts_afresh_and_keeps_the_way(
    house: House, browser: Browser, tmp_path: Path
) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin?slow"))
    # The store's own clock goes on: it must keep the way for longer than the sign-in may take.
    with closing(sqlite3.connect(tmp_path / "logins.sqlite3")) as connection:
        kept = connection.execute("SELECT ends_at FROM records WHERE key LIKE 'pending:%'").fetchall()
    assert kept[0][0] > house.clock().timestamp() + 1700
    house.clock.forward(seconds=600)
    logout_first = sent_to_idp(browser.answer("/saml/acs", house.answer(sent)))
    finished = browser.answer("/saml/acs", house.answer(logout_first))
    assert finished.headers["Location"].endswith("/aws/cloudadmin?slow")


# --- bad answers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "saml_response",
    [
        None,
        "",
        "garbage",
        "%%%",
        posted("not xml"),
        posted("<html/>"),
        base64.b64encode(b"\xff\x00").decode(),
        "A" * 250_000,
    ],
    ids=["missing", "empty", "garbage", "not-base64", "not-xml", "html", "binary", "huge"],
)
def test_what_is_no_response_is_a_400_with_a_way_on(
    house: House, browser: Browser, saml_response: str | None
) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    form = {"RelayState": sent.relay_state}
    if saml_response is not None:
        form["SAMLResponse"] = saml_response
    refused = browser.answer("/saml/acs", form)
    assert refused.status_code == 400
    assert "was not accepted" in text_of(refused)
    assert house.audit()[-1]["incident_id"] in text_of(refused)
    # Nothing is lost: the pending login still waits for a good answer.
    assert browser.answer("/saml/acs", house.answer(sent)).status_code == 303


def test_a_forged_response_is_a_400_that_tells_the_person_nothing_and_the_log_everything(
    house: House, browser: Browser
) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin?x=1"))
    refused = browser.answer("/saml/acs", house.answer(sent, forger=Forger(key_name="attacker")))
    assert refused.status_code == 400
    assert "signature" not in text_of(refused)
    assert "no trusted key made this signature" in house.audit()[-1]["cause"]
    assert 'href="' + f'{house.url}/aws/cloudadmin?x=1"' in refused.text


def test_cookies_that_were_made_up_or_cut_are_no_login(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    real = browser.http.cookies["__Host-awscons"]
    for made_up in ("", "x", real[:-1], real + "x", "x" * 4000, "../../etc/passwd", "%00"):
        other = house.browser()
        answer = other.get("/aws/cloudadmin", headers={"Cookie": f"__Host-awscons={made_up}"})
        sent_to_idp(answer)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_the_acs_takes_post_only(house: House, browser: Browser, method: str) -> None:
    answer = browser.http.request(method, house.acs_url)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_form_that_says_two_things_is_refused(house: House, browser: Browser) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    form = house.answer(sent)
    twice: dict[str, str | list[str]] = {
        "SAMLResponse": [form["SAMLResponse"], form["SAMLResponse"]],
        "RelayState": form["RelayState"],
    }
    assert browser.answer("/saml/acs", twice).status_code == 400


def test_an_assertion_that_never_ends_signs_in_like_any_other(house: House, browser: Browser) -> None:
    forever = "9999-12-31T23:59:59Z"
    opened = house.sign_in(browser, "/aws/cloudadmin", conditions_end=forever, confirmation_end=forever)
    assert opened.status_code == 301


# --- signing out -------------------------------------------------------------------------


def test_signing_out_ends_the_login_for_good(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/")
    login_id = browser.http.cookies["__Host-awscons"]
    portal = browser.get("/aws/")
    place = [form.action for form in forms_in(portal)].index(f"{house.url}/saml/logout")
    signed_out = browser.follow(browser.submit(portal, form=place))
    assert "You are signed out" in text_of(signed_out)
    thief = house.browser()
    thief.http.cookies.set("__Host-awscons", login_id)
    sent_to_idp(thief.get("/aws/cloudadmin"))
    assert house.audit()[-1]["action"] == "sign-out"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Referer": "https://evil.example.com/page"},
        {"Referer": "https://localhost.evil.example.com/"},
    ],
)
def test_another_site_cannot_sign_somebody_out(
    house: House, browser: Browser, headers: dict[str, str]
) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    assert browser.post("/saml/logout", {}, headers=headers).status_code == 403
    assert browser.get("/aws/cloudadmin").status_code == 301


def test_the_portal_lists_what_the_person_may_open_and_nothing_else(house: House, browser: Browser) -> None:
    portal = house.sign_in(browser, "/aws/", "otto@example.com")
    page = text_of(portal)
    assert "sandbox" in page
    assert "cloudadmin" not in page
    link = re.search(r'class="target" href="([^"]+)"', portal.text)
    assert link
    assert console_url(browser.get(link[1]))["Issuer"] == f"{house.url}/aws/sandbox"
