"""A console that the browser opens itself: Chromium posts our assertion to AWS's sign-in page."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Error

from awscons.config.key_files import make_first_pair
from support.chromium import page_of
from support.faults import RESET
from support.house import House
from support.keyless import FAR, NEAR, keyless

WANTED = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:a$252Fb"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    make_first_pair(tmp_path / "keys", now=datetime.now(UTC))
    with keyless(tmp_path, tmp_path / "keys", target={"open_by": "SAML-POST"}) as opened:
        yield opened


@pytest.mark.parametrize("script", [True, False])
def test_a_console_opens_on_the_page_of_the_link_with_and_without_javascript(
    house: House, chromium: Chromium, *, script: bool
) -> None:
    with page_of(chromium, house, java_script_enabled=script) as page:
        page.goto(f"{house.url}/aws/cloudadmin?destination={quote(WANTED, safe='')}")
        if page.get_by_role("button", name="Open the console").count():
            page.get_by_role("button", name="Open the console").click()
        page.wait_for_selector("#role")
        assert page.inner_text("#role") == "MyAdminRole"
        assert page.inner_text("#destination") == WANTED


def test_two_targets_in_two_tabs_and_going_back_open_consoles_of_their_own(
    house: House, chromium: Chromium
) -> None:
    with page_of(chromium, house, java_script_enabled=False) as page:
        for _ in range(2):
            page.goto(f"{house.url}/aws/cloudadmin")
            page.get_by_role("button", name="Open the console").click()
            page.wait_for_selector("#role")
        page.go_back()  # to our page, which has another response by now
        page.get_by_role("button", name="Open the console").click()
        page.wait_for_selector("#role")
        second = page.context.new_page()
        second.goto(f"{house.url}/aws/cloudadmin")
        second.get_by_role("button", name="Open the console").click()
        second.wait_for_selector("#role")
    assert len(house.pretend_signin.visits) == 4


def test_who_comes_back_from_a_region_that_does_not_answer_can_try_another_one(
    house: House, chromium: Chromium
) -> None:
    house.signin_in[NEAR].misbehave(RESET)
    with page_of(chromium, house) as page:
        with suppress(Error):  # the page of a connection that was reset
            page.goto(f"{house.url}/aws/cloudadmin")
            page.wait_for_url("chrome-error://**")
        page.goto(f"{house.url}/aws/cloudadmin")
        page.wait_for_selector("text=Your browser went to AWS a moment ago")
        page.get_by_role("link", name=FAR).click()
        page.wait_for_selector("#role")
    (visit,) = house.pretend_signin.visits
    assert FAR in visit.destination


def test_a_page_that_waited_too_long_is_refused_by_aws_and_a_new_one_opens(
    house: House, chromium: Chromium
) -> None:
    with page_of(chromium, house, java_script_enabled=False) as page:
        page.goto(f"{house.url}/aws/cloudadmin")
        house.clock.forward(minutes=6)
        page.get_by_role("button", name="Open the console").click()
        assert page.locator("#role").count() == 0
        page.goto(f"{house.url}/aws/cloudadmin")
        page.get_by_role("button", name="Open the console").click()
        page.wait_for_selector("#role")
    assert len(house.pretend_signin.visits) == 1
