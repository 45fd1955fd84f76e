"""Through AWS's log-out first: only when asked, by a link or for the whole site, and back to the same page."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from awscons.aws.console_url import build_logout_first_url
from awscons.aws.role_credentials import ConsoleUrl
from support.house import House, open_house


def logs_out_first(house: House, answer: httpx.Response) -> bool:
    """Whether this redirect leads through the log-out; whichever way, it ends in the console."""
    browser = house.browser()
    before = house.pretend_signin.log_outs
    url = answer.headers["Location"]
    assert answer.status_code == 301
    assert answer.headers["Cache-Control"] == "no-store"
    assert browser.follow_all(browser.get(url)).status_code == 200
    through_log_out = urlsplit(url).path.endswith("/oauth")
    assert house.pretend_signin.log_outs - before == int(through_log_out)
    return through_log_out


@pytest.mark.parametrize(
    ("setting", "query", "expected"),
    [
        (False, "", False),
        (False, "?logout_first=1", True),
        (False, "?logout_first=0", False),
        (True, "", True),
        (True, "?logout_first=0", False),
        (True, "?region=eu-west-1&logout_first=1", True),
    ],
)
def test_the_link_decides_and_else_the_site(
    tmp_path: Path, *, setting: bool, query: str, expected: bool
) -> None:
    with open_house(tmp_path, aws={"logout_first": setting}) as house:
        answer = house.sign_in(house.browser(), f"/aws/cloudadmin{query}")
        assert logs_out_first(house, answer) is expected
        assert house.pretend_signin.visits[-1].relogin_url == f"{house.url}/aws/cloudadmin{query}"


def test_the_page_asked_for_is_reached_all_the_same(tmp_path: Path) -> None:
    page = "https://eu-west-1.console.aws.amazon.com/s3/home?a=%2520#b"
    with open_house(tmp_path) as house:
        browser = house.browser()
        query = str(httpx.QueryParams({"destination": page, "logout_first": "1"}))
        browser.follow_all(house.sign_in(browser, f"/aws/cloudadmin?{query}"))
        assert house.pretend_signin.visits[-1].destination == page


def test_both_addresses_have_the_one_host_with_its_region_in_front() -> None:
    endpoint = "https://us-east-1.signin.aws.amazon.com/federation"
    login_url = ConsoleUrl(f"{endpoint}?Action=login&Destination=https%3A%2F%2Fx%23y&SigninToken=t%2B")
    url = build_logout_first_url(endpoint, login_url)
    parts = urlsplit(url.value)
    assert (parts.netloc, parts.path) == ("us-east-1.signin.aws.amazon.com", "/oauth")
    assert parse_qs(parts.query) == {"Action": ["logout"], "redirect_uri": [login_url.value]}
    assert "SigninToken" not in repr(url)
