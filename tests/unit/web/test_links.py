"""Where in the console a link leads: kept through the sign-in, strictly in the console, and back again."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from support.browser import Browser, text_of
from support.house import FULL_TARGETS, House, console_url, open_house

LOGS = (
    "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
    "#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fx/log-events$3Ffilter$3D%2520a+b&c=~'d"
)
ELSEWHERE = "The page in this link is not in the AWS console of this target"
NOT_OF_TARGET = "a page or a region that is not in the AWS console of this target"
DEEP_LINK = f"/aws/cloudadmin?destination={quote(LOGS, safe='')}&region=eu-west-1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """With a target that has a place of its own to land."""
    cloudadmin, sandbox = FULL_TARGETS
    sandbox = {
        **sandbox,
        "region": "ap-southeast-2",
        "destination": "https://{region}.console.aws.amazon.com/rds/home?region={region}#databases:",
    }
    regions = ("us-east-1", "ap-southeast-2")
    with open_house(tmp_path, regions=regions, aws={"targets": [cloudadmin, sandbox]}) as opened:
        yield opened


def test_a_link_to_a_page_leads_there_through_the_sign_in_and_back_after_the_console_ended(
    house: House, browser: Browser
) -> None:
    parameters = console_url(house.sign_in(browser, DEEP_LINK))
    assert parameters["Destination"] == LOGS
    assert parameters["Issuer"] == f"{house.url}{DEEP_LINK}"
    again = console_url(browser.get(parameters["Issuer"]))
    assert (again["Destination"], again["Issuer"]) == (LOGS, parameters["Issuer"])
    assert house.audit()[-1]["console_destination"] == LOGS


def test_a_link_copied_out_of_a_console_session_leads_to_the_page_without_that_session(
    house: House, browser: Browser
) -> None:
    copied = LOGS.replace("https://", "https://123456789012-abc123xy.")
    parameters = console_url(
        house.sign_in(browser, f"/aws/cloudadmin?destination={quote(copied, safe='')}&region=eu-west-1")
    )
    assert (parameters["Destination"], parameters["Issuer"]) == (LOGS, f"{house.url}{DEEP_LINK}")


def test_a_link_to_a_region_leads_to_its_front_page(house: House, browser: Browser) -> None:
    parameters = console_url(house.sign_in(browser, "/aws/cloudadmin?region=eu-central-1"))
    home = "https://eu-central-1.console.aws.amazon.com/console/home?region=eu-central-1"
    assert parameters["Destination"] == home
    assert parameters["Issuer"] == f"{house.url}/aws/cloudadmin?region=eu-central-1"


def test_a_target_has_a_place_of_its_own(house: House, browser: Browser) -> None:
    parameters = console_url(house.sign_in(browser, "/aws/sandbox", "otto@example.com"))
    page = "https://ap-southeast-2.console.aws.amazon.com/rds/home?region=ap-southeast-2#databases:"
    assert parameters["Destination"] == page
    assert parameters["Issuer"] == f"{house.url}/aws/sandbox"
    elsewhere = console_url(browser.get("/aws/sandbox?region=us-west-2"))["Destination"]
    assert elsewhere == "https://us-west-2.console.aws.amazon.com/rds/home?region=us-west-2#databases:"


def test_nothing_else_of_a_link_reaches_aws(house: House, browser: Browser) -> None:
    parameters = console_url(house.sign_in(browser, "/aws/cloudadmin?x=1&Destination=https://x.example/"))
    assert parameters["Issuer"] == f"{house.url}/aws/cloudadmin"
    assert parameters["Destination"].startswith("https://us-east-1.console.aws.amazon.com/console/home?")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("destination=https://evil.example.com/", ELSEWHERE),
        ("destination=https%3A%2F%2Fconsole.aws.amazon.com.evil.example.com%2F", ELSEWHERE),
        ("destination=https%3A%2F%2F123456789012-abc123xy.evil.example.com%2F", ELSEWHERE),
        ("destination=https%3A%2F%2Fconsole.amazonaws.cn%2F", ELSEWHERE),
        ("destination=https%253A%252F%252Fconsole.aws.amazon.com%252F", "must begin with https://"),
        ("destination=https://console.aws.amazon.com/%0d%0aSet-Cookie:x=1", "must begin with https://"),
        ("destination=https://ada:evil@console.aws.amazon.com/", "no user name, password"),
        ("destination=", "must begin with https://"),
        (f"destination=https://console.aws.amazon.com/{'a' * 2018}", "too long"),
        (
            "destination=https://console.aws.amazon.com/&destination=https://console.aws.amazon.com/",
            NOT_OF_TARGET,
        ),
        ("region=us-gov-west-1", NOT_OF_TARGET),
        ("region=eu-west-1.evil.example.com/%23", NOT_OF_TARGET),
        ("region=", NOT_OF_TARGET),
        ("region=eu-west-1&region=eu-west-1", NOT_OF_TARGET),
        ("logout_first=yes", NOT_OF_TARGET),
        ("logout_first=", NOT_OF_TARGET),
        ("logout_first=1&logout_first=0", NOT_OF_TARGET),
    ],
)
def test_a_link_that_leads_out_of_the_console_is_refused_before_aws_is_asked(
    house: House, browser: Browser, query: str, sentence: str
) -> None:
    refused = house.sign_in(browser, f"/aws/cloudadmin?{query}")
    assert refused.status_code == 400
    assert sentence in text_of(refused)
    assert f'href="{house.url}/aws/cloudadmin"' in refused.text
    assert "evil" not in refused.text
    event = house.audit()[-1]
    assert (event["action"], event["outcome"]) == ("open-console", "refused")
    assert event["incident_id"] in text_of(refused)
    assert event["cause"]
    assert house.sts.calls == 0


def test_whoever_may_not_open_a_target_learns_nothing_of_its_partition(
    house: House, browser: Browser
) -> None:
    one = house.sign_in(browser, "/aws/cloudadmin?region=cn-north-1", "otto@example.com")
    other = browser.get("/aws/cloudadmin?region=eu-west-1")
    assert one.status_code == other.status_code == 403
