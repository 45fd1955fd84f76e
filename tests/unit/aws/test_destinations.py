"""Console URLs, and where each partition is."""

from urllib.parse import parse_qs, quote, urlencode, urlsplit

import botocore.session
import pytest
from botocore.endpoint_provider import EndpointProvider
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from awscons.aws.console_url import build_console_url, encode_form
from awscons.aws.destinations import (
    MAX_DESTINATION_LENGTH,
    ConsoleDestination,
    build_destination_query,
    check_destination,
    choose_destination,
    choose_regions,
    is_console_destination,
)
from awscons.aws.partitions import PARTITIONS, console_home, federation_endpoint, is_region, region_for
from awscons.aws.role_credentials import SigninToken
from awscons.errors import DestinationRefused


@pytest.mark.parametrize(
    ("partition", "configured", "endpoint", "home"),
    [
        (
            "aws",
            "eu-west-1",
            "https://eu-west-1.signin.aws.amazon.com/federation",
            "https://eu-west-1.console.aws.amazon.com/console/home?region=eu-west-1",
        ),
        (
            "aws",
            None,
            "https://us-east-1.signin.aws.amazon.com/federation",
            "https://us-east-1.console.aws.amazon.com/console/home?region=us-east-1",
        ),
        (
            "aws-cn",
            "eu-west-1",
            "https://cn-north-1.signin.amazonaws.cn/federation",
            "https://cn-north-1.console.amazonaws.cn/console/home?region=cn-north-1",
        ),
        (
            "aws-us-gov",
            "us-gov-east-1",
            "https://us-gov-east-1.signin.amazonaws-us-gov.com/federation",
            "https://us-gov-east-1.console.amazonaws-us-gov.com/console/home?region=us-gov-east-1",
        ),
        (
            "aws-eusc",
            None,
            "https://eusc-de-east-1.signin.amazonaws-eusc.eu/federation",
            "https://eusc-de-east-1.console.amazonaws-eusc.eu/console/home?region=eusc-de-east-1",
        ),
    ],
)
def test_each_partition_has_its_own_hosts(
    partition: str, configured: str | None, endpoint: str, home: str
) -> None:
    found = PARTITIONS[partition]
    region = region_for(found, configured)
    assert federation_endpoint(found, region) == endpoint
    assert console_home(found, region) == home


@pytest.mark.parametrize(
    ("partition", "region", "fips", "endpoint"),
    [
        ("aws-us-gov", "us-gov-west-1", True, "https://signin-fips.amazonaws-us-gov.com/federation"),
        (
            "aws-us-gov",
            "us-gov-east-1",
            True,
            "https://us-gov-east-1.signin-fips.amazonaws-us-gov.com/federation",
        ),
        (
            "aws-us-gov",
            "us-gov-west-1",
            False,
            "https://us-gov-west-1.signin.amazonaws-us-gov.com/federation",
        ),
        ("aws-iso", "us-iso-east-1", False, "https://us-iso-east-1.signin.c2shome.ic.gov/federation"),
        ("aws-iso-b", "us-isob-east-1", False, "https://us-isob-east-1.signin.sc2shome.sgov.gov/federation"),
        ("aws-iso-e", "eu-isoe-west-1", False, "https://eu-isoe-west-1.signin.csphome.adc-e.uk/federation"),
        ("aws-iso-f", "us-isof-east-1", False, "https://us-isof-east-1.signin.csphome.hci.ic.gov/federation"),
    ],
)
def test_the_sign_in_hosts_are_those_of_the_table(
    partition: str, region: str, *, fips: bool, endpoint: str
) -> None:
    assert federation_endpoint(PARTITIONS[partition], region, fips=fips) == endpoint


def test_the_table_agrees_with_botocore() -> None:
    """Its endpoint rules know the sign-in hosts; a partition or host that they learn is missed here."""
    loader = botocore.session.Session().get_component("data_loader")
    known = loader.load_data("partitions")
    hosts = EndpointProvider(loader.load_service_model("signin", "endpoint-rule-set-1"), known)
    assert {partition["id"] for partition in known["partitions"]} == set(PARTITIONS)
    for found in known["partitions"]:
        partition = PARTITIONS[found["id"]]
        for region in found["regions"]:
            if region.endswith("-global"):
                continue
            assert is_region(region, partition), region
            for fips in {False, bool(partition.fips_signin_suffix)}:
                url = hosts.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=False).url
                assert federation_endpoint(partition, region, fips=fips) == f"{url}/federation"


