"""The main job in Debian's Chromium: a real browser's cookies, cache and redirects.

The service is called `localhost`, the identity provider `127.0.0.1`: the answer is posted from another
site, as it is in the world.
"""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from support.house import FULL_TARGETS
from support.stage import Aws
from support.world import World, world


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, aws: Aws) -> Iterator[World]:
    config = {"url_prefix": "/aws", "targets": FULL_TARGETS}
    with world(tmp_path_factory.mktemp("browser"), aws, aws_config=config) as (found,):
        yield found


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(ignore_https_errors=True)
    yield made
    made.close()


def sign_in(page: Page, url: str, name: str) -> None:
    page.goto(url)
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", "secret")
    page.click("button[type=submit], input[type=submit]")


def test_from_the_link_through_the_identity_provider_into_the_console(
    place: World, context: BrowserContext
) -> None:
    page = context.new_page()
    sign_in(page, f"{place.url}/aws/cloudadmin?x=1", "ada")
    page.wait_for_selector("#role")
    assert page.inner_text("#role") == "MyAdminRole"
    assert page.inner_text("#account") == "123456789012"
    assert page.inner_text("#role-session-name") == "ada"
    assert "28800" in page.inner_text("#console-lasts")
    assert page.get_attribute("#relogin", "href") == f"{place.url}/aws/cloudadmin"


def test_a_link_to_a_console_page_comes_back_to_exactly_that_page(
    place: World, context: BrowserContext
) -> None:
    wanted = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:a$252Fb"
    page = context.new_page()
    sign_in(page, f"{place.url}/aws/cloudadmin?destination={quote(wanted, safe='')}", "ada")
    page.wait_for_selector("#role")
    assert page.inner_text("#destination") == wanted


def test_over_plain_http_on_this_host_the_cookies_adapt(
    tmp_path_factory: pytest.TempPathFactory, aws: Aws, context: BrowserContext
) -> None:
    config = {"url_prefix": "/aws", "targets": FULL_TARGETS}
    folder = tmp_path_factory.mktemp("http")
    with world(folder, aws, aws_config=config, scheme="http") as (found,):
        page = context.new_page()
        sign_in(page, f"{found.url}/aws/cloudadmin", "ada")
        page.wait_for_selector("#role")
        page.goto(f"{found.url}/aws/cloudadmin")
        page.wait_for_selector("#role")


def test_a_second_visit_reaches_the_server_again_although_the_answer_was_a_301(
    place: World, context: BrowserContext
) -> None:
    page = context.new_page()
    sign_in(page, f"{place.url}/aws/cloudadmin", "ada")
    page.wait_for_selector("#role")
    opened = place.log.read_text().count('"action": "open-console"')
    for visit in (1, 2):
        page.goto(f"{place.url}/aws/cloudadmin")
        page.wait_for_selector("#role")
        assert place.log.read_text().count('"action": "open-console"') == opened + visit


def test_the_link_on_the_page_of_an_ended_console_leads_back_to_the_same_console(
    place: World, context: BrowserContext
) -> None:
    page = context.new_page()
    sign_in(page, f"{place.url}/aws/sandbox", "otto")
    page.click("#relogin")
    page.wait_for_selector("#role")
    assert page.inner_text("#role") == "DBAdmin"


def test_two_tabs_each_come_back_to_their_own_page(place: World, context: BrowserContext) -> None:
    first, second = context.new_page(), context.new_page()
    first.goto(f"{place.url}/aws/sandbox")
    second.goto(f"{place.url}/aws/")
    for page in (second, first):
        page.fill("input[name=username]", "otto")
        page.fill("input[name=password]", "secret")
        page.click("button[type=submit], input[type=submit]")
        page.wait_for_selector("#role, .targets")
    assert first.inner_text("#role") == "DBAdmin"
    assert "sandbox" in second.inner_text(".targets")


def test_the_portal_works_by_keyboard_and_without_javascript(place: World, chromium: Browser) -> None:
    context = chromium.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, f"{place.url}/aws/", "ada")
    # The identity provider's page has a button for browsers without JavaScript.
    page.click("noscript button, button:visible")
    page.wait_for_selector(".targets")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "target":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#role")
    assert page.inner_text("#role") == "MyAdminRole"
    context.close()


def test_somebody_who_may_not_is_told_why_and_can_sign_out(place: World, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, f"{place.url}/aws/cloudadmin", "otto")
    page.wait_for_selector("h1")
    assert "Unauthorized" in page.inner_text("h1")
    assert "sysadmin, cloudadmin" in page.inner_text("main")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_selector("text=You are signed out here")
    assert not any(cookie.get("name") == "__Host-awscons" for cookie in context.cookies())


def test_no_page_asks_any_foreign_host_or_breaks_its_own_security_policy(
    place: World, context: BrowserContext
) -> None:
    page = context.new_page()
    said: list[str] = []
    requested: set[str] = set()
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: requested.add(request.url.split("/")[2]))
    page.goto(f"{place.url}/aws/nothing")
    page.goto(f"{place.url}/saml/signed-out")
    assert requested == {place.url.removeprefix("https://")}
    assert [text for text in said if "401" not in text] == []
