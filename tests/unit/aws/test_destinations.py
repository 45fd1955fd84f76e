"""Console pages that a link or a target names: which are accepted, and which one opens."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from awscons.aws.console_url import build_console_url
from awscons.aws.destinations import (
    MAX_DESTINATION_LENGTH,
    ConsoleDestination,
    build_destination_query,
    check_destination,
    check_page,
    choose_destination,
    parse_destination,
    without_console_session,
)
from awscons.aws.partitions import PARTITIONS, Partition, console_home
from awscons.aws.role_credentials import SigninToken
from awscons.errors import (
    DestinationElsewhere,
    DestinationMalformed,
    DestinationRefused,
    DestinationTooLong,
)

AWS = PARTITIONS["aws"]


def is_console_destination(page: str, partition: Partition) -> bool:
    try:
        check_page(page, partition)
    except DestinationRefused:
        return False
    return True


LOGS = (
    "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
    "#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fx/log-events$3Ffilter$3D~'a*20b"
)


@pytest.mark.parametrize(
    "text",
    [
        "https://console.aws.amazon.com",
        "https://console.aws.amazon.com/",
        "https://eu-west-1.console.aws.amazon.com/console/home?region=eu-west-1",
        "https://123456789012-abcd1234.eu-west-1.console.aws.amazon.com/s3/buckets/x",
        "https://health.aws.amazon.com/health/home#/account/dashboard/open-issues",
        "https://eu-west-1.quicksight.aws.amazon.com/sn/start",
        "https://eu-west-1.console.aws.amazon.com?x=1",
        "https://eu-west-1.console.aws.amazon.com#x",
        "https://console.aws.amazon.com/" + "a" * 2017,
        "https://eu-west-1.console.aws.amazon.com/s3?prefix=a%2520b%252Fc&x=//evil.example.com/@:8443",
        LOGS,
    ],
)
def test_a_page_of_the_console_is_a_place_to_land(text: str) -> None:
    assert is_console_destination(text, AWS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/s3/home",
        "//console.aws.amazon.com/",
        "http://console.aws.amazon.com/",
        "javascript://console.aws.amazon.com/%0aalert(1)",
        "https:console.aws.amazon.com",
        "https:///console.aws.amazon.com/",
        "https://console.aws.amazon.com.evil.example.com/",
        "https://console.aws.amazon.com.",
        "https://evilconsole.aws.amazon.com/",
        "https://-.console.aws.amazon.com/",
        "https://.console.aws.amazon.com/",
        "https://a..console.aws.amazon.com/",
        "https://console-aws-amazon.com/",
        "https://evil.example.com/console.aws.amazon.com",
        "https://evil.example.com/.console.aws.amazon.com/",
        "https://evil.example.com#.console.aws.amazon.com",
        "https://evil.example.com\\.console.aws.amazon.com/",
        "https://console.aws.amazon.com\\@evil.example.com/",
        "https://console.aws.amazon.com@evil.example.com/",
        "https://ada@console.aws.amazon.com/",
        "https://ada:pw@console.aws.amazon.com/",
        "https://console.aws.amazon.com:443/",
        "https://console.aws.amazon.com:8443/",
        "https://CONSOLE.aws.amazon.com/",
        "HTTPS://console.aws.amazon.com/",
        "https://console.aws.amazon.com%2eevil.example.com/",
        "https://console。aws.amazon.com/",
        "https://con\u017fole.aws.amazon.com/",
        "https://\u0441onsole.aws.amazon.com/",
        " https://console.aws.amazon.com/",
        "https://console.aws.amazon.com/ ",
        "https://console.aws.amazon.com/a b",
        "https://console.aws.amazon.com/\r\nSet-Cookie: x",
        "https://console.aws.amazon.com/\n",
        "https://console.aws.amazon.com/\x00",
        "https://console.aws.amazon.com/é",
        "https://console.aws.amazon.com/a\\b",
        "https://signin.aws.amazon.com/oauth?Action=logout",
        "https://us-east-1.signin.aws.amazon.com/federation",
        "https://evilhealth.aws.amazon.com/",
        "https://docs.aws.amazon.com/",
        "https://s3.amazonaws.com/bucket",
        "https://console.amazonaws.cn/",
        "https://console.aws.amazon.com/" + "a" * MAX_DESTINATION_LENGTH,
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_console_destination(text, AWS)


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("https://console.aws.amazon.com/" + "a" * 2018, DestinationTooLong),
        ("http://console.aws.amazon.com/", DestinationMalformed),
        ("https://ada:pw@console.aws.amazon.com/", DestinationMalformed),
        ("https://console.aws.amazon.com:443/", DestinationMalformed),
        ("https://console.aws.amazon.com/a b", DestinationMalformed),
        ("https://console.amazonaws.cn/", DestinationElsewhere),
    ],
)
def test_a_refused_page_is_told_why(page: str, kind: type[DestinationRefused]) -> None:
    with pytest.raises(DestinationRefused) as caught:
        check_page(page, AWS)
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"destination '{page[:200]}")


@pytest.mark.parametrize(
    "rest",
    [
        LOGS.removeprefix("https://"),
        "console.aws.amazon.com/",
        "console.aws.amazon.com/s3?x=https://123456789012-abc123xy.console.aws.amazon.com/#%2523",
    ],
)
def test_a_link_out_of_a_console_session_loses_that_prefix_and_nothing_else(rest: str) -> None:
    parsed = parse_destination({"destination": [f"https://123456789012-abc123xy.{rest}"]})
    assert parsed.console_destination == f"https://{rest}"


@pytest.mark.parametrize(
    "prefix",
    [
        "12345678901-abc123xy.",
        "1234567890123-abc123xy.",
        "123456789012-abc123x.",
        "123456789012-ABC123XY.",
        "x.123456789012-abc123xy.",
    ],
)
def test_a_prefix_of_another_form_stays(prefix: str) -> None:
    page = f"https://{prefix}eu-west-1.console.aws.amazon.com/s3"
    assert without_console_session(page) == ("", page)


def test_a_page_belongs_to_one_partition() -> None:
    for partition in PARTITIONS.values():
        if not partition.console_suffix:
            continue
        page = console_home(partition, partition.default_region)
        found = [other for other in PARTITIONS.values() if is_console_destination(page, other)]
        assert found == [partition]


URL_ALPHABET = "https:/@?#\\.-%consleawmzn\t\n\r 01\x00é。"
LOOK_ALIKES = st.lists(
    st.sampled_from(["https://", "console.aws.amazon.com", "evil.com", *URL_ALPHABET]), max_size=8
).map("".join)


@given(st.one_of(LOOK_ALIKES, st.text(URL_ALPHABET, max_size=60).map("https://{}".format)))
def test_what_is_let_through_leads_every_parser_to_the_console_alone(text: str) -> None:
    if is_console_destination(text, AWS):
        for parts in (urlsplit(text), parse_url(text)):
            assert parts.scheme == "https"
            assert parts.hostname is not None
            assert f".{parts.hostname}".endswith(".console.aws.amazon.com")
            assert parts.port is None
        assert urlsplit(text).username is None
        assert text.isascii()
        assert text.isprintable()


@given(st.text("abcxyz/?#&=+%25$'~()*!;:@,.-_[]{}|^`<>\"", max_size=200))
def test_a_page_reaches_the_console_url_and_the_way_back_to_the_letter(rest: str) -> None:
    page = f"https://eu-west-1.console.aws.amazon.com/{rest}"
    requested = ConsoleDestination(region="eu-west-1", console_destination=page)
    check_destination(requested, AWS)
    back = f"https://sso.example.com/aws/x{build_destination_query(requested)}"
    url = build_console_url(
        "https://x/federation",
        signin_token=SigninToken("t"),
        relogin_url=back,
        console_destination=choose_destination(
            requested, default_page=None, partition=AWS, region="eu-west-1"
        ),
    )
    parameters = parse_qs(urlsplit(url.value).query, strict_parsing=True)
    assert parameters["Destination"] == [page]
    assert parameters["Issuer"] == [back]
    assert parse_qs(urlsplit(back).query) == {"destination": [page], "region": ["eu-west-1"]}


@pytest.mark.parametrize(
    ("requested", "page"),
    [
        (ConsoleDestination(console_destination="https://evil.example.com/"), "destination"),
        (ConsoleDestination(region="us-gov-west-1"), "region"),
        (ConsoleDestination(region="eu-west-1.evil.example.com"), "region"),
        (ConsoleDestination(region="eu-west-1\n"), "region"),
        (ConsoleDestination(region=""), "region"),
    ],
)
def test_a_link_that_leads_elsewhere_is_refused(requested: ConsoleDestination, page: str) -> None:
    with pytest.raises(DestinationRefused) as caught:
        check_destination(requested, AWS)
    assert str(caught.value).startswith(page)


HOME_EU = "https://eu-west-1.console.aws.amazon.com/console/home?region=eu-west-1"
S3_US = "https://us-east-1.console.aws.amazon.com/s3/home"
S3_ANYWHERE = "https://{region}.console.aws.amazon.com/s3/home?region={region}"
S3_EU = "https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1"


@pytest.mark.parametrize(
    ("requested", "default", "lands"),
    [
        (ConsoleDestination(), None, HOME_EU),
        (ConsoleDestination(), S3_US, S3_US),
        (ConsoleDestination(), S3_ANYWHERE, S3_EU),
        (ConsoleDestination(region="eu-west-1"), None, HOME_EU),
        (ConsoleDestination(region="eu-west-1"), S3_US, HOME_EU),
        (ConsoleDestination(region="eu-west-1"), S3_ANYWHERE, S3_EU),
        (ConsoleDestination(console_destination=LOGS), S3_US, LOGS),
        (
            ConsoleDestination(console_destination=f"{S3_US}#{{region}}"),
            None,
            f"{S3_US}#{{region}}",
        ),
    ],
)
def test_the_page_is_the_links_then_the_targets_then_the_front_page(
    requested: ConsoleDestination, default: str | None, lands: str
) -> None:
    assert choose_destination(requested, default_page=default, partition=AWS, region="eu-west-1") == lands


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, ConsoleDestination()),
        ({"region": [], "other": ["x", "y"]}, ConsoleDestination()),
        ({"region": ["eu-west-1"]}, ConsoleDestination(region="eu-west-1")),
        ({"destination": [S3_US]}, ConsoleDestination(console_destination=S3_US)),
        ({"logout_first": ["1"]}, ConsoleDestination(logout_first=True)),
        ({"logout_first": ["0"]}, ConsoleDestination(logout_first=False)),
        ({"region": [""], "destination": [""]}, ConsoleDestination(region="", console_destination="")),
        (
            {"region": ["eu-west-1"], "destination": [S3_US], "logout_first": ["1"]},
            ConsoleDestination("eu-west-1", S3_US, logout_first=True),
        ),
    ],
)
def test_a_link_names_its_destination_by_its_parameters(
    parameters: dict[str, list[str]], named: ConsoleDestination
) -> None:
    assert parse_destination(parameters) == named


@pytest.mark.parametrize(
    ("parameters", "cause"),
    [
        ({"logout_first": ["2"]}, "the link has logout_first='2'"),
        ({"logout_first": [""]}, "the link has logout_first=''"),
        ({"logout_first": ["1", "1"]}, "the link has logout_first 2 times"),
        ({"region": ["eu-west-1", "eu-west-1"]}, "the link has region 2 times"),
        ({"destination": [S3_US, LOGS, LOGS]}, "the link has destination 3 times"),
    ],
)
def test_a_parameter_that_is_ambiguous_is_refused(parameters: dict[str, list[str]], cause: str) -> None:
    with pytest.raises(DestinationRefused) as caught:
        parse_destination(parameters)
    assert str(caught.value) == cause


@pytest.mark.parametrize(
    ("requested", "query"),
    [
        (ConsoleDestination(logout_first=True), "?logout_first=1"),
        (ConsoleDestination(logout_first=False), "?logout_first=0"),
        (
            ConsoleDestination("eu-west-1", "https://x.example/a?b=c d", logout_first=True),
            "?destination=https%3A%2F%2Fx.example%2Fa%3Fb%3Dc%20d&region=eu-west-1&logout_first=1",
        ),
    ],
)
def test_a_link_of_ours_carries_the_destination_encoded_whole(
    requested: ConsoleDestination, query: str
) -> None:
    assert build_destination_query(requested) == query


def test_a_link_that_asks_for_nothing_has_no_query() -> None:
    assert build_destination_query(ConsoleDestination()) == ""
    assert build_destination_query(ConsoleDestination(region="eu-west-1")) == "?region=eu-west-1"
