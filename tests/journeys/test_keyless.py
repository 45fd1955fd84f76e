"""A console that the browser opens itself: Chromium posts our assertion to AWS's sign-in page."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser as Chromium

from awscons.config.key_files import make_first_pair
from support.chromium import page_of
from support.house import House
from support.keyless import keyless

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


def test_going_back_and_two_tabs_open_consoles_of_their_own(house: House, chromium: Chromium) -> None:
    with page_of(chromium, house) as page:
        page.goto(f"{house.url}/aws/cloudadmin")
        page.wait_for_selector("#role")
        page.goto(f"{house.url}/aws/cloudadmin")
        page.wait_for_selector("#role")
        second = page.context.new_page()
        second.goto(f"{house.url}/aws/cloudadmin")
        second.wait_for_selector("#role")
    assert len(house.pretend_signin.visits) == 3


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
