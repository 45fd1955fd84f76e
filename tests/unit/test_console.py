"""Console URLs, and where each partition is."""

from urllib.parse import parse_qs, urlsplit

import pytest

from awscons.console import (
    PARTITIONS,
    build_console_url,
    console_home,
    federation_endpoint,
    region_for,
)
from awscons.credentials import SigninToken


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
