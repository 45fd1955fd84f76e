"""What the configuration decides about AWS: profiles, endpoints and times, for each partition."""

from dataclasses import replace

import pytest

from awscons.aws.partitions import PARTITIONS
from awscons.aws.settings import PartitionSettings
from support.fake_aws import SETTINGS
from support.sample_people import CLOUDADMIN

AWS = PartitionSettings(PARTITIONS["aws"])


@pytest.mark.parametrize(
    ("of_target", "of_partition", "of_all", "profile_name"),
    [
        ("target", "partition", "all", "target"),
        (None, "partition", "all", "partition"),
        (None, None, "all", "all"),
        (None, None, None, None),
    ],
)
def test_a_targets_profile_comes_before_the_partitions_and_the_general_one(
    of_target: str | None, of_partition: str | None, of_all: str | None, profile_name: str | None
) -> None:
    partitions = {"aws": replace(AWS, profile_name=of_partition)}
    settings = replace(SETTINGS, profile_name=of_all, partitions=partitions)
    assert settings.profile_for(replace(CLOUDADMIN, profile_name=of_target)) == profile_name


@pytest.mark.parametrize(
    ("of_partition", "of_all", "host"),
    [
        (
            "https://sts.{region}.p.example/",
            "https://sts.{region}.example/",
            "https://sts.eu-west-1.p.example/",
        ),
        (None, "https://sts.{region}.example/", "https://sts.eu-west-1.example/"),
        (None, None, None),
    ],
)
def test_a_partitions_sts_endpoint_comes_before_the_general_one(
    of_partition: str | None, of_all: str | None, host: str | None
) -> None:
    partitions = {"aws": replace(AWS, sts_endpoint=of_partition)}
    settings = replace(SETTINGS, sts_endpoint=of_all, partitions=partitions)
    assert settings.sts_endpoint_in("aws", "eu-west-1") == host


@pytest.mark.parametrize(
    ("of_partition", "of_all", "endpoint"),
    [
        ("https://{region}.p.example/f", "https://{region}.example/f", "https://eu-west-1.p.example/f"),
        (None, "https://{region}.example/f", "https://eu-west-1.example/f"),
        (None, None, "https://eu-west-1.signin.aws.amazon.com/federation"),
    ],
)
def test_a_partitions_signin_endpoint_comes_before_the_general_one(
    of_partition: str | None, of_all: str | None, endpoint: str
) -> None:
    partitions = {"aws": replace(AWS, signin_endpoint=of_partition)}
    settings = replace(SETTINGS, signin_endpoint=of_all, partitions=partitions)
    assert settings.signin_endpoint_in("aws", "eu-west-1") == endpoint


def test_the_fips_host_is_used_where_the_configuration_asks_for_it() -> None:
    gov = PartitionSettings(PARTITIONS["aws-us-gov"], fips=True)
    settings = replace(SETTINGS, partitions={"aws-us-gov": gov})
    endpoint = settings.signin_endpoint_in("aws-us-gov", "us-gov-east-1")
    assert endpoint == "https://us-gov-east-1.signin-fips.amazonaws-us-gov.com/federation"


@pytest.mark.parametrize(
    ("timeout", "connect", "read"),
    [(10, 1.5, 2.5), (20, 3, 5), (24, 3, 6), (36, 3, 9), (60, 3, 9)],
)
def test_one_call_may_take_a_part_of_the_time_and_at_most_twelve_seconds(
    timeout: float, connect: float, read: float
) -> None:
    settings = replace(SETTINGS, timeout=timeout)
    assert (settings.connect_timeout, settings.read_timeout) == (connect, read)
    assert settings.slowest_call == connect + read
