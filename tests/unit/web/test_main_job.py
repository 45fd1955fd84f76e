"""The main job, through the front door: which target, whose login, may they, the console."""

import pytest

from support.browser import Browser, sent_to_idp, text_of
from support.house import House, console_url


@pytest.mark.parametrize(
    ("name", "path", "role_session"),
    [
        ("ada@example.com", "/aws/cloudadmin", "assumed-role/MyAdminRole/ada@example.com"),
        ("carl@example.com", "/aws/cloudadmin", "assumed-role/MyAdminRole/carl@example.com"),
        ("otto@example.com", "/aws/sandbox", "assumed-role/DBAdmin/otto@example.com"),
    ],
)
def test_a_member_of_a_listed_group_lands_in_the_console_as_that_role(
    house: House, browser: Browser, name: str, path: str, role_session: str
) -> None:
    opened = house.sign_in(browser, path, name)
    landed = browser.follow_all(browser.follow(opened))
    assert landed.status_code == 200
    assert house.audit()[-1]["assumed_role_arn"].endswith(role_session)
    assert house.audit()[-1]["granted_duration"] == 28800
    visit = house.pretend_signin.visits[-1]
    assert visit.console_lasts == 28800
    assert visit.role_session.role_session_name == name


def test_the_console_url_is_a_permanent_redirect_that_nobody_may_keep(house: House, browser: Browser) -> None:
    opened = house.sign_in(browser, "/aws/cloudadmin")
    assert opened.status_code == 301
    assert opened.headers["Cache-Control"] == "no-store"
    assert opened.headers["Referrer-Policy"] == "no-referrer"
    assert opened.content == b""


def test_the_issuer_is_our_own_url_of_the_same_target(house: House, browser: Browser) -> None:
    parameters = console_url(house.sign_in(browser, "/aws/cloudadmin"))
    assert parameters["Issuer"] == f"{house.url}/aws/cloudadmin"
    assert parameters["Destination"].startswith("https://us-east-1.console.aws.amazon.com/")


@pytest.mark.parametrize("name", ["otto@example.com", "nina@example.com"])
def test_anybody_else_is_refused_with_a_reason_to_act_on(house: House, browser: Browser, name: str) -> None:
    refused = house.sign_in(browser, "/aws/cloudadmin", name)
    assert refused.status_code == 403
    page = text_of(refused)
    assert "Unauthorized" in page
    assert "open to members of: sysadmin, cloudadmin" in page
    assert name in page
    assert house.sts.calls == 0


def test_somebody_without_groups_is_told_that_none_arrived(house: House, browser: Browser) -> None:
    assert "sent no groups for you" in text_of(house.sign_in(browser, "/aws/cloudadmin", "nina@example.com"))


def test_an_unknown_target_is_401_before_any_sign_in(browser: Browser) -> None:
    answer = browser.get("/aws/nothing")
    assert answer.status_code == 401
    assert "Unknown" in text_of(answer)
    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_a_person_comes_back_to_the_very_url_they_asked_for(house: House, browser: Browser) -> None:
    path = "/aws/cloudadmin?x=a%20b&x=%2Fc&y=%C3%A9;z&&next=https://evil.example.com/"
    sent = sent_to_idp(browser.get(path))
    answered = browser.answer("/saml/acs", house.answer(sent))
    assert answered.status_code == 303
    assert answered.headers["Location"] == f"{house.url}{path}"


def test_a_second_visit_needs_no_second_sign_in_and_gets_a_fresh_console(
    house: House, browser: Browser
) -> None:
    first = console_url(house.sign_in(browser, "/aws/cloudadmin"))
    second = console_url(browser.get("/aws/cloudadmin"))
    assert first["SigninToken"] != second["SigninToken"]


def test_a_login_ends_after_auth_duration(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    house.clock.forward(seconds=3599)
    assert browser.get("/aws/cloudadmin").status_code == 301
    house.clock.forward(seconds=1)
    sent_to_idp(browser.get("/aws/cloudadmin"))


def test_only_get_opens_a_console(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    calls = house.sts.calls
    head = browser.http.head(f"{house.url}/aws/cloudadmin")
    assert head.status_code == 405
    assert "GET" in head.headers["Allow"]
    assert "Location" not in head.headers
    assert browser.post("/aws/cloudadmin", {}).status_code == 405
    assert browser.http.put(f"{house.url}/aws/cloudadmin").status_code == 405
    assert browser.http.request("BREW", f"{house.url}/aws/cloudadmin").status_code == 405
    assert house.sts.calls == calls


def test_every_decision_leaves_one_audit_event_that_joins_to_cloudtrail(
    house: House, browser: Browser
) -> None:
    house.sign_in(browser, "/aws/cloudadmin")
    signed_in, opened = house.audit()
    assert (signed_in["action"], signed_in["outcome"]) == ("sign-in", "done")
    assert (opened["action"], opened["outcome"]) == ("open-console", "done")
    assert opened["user_name"] == "ada@example.com"
    assert opened["role_arn"] == "arn:aws:iam::123456789012:role/MyAdminRole"
    assert opened["decided_by"] == "group 'sysadmin'"
    assert opened["role_session_name"] == "ada@example.com"
    assert opened["sts_request_id"]
    assert opened["console_session_duration"] == 28800
    assert opened["client_address"] == "127.0.0.1"


def test_a_refusal_leaves_an_audit_event_under_the_incident_id_that_was_shown(
    house: House, browser: Browser
) -> None:
    refused = house.sign_in(browser, "/aws/cloudadmin", "otto@example.com")
    event = house.audit()[-1]
    assert (event["outcome"], event["decided_by"]) == ("refused", "in none of the groups")
    assert event["incident_id"] in text_of(refused)


def test_a_name_beyond_ascii_becomes_a_legal_session_name(house: House, browser: Browser) -> None:
    house.sign_in(browser, "/aws/cloudadmin", name_id="<saml:NameID>Zoë Müller-Łukasz</saml:NameID>")
    event = house.audit()[-1]
    assert event["user_name"] == "Zoë Müller-Łukasz"
    assert event["role_session_name"].startswith("Zoe-Muller-ukasz-")
