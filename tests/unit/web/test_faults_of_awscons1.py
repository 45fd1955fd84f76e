"""What the origin got wrong: one test for each, named for the fault."""

import os
from pathlib import Path
from typing import Any

import pytest

from support.browser import Browser, sent_to_idp, text_of
from support.faults import Answer, sts_error
from support.forge import Forger, certificate_of, pem_of
from support.house import House, console_url, open_house, write_credentials

ATTRIBUTE_TARGETS = [
    {"service": "audit", "role": "arn:aws:iam::123456789012:role/MyAdminRole", "attrs": ["costCenter"]}
]


def test_a_person_in_exactly_one_group_was_refused(house: House, browser: Browser) -> None:
    assert house.sign_in(browser, "/aws/sandbox", "otto@example.com").status_code == 301


def test_the_letters_of_a_single_group_were_compared(house: House, browser: Browser) -> None:
    refused = house.sign_in(browser, "/aws/sandbox", attributes=(("groups", ("d",)),))
    assert refused.status_code == 403


def test_attrs_rules_raised_an_error_instead_of_deciding(tmp_path: Path) -> None:
    with open_house(
        tmp_path, aws={"targets": ATTRIBUTE_TARGETS}, saml={"assertions": ["costCenter"]}
    ) as house:
        let_in = house.sign_in(house.browser(), "/aws/audit", attributes=(("costCenter", ("7",)),))
        refused = house.sign_in(house.browser(), "/aws/audit", attributes=(("costCenter", ("",)),))
        absent = house.sign_in(house.browser(), "/aws/audit", attributes=())
    assert (let_in.status_code, refused.status_code, absent.status_code) == (301, 403, 403)


@pytest.mark.parametrize(
    ("configured", "sent"), [("Groups", "groups"), ("groups", "GROUPS"), ("GrOuPs", "gRoUpS")]
)
def test_attribute_names_with_capitals_never_matched(tmp_path: Path, configured: str, sent: str) -> None:
    with open_house(tmp_path, saml={"assertions": [configured]}) as house:
        opened = house.sign_in(house.browser(), "/aws/sandbox", attributes=((sent, ("dbs",)),))
    assert opened.status_code == 301


def test_the_secret_key_was_logged_when_the_token_call_failed(house: House, browser: Browser) -> None:
    house.signin.misbehave(Answer("500 x", b"oops"))
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 502
    issued = [key for key in house.pretend_sts._keys.values() if key.session_token]
    assert issued
    for key in issued:
        assert key.secret not in house.log.getvalue()
        assert str(key.session_token) not in house.log.getvalue()


def test_a_failing_assume_role_crashed_on_a_missing_logger(house: House, browser: Browser) -> None:
    house.sts.misbehave(sts_error(403, "AccessDenied", "no"))
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 502
    assert "AccessDenied" in house.audit()[-1]["cause"]
    assert "trust policy" in house.audit()[-1]["hint"]


def test_the_issuer_was_an_address_that_the_client_could_choose(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    answer = browser.get(
        "/aws/cloudadmin", headers={"X-Forwarded-For": "6.6.6.6", "CF-Connecting-IP": "6.6.6.6"}
    )
    assert console_url(answer)["Issuer"] == f"{house.url}/aws/cloudadmin"
    assert house.audit()[-1]["client_address"] == "127.0.0.1"


def test_the_console_url_was_cacheable(house: House, browser: Browser) -> None:
    assert house.sign_in(browser, "/aws/cloudadmin").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["Zoë", "CORP\\ada", "a b", "x" * 100])
def test_raw_user_names_went_into_the_role_session_name(house: House, browser: Browser, name: str) -> None:
    opened = house.sign_in(browser, "/aws/cloudadmin", name_id=f"<saml:NameID>{name}</saml:NameID>")
    assert opened.status_code == 301


def test_relay_state_was_followed_as_a_redirect(house: House, browser: Browser) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    form = {**house.answer(sent), "RelayState": "https://evil.example.com/"}
    answer = browser.answer("/saml/acs", form)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "evil.example.com" not in answer.text


def test_unsolicited_responses_were_accepted(house: House, browser: Browser) -> None:
    browser.answer("/saml/acs", {"SAMLResponse": Forger().form_value(house.story("_made-up"))})
    assert "__Host-awscons" not in browser.http.cookies