@given(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_form_is_encoded_as_everybody_encodes_it(fields: dict[str, str]) -> None:
    assert encode_form(fields) == urlencode(fields, quote_via=quote, safe="")


def test_a_region_belongs_to_one_partition() -> None:
    for partition in PARTITIONS.values():
        found = [other for other in PARTITIONS.values() if is_region(partition.default_region, other)]
        assert found == [partition]


def test_a_console_that_nobody_published_has_no_pages() -> None:
    for page in ("https://.console/", "https://x.example/", "https:///x", "https://us-iso-east-1./"):
        assert not is_console_destination(page, PARTITIONS["aws-iso"])


def test_a_region_of_another_partition_is_not_asked() -> None:
    assert region_for(PARTITIONS["aws"], "us-gov-west-1") == "us-east-1"
    assert region_for(PARTITIONS["aws"], "cn-north-1") == "us-east-1"


def test_the_console_url_carries_everything_encoded_once() -> None:
    destination = "https://us-east-1.console.aws.amazon.com/x?a=b&c=%2520#frag?d=e"
    url = build_console_url(
        "https://us-east-1.signin.aws.amazon.com/federation",
        signin_token=SigninToken("t+/=&"),
        relogin_url="https://sso.example.com/aws/cloudadmin?x=1&y=2",
        console_destination=destination,
    )
    parts = urlsplit(url.value)
    assert parts.fragment == ""
    assert parse_qs(parts.query) == {
        "Action": ["login"],
        "Issuer": ["https://sso.example.com/aws/cloudadmin?x=1&y=2"],
        "Destination": [destination],
        "SigninToken": ["t+/=&"],
    }


@pytest.mark.parametrize(
    ("partition", "requested", "default", "configured", "broker", "regions"),
    [
        ("aws", None, None, (), None, ("us-east-1",)),
        ("aws", None, None, (), "eu-west-1", ("eu-west-1",)),
        ("aws", None, None, (), "cn-north-1", ("us-east-1",)),
        ("aws", None, None, ("eu-west-1", "us-east-1"), "sa-east-1", ("eu-west-1", "us-east-1")),
        ("aws", "us-east-1", None, ("eu-west-1", "us-east-1"), None, ("us-east-1", "eu-west-1")),
        ("aws", "sa-east-1", None, ("eu-west-1", "us-east-1"), None, ("eu-west-1", "us-east-1")),
        ("aws", None, "sa-east-1", ("eu-west-1", "sa-east-1"), None, ("sa-east-1", "eu-west-1")),
        ("aws", "sa-east-1", "us-west-2", (), None, ("us-west-2", "us-east-1")),
        ("aws", "us-east-1", "us-west-2", (), None, ("us-east-1", "us-west-2")),
        ("aws-cn", None, None, ("eu-west-1", "cn-northwest-1"), None, ("cn-northwest-1",)),
        ("aws-cn", None, None, ("eu-west-1",), "eu-west-1", ("cn-north-1",)),
    ],
)
def test_the_regions_to_sign_in_by_are_ours_nearest_first(
    partition: str,
    requested: str | None,
    default: str | None,
    configured: tuple[str, ...],
    broker: str | None,
    regions: tuple[str, ...],
) -> None:
    assert regions == choose_regions(
        PARTITIONS[partition],
        requested=ConsoleDestination(region=requested),
        default=ConsoleDestination(region=default),
        configured=configured,
        broker_region=broker,
    )


# --- where to land -----------------------------------------------------------------------

AWS = PARTITIONS["aws"]
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
        "https://eu-west-1.console.aws.amazon.com?x=1",
        "https://eu-west-1.console.aws.amazon.com#x",
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
        "https://s3.amazonaws.com/bucket",
        "https://console.amazonaws.cn/",
        "https://console.aws.amazon.com/" + "a" * MAX_DESTINATION_LENGTH,
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_console_destination(text, AWS)


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
            requested, ConsoleDestination(), partition=AWS, region="eu-west-1"
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
        (ConsoleDestination(), ConsoleDestination(), HOME_EU),
        (ConsoleDestination(), ConsoleDestination(console_destination=S3_US), S3_US),
        (ConsoleDestination(), ConsoleDestination(console_destination=S3_ANYWHERE), S3_EU),
        (ConsoleDestination(region="eu-west-1"), ConsoleDestination(), HOME_EU),
        (ConsoleDestination(region="eu-west-1"), ConsoleDestination(console_destination=S3_US), HOME_EU),
        (ConsoleDestination(region="eu-west-1"), ConsoleDestination(console_destination=S3_ANYWHERE), S3_EU),
        (ConsoleDestination(console_destination=LOGS), ConsoleDestination(console_destination=S3_US), LOGS),
        (
            ConsoleDestination(console_destination=f"{S3_US}#{{region}}"),
            ConsoleDestination(),
            f"{S3_US}#{{region}}",
        ),
    ],
)
def test_the_page_is_the_links_then_the_targets_then_the_front_page(
    requested: ConsoleDestination, default: ConsoleDestination, lands: str
) -> None:
    assert choose_destination(requested, default, partition=AWS, region="eu-west-1") == lands


def test_a_link_that_asks_for_nothing_has_no_query() -> None:
    assert build_destination_query(ConsoleDestination()) == ""
    assert build_destination_query(ConsoleDestination(region="eu-west-1")) == "?region=eu-west-1"
