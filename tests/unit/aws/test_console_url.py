"""Console URLs, and the hosts and regions of each partition."""

from urllib.parse import parse_qs, quote, urlencode, urlsplit

import botocore.session
import pytest
from botocore.endpoint_provider import EndpointProvider
from hypothesis import given
from hypothesis import strategies as st

from awscons.aws.console_url import build_console_url, encode_form
from awscons.aws.destinations import (
    ConsoleDestination,
    check_page,
    choose_regions,
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
        with pytest.raises(DestinationRefused):
            check_page(page, PARTITIONS["aws-iso"])


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
        default_region=default,
        configured=configured,
        broker_region=broker,
    )
