"""Requests that other sites and browsers cause: what opens a console, what asks first, what is refused."""

import html
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from support.browser import Browser, sent_to_idp, text_of
from support.house import House, open_house

PAGE = "https://eu-west-1.console.aws.amazon.com/cloudformation/home#/stacks/quickcreate?templateURL=x"
LINK = f"/aws/cloudadmin?destination={quote(PAGE, safe='')}"
WIKI = "https://wiki.example.com"
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
OWN = {**FOREIGN, "Sec-Fetch-Site": "same-origin"}
TYPED = {**FOREIGN, "Sec-Fetch-Site": "none"}


def is_question(response: httpx.Response) -> bool:
    return response.status_code == 200 and "Open this console page?" in text_of(response)


def press_the_button(page: httpx.Response, browser: Browser, **headers: str) -> httpx.Response:
    href = page.text.split('<a class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    return browser.get(href, headers={**OWN, "Referer": str(page.url), **headers})


def sign_in_by_redirects(
    house: House, browser: Browser, link: str, headers: dict[str, str]
) -> httpx.Response:
    """Sign in as browsers do: what follows the identity provider's form is a cross-site navigation."""
    answered = browser.answer("/saml/acs", house.answer(sent_to_idp(browser.get(link, headers=headers))))
    back = {**FOREIGN, "Referer": "https://idp.example.com/"}
    return browser.get(answered.headers["Location"], headers=back)


@pytest.fixture
def signed_in(house: House, browser: Browser) -> Browser:
    assert house.sign_in(browser, "/aws/cloudadmin").status_code == 301
    return browser


# --- requests that nobody made -------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"X-Purpose": "preview"},
    ],
)
def test_no_role_is_assumed_for_a_link_that_nobody_has_followed(
    house: House, signed_in: Browser, headers: dict[str, str]
) -> None:
    before = len(house.audit())
    refused = signed_in.get("/aws/cloudadmin", headers={**OWN, **headers})
    assert refused.status_code == 503
    assert refused.headers["Cache-Control"] == "no-store"
    assert len(house.audit()) == before
    assert signed_in.get("/aws/cloudadmin", headers=OWN).status_code == 301


@pytest.mark.parametrize("kind", ["image", "iframe", "frame", "embed", "object", "script", "empty"])
def test_no_role_is_assumed_for_a_part_of_another_page(house: House, signed_in: Browser, kind: str) -> None:
    before = len(house.audit())
    headers = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": kind}
    assert signed_in.get("/aws/cloudadmin", headers=headers).status_code == 403
    assert len(house.audit()) == before
    (line,) = house.lines("problem")
    assert line["client_address"] == "127.0.0.1"


def test_a_link_that_nobody_has_followed_begins_no_sign_in(browser: Browser) -> None:
    assert browser.get("/aws/cloudadmin", headers={"Sec-Purpose": "prefetch"}).status_code == 503
    assert not browser.http.cookies


# --- links of other sites ------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        {**FOREIGN, "Sec-Fetch-Site": "same-site"},
        {**FOREIGN, "Referer": f"{WIKI}/"},
        {"Referer": f"{WIKI}/"},
    ],
    ids=["hidden", "sibling", "named", "old browser"],
)
def test_a_link_of_another_site_to_a_console_page_asks_first(
    house: House, signed_in: Browser, headers: dict[str, str]
) -> None:
    before = len(house.audit())
    page = signed_in.get(LINK, headers=headers)
    assert is_question(page)
    text = text_of(page)
    for fact in ("cloudadmin", "MyAdminRole", "123456789012", PAGE):
        assert fact in text
    assert (WIKI in text) == ("Referer" in headers)
    assert len(house.audit()) == before
    assert press_the_button(page, signed_in).status_code == 301
    event = house.audit()[-1]
    assert event["console_destination"] == PAGE
    assert event["link_origin"] == (WIKI if "Referer" in headers else "unknown")


@pytest.mark.parametrize("headers", [TYPED, OWN, {}], ids=["typed", "own page", "curl"])
def test_a_link_that_no_other_site_caused_opens_at_once(
    house: House, signed_in: Browser, headers: dict[str, str]
) -> None:
    assert signed_in.get(LINK, headers=headers).status_code == 301
    assert "link_origin" not in house.audit()[-1]


def test_a_link_of_another_site_without_a_page_opens_at_once(signed_in: Browser) -> None:
    assert signed_in.get("/aws/cloudadmin?region=eu-west-1", headers=FOREIGN).status_code == 301


def test_the_question_is_asked_again_until_the_button_is_pressed(signed_in: Browser) -> None:
    assert is_question(signed_in.get(LINK, headers=FOREIGN))
    assert is_question(signed_in.get(LINK, headers=FOREIGN))