def test_a_replayed_response_was_accepted(house: House, browser: Browser) -> None:
    form = house.answer(sent_to_idp(browser.get("/aws/cloudadmin")))
    thief = house.browser()
    thief.http.cookies.update(browser.http.cookies)
    assert browser.answer("/saml/acs", form).status_code == 303
    thief.answer("/saml/acs", form)
    assert "__Host-awscons" not in thief.http.cookies


def test_the_session_id_survived_the_login(house: House) -> None:
    attacker, victim = house.browser(), house.browser()
    house.sign_in(attacker, "/aws/sandbox", "otto@example.com")
    fixed = attacker.http.cookies["__Host-awscons"]
    sent = sent_to_idp(victim.get("/aws/cloudadmin"))
    victim.http.cookies.set("__Host-awscons", fixed)
    victim.answer("/saml/acs", house.answer(sent, "ada@example.com"))
    # The attacker's id is the attacker's as before: it did not become the victim's.
    assert "signed in as otto@example.com" in text_of(attacker.get("/aws/cloudadmin"))


def test_the_response_was_bound_to_no_browser(house: House) -> None:
    attacker, victim = house.browser(), house.browser()
    form = house.answer(sent_to_idp(attacker.get("/aws/sandbox")), "otto@example.com")
    victim.answer("/saml/acs", form)
    assert "__Host-awscons" not in victim.http.cookies


def test_one_certificate_was_pinned(tmp_path: Path) -> None:
    both = pem_of(certificate_of("next"), certificate_of("idp"))
    with open_house(tmp_path, saml={"certificate": both}) as house:
        for forger in (Forger(), Forger(key_name="next")):
            sent = sent_to_idp((browser := house.browser()).get("/aws/cloudadmin"))
            assert browser.answer("/saml/acs", house.answer(sent, forger=forger)).status_code == 303


@pytest.mark.parametrize(
    "changes",
    [
        {"destination": "https://other.example.com/saml/acs"},
        {"recipient": "https://other.example.com/saml/acs"},
        {"status": '<samlp:Status><samlp:StatusCode Value="urn:x"/></samlp:Status>'},
        {"confirmation_end": "2020-01-01T00:00:00Z"},
    ],
    ids=["destination", "recipient", "status", "confirmation-expiry"],
)
def test_parts_of_the_response_were_not_checked(
    house: House, browser: Browser, changes: dict[str, Any]
) -> None:
    sent = sent_to_idp(browser.get("/aws/cloudadmin"))
    assert browser.answer("/saml/acs", house.answer(sent, **changes)).status_code == 400


def test_a_second_tab_coming_back_got_an_error_page(house: House, browser: Browser) -> None:
    tabs = [sent_to_idp(browser.get(f"/aws/cloudadmin?tab={number}")) for number in range(3)]
    for number, sent in enumerate(tabs):
        answered = browser.answer("/saml/acs", house.answer(sent))
        assert answered.headers["Location"].endswith(f"?tab={number}")


def test_a_client_and_a_connection_were_made_for_every_request(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    for _ in range(5):
        assert browser.get("/aws/cloudadmin").status_code == 301
    assert len(house.sts.connections) == 1
    assert len(house.signin.connections) == 1


def test_the_brokers_profile_went_into_the_process_environment(house: House, browser: Browser) -> None:
    before = dict(os.environ)
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
    assert dict(os.environ) == before


def test_exception_text_was_sent_to_the_browser(house: House, browser: Browser) -> None:
    house.sts.misbehave(sts_error(403, "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized"))
    answer = house.sign_in(browser, "/aws/cloudadmin")
    assert "AccessDenied" not in answer.text
    assert "arn:aws" not in answer.text


def test_duration_was_sent_whatever_the_brokers_credentials_were(tmp_path: Path) -> None:
    """With another role's temporary credentials: an hour, and no SessionDuration at all."""
    with open_house(tmp_path) as house:
        chained = house.pretend_sts.add_role_session("arn:aws:iam::123456789012:role/MyAdminRole", "task")
        write_credentials(tmp_path / "credentials", *chained)
        opened = house.sign_in(house.browser(), "/aws/cloudadmin")
        assert opened.status_code == 301
        event = house.audit()[-1]
    assert event["requested_duration"] == 28800
    assert event["granted_duration"] == 3600
    assert "console_session_duration" not in event
    assert "role chaining ends after an hour" in event["duration_reason"]
