"""A browser comes back from the identity provider without a login: it gets one more try, or a page, never a loop."""

from datetime import timedelta
from typing import Any

import pytest

from support.browser import Browser, sent_to_idp, text_of
from support.forge import Forger
from support.house import House

_STATUS = "urn:oasis:names:tc:SAML:2.0:status:"


def declined(top: str, nested: str = "", message: str = "") -> dict[str, Any]:
    """What a response of an identity provider looks like that signed nobody in."""
    inner = f'<samlp:StatusCode Value="{nested}"/>' if nested else ""
    text = f"<samlp:StatusMessage>{message}</samlp:StatusMessage>" if message else ""
    code = f'<samlp:StatusCode Value="{_STATUS}{top}">{inner}</samlp:StatusCode>'
    return {"status": f"<samlp:Status>{code}{text}</samlp:Status>"}


# --- statuses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("top", "nested", "words"),
    [
        ("Responder", f"{_STATUS}AuthnFailed", "failed or was cancelled"),
        ("Responder", f"{_STATUS}RequestDenied", "does not allow you to use this service"),
        ("Responder", f"{_STATUS}UnknownPrincipal", "does not know the account"),
        ("Responder", f"{_STATUS}NoAuthnContext", "with a second factor"),
        ("Requester", f"{_STATUS}NoPassive", "has to ask you something"),
        ("Responder", f"{_STATUS}NoAvailableIDP", "could not reach the organization"),
        ("Requester", f"{_STATUS}InvalidNameIDPolicy", "did not accept the request of this service"),
        ("Requester", "", "did not accept the request of this service"),
        ("VersionMismatch", "", "did not accept the request of this service"),
        ("Responder", "", "had a problem of its own"),
        ("Responder", "urn:example:made-up", "had a problem of its own"),
        ("MadeUp", "", "had a problem of its own"),
    ],
)
def test_a_status_is_told_in_words_and_leads_back_to_the_target(
    house: House, browser: Browser, top: str, nested: str, words: str
) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin?region=eu-west-1"))
    told = browser.answer("/saml/acs", house.answer(sent, **declined(top, nested, "do-not-show &lt;b&gt;")))
    assert told.status_code == 400
    assert words in text_of(told)
    assert "do-not-show" not in told.text
    assert f'href="{house.url}/aws/cloudadmin?region=eu-west-1"' in told.text
    assert "do-not-show" in house.audit()[-1]["cause"]


def test_somebody_elses_status_leads_to_no_target(house: House, browser: Browser) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    told = house.browser().answer("/saml/acs", house.answer(sent, **declined("Responder")))
    assert told.status_code == 400
    assert "cloudadmin" not in told.text


def test_who_took_too_long_is_asked_once_again_by_itself(house: House, browser: Browser) -> None:
    expired = declined("Responder", f"{_STATUS}AuthnFailed", "authentication_expired")
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    again = sent_to_idp(browser.follow(browser.answer("/saml/acs", house.answer(sent, **expired))))
    told = browser.answer("/saml/acs", house.answer(again, **expired))
    assert told.status_code == 400
    assert "took too long" in text_of(told)


def test_who_took_too_long_in_one_tab_and_signed_in_in_another_gets_the_console(
    house: House, browser: Browser
) -> None:
    expired = declined("Responder", f"{_STATUS}AuthnFailed", "authentication_expired")
    late = sent_to_idp(browser.get("/aws/cloudadmin"))
    house.sign_in(browser, "/aws/cloudadmin")
    console = browser.follow(browser.answer("/saml/acs", house.answer(late, **expired)))
    assert console.status_code == 301


# --- RelayState --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relay_state", "words"), [("", "no RelayState"), ("https://sso/", "another RelayState")]
)
def test_a_relay_state_that_does_not_come_back_is_named(
    house: House, browser: Browser, relay_state: str, words: str
) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin?region=eu-west-1"))
    told = browser.answer("/saml/acs", {**house.answer(sent), "RelayState": relay_state})
    assert told.status_code == 400
    assert "did not return the RelayState" in text_of(told)
    assert f'href="{house.url}/aws/cloudadmin?region=eu-west-1"' in told.text
    assert words in house.audit()[-1]["cause"]


# --- loops -------------------------------------------------------------------------------


def test_a_session_that_ended_within_the_clock_skew_gives_a_login_of_some_use(
    house: House, browser: Browser
) -> None:
    ended = house.clock() - timedelta(seconds=20)
    assert house.sign_in(browser, "/aws/cloudadmin", session_end=ended).status_code == 301
    house.clock.forward(seconds=59)
    assert browser.get("/aws/cloudadmin").status_code == 301
    house.clock.forward(seconds=1)
    sent_to_idp(browser.get("/aws/cloudadmin"))


def test_a_browser_that_loses_the_login_cookie_gets_a_page_after_its_second_return(
    house: House, browser: Browser
) -> None:
    def sign_in_and_lose_it() -> None:
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        browser.answer("/saml/acs", house.answer(sent))
        browser.http.cookies.delete("__Host-awscons")

    sign_in_and_lose_it()
    sign_in_and_lose_it()
    told = browser.get("/aws/cloudadmin")
    assert told.status_code == 400
    assert "twice within a minute" in text_of(told)
    assert f'href="{house.url}/aws/cloudadmin"' in told.text
    assert house.lines("problem")[-1]["error"] == "SignInLoop"
    sent_to_idp(browser.get("/aws/cloudadmin"))  # the button of that page begins afresh


def test_a_target_that_no_sign_in_satisfies_ends_in_a_page(house: House, browser: Browser) -> None:
    """Each sign-in is sound, and the login ends before the browser asks for the target again."""
    for _ in range(2):
        sent = sent_to_idp(browser.get("/aws/cloudadmin"))
        browser.answer("/saml/acs", house.answer(sent))
        house.clock.forward(hours=13)
    assert "twice within a minute" in text_of(browser.get("/aws/cloudadmin"))


def test_a_sign_in_that_works_ends_the_count(house: House, browser: Browser) -> None:
    tile = {"SAMLResponse": Forger().form_value(house.story("_tile")), "RelayState": ""}
    for _ in range(3):
        asked = sent_to_idp(browser.answer("/saml/acs", tile))
        assert browser.follow(browser.answer("/saml/acs", house.answer(asked))).status_code == 200