def test_the_choices_of_a_refused_foreign_link_lead_to_the_question(tmp_path: Path) -> None:
    role = "arn:aws:iam::123456789012:role/MyAdminRole"
    targets = [{"service": "cloudadmin", "role": role, "groups": ["sysadmin"]}]
    targets.append({"service": "closed", "role": role, "groups": ["nobody"]})
    with open_house(tmp_path, aws={"targets": targets}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        refused = browser.get(LINK.replace("cloudadmin", "closed"), headers=FOREIGN)
        assert refused.status_code == 403
        choice = next(part.split('"')[0] for part in refused.text.split('href="') if LINK in part)
        assert is_question(browser.get(html.unescape(choice), headers=OWN))


def test_a_link_that_is_refused_in_any_case_asks_nothing(signed_in: Browser) -> None:
    refused = signed_in.get(LINK.replace("cloudadmin", "sandbox"), headers=FOREIGN)
    assert refused.status_code == 403
    assert "DBAdmin" not in refused.text
    elsewhere = signed_in.get("/aws/cloudadmin?destination=https://evil.example.com/", headers=FOREIGN)
    assert elsewhere.status_code == 400


# --- with a sign-in in between --------------------------------------------------------------


def test_a_foreign_link_still_asks_after_the_sign_in(house: House, browser: Browser) -> None:
    page = sign_in_by_redirects(house, browser, LINK, {**FOREIGN, "Referer": f"{WIKI}/"})
    assert is_question(page)
    assert WIKI in text_of(page)
    assert press_the_button(page, browser).status_code == 301
    assert house.audit()[-1]["link_origin"] == WIKI


def test_a_typed_link_opens_after_the_sign_in_without_a_question(house: House, browser: Browser) -> None:
    opened = sign_in_by_redirects(house, browser, LINK, TYPED)
    assert opened.status_code == 301
    assert "link_origin" not in house.audit()[-1]
    # The same address from another site is another matter.
    assert is_question(browser.get(LINK, headers=FOREIGN))


def test_a_step_up_after_the_button_asks_no_second_time(tmp_path: Path) -> None:
    target = {
        "service": "cloudadmin",
        "role": "arn:aws:iam::123456789012:role/MyAdminRole",
        "groups": ["sysadmin"],
        "max_login_age": 300,
    }
    with open_house(tmp_path, aws={"targets": [target]}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/cloudadmin")
        house.clock.forward(seconds=600)
        page = browser.get(LINK, headers={**FOREIGN, "Referer": f"{WIKI}/"})
        sent = sent_to_idp(press_the_button(page, browser))
        answered = browser.answer("/saml/acs", house.answer(sent))
        opened = browser.get(answered.headers["Location"], headers=FOREIGN)
        assert opened.status_code == 301
        assert house.audit()[-1]["link_origin"] == WIKI


def test_trying_a_foreign_link_again_on_an_error_page_still_asks(tmp_path: Path) -> None:
    with open_house(tmp_path, server={"rate_limit_overall": 1}) as house:
        house.browser().get("/aws/cloudadmin")
        busy = house.browser().get(LINK, headers=FOREIGN)
        assert busy.status_code == 429
        assert "confirm=1" in busy.text


def test_a_note_of_another_login_counts_for_nothing(house: House, signed_in: Browser) -> None:
    other = house.browser()
    sign_in_by_redirects(house, other, LINK, {**FOREIGN, "Referer": f"{WIKI}/"})
    stolen = other.http.cookies["__Host-awscons-link"]
    signed_in.http.cookies.set("__Host-awscons-link", stolen)
    assert is_question(signed_in.get(f"{LINK}&confirm=1", headers=FOREIGN))
    assert is_question(signed_in.get(LINK, headers=FOREIGN))


# --- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("aws", [{"confirm_links": False}, {"trusted_link_origins": [WIKI]}])
def test_links_that_the_configuration_trusts_open_at_once(tmp_path: Path, aws: dict[str, object]) -> None:
    headers = {**FOREIGN, "Referer": f"{WIKI}/"}
    with open_house(tmp_path, aws=aws) as house:
        browser = house.browser()
        assert sign_in_by_redirects(house, browser, LINK, headers).status_code == 301
        assert browser.get(LINK, headers=headers).status_code == 301
        assert [event.get("link_origin") for event in house.audit()[-2:]] == [WIKI, WIKI]


def test_a_target_may_differ_from_the_others(tmp_path: Path) -> None:
    role = {"role": "arn:aws:iam::123456789012:role/MyAdminRole", "groups": ["sysadmin"]}
    targets = [{"service": "cloudadmin", "confirm_links": True, **role}, {"service": "open", **role}]
    with open_house(tmp_path, aws={"confirm_links": False, "targets": targets}) as house:
        browser = house.browser()
        house.sign_in(browser, "/aws/open")
        assert is_question(browser.get(LINK, headers=FOREIGN))
        assert browser.get(LINK.replace("cloudadmin", "open"), headers=FOREIGN).status_code == 301
