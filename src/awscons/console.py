"""Where AWS is, partition by partition, and the one place that builds console URLs. Pure rules.

Sign-in hosts are no versioned API and do not follow from a partition's DNS suffix, so they stand in
one table. Sources: AWS General Reference (sign-in endpoints), botocore's endpoint rules, IAM User
Guide, "Enable custom identity broker access to the AWS console".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from awscons.credentials import ConsoleUrl, SigninToken


@dataclass(frozen=True, slots=True)
class Partition:
    """One of AWS's separate worlds; a role's ARN says which.

    default_region   used where the broker's own configuration names no region of this partition
    signin_suffix    `https://<region>.<signin_suffix>/federation`
    console_suffix   `https://<region>.<console_suffix>/…`
    """

    name: str
    region_pattern: re.Pattern[str]
    default_region: str
    signin_suffix: str
    console_suffix: str


def _partition(name: str, regions: str, default: str, signin: str, console: str) -> Partition:
    return Partition(name, re.compile(regions), default, signin, console)


PARTITIONS = {
    partition.name: partition
    for partition in (
        _partition(
            "aws",
            r"(?!us-gov-|us-iso)(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+",
            "us-east-1",
            "signin.aws.amazon.com",
            "console.aws.amazon.com",
        ),
        _partition("aws-cn", r"cn-[a-z]+-\d+", "cn-north-1", "signin.amazonaws.cn", "console.amazonaws.cn"),
        _partition(
            "aws-us-gov",
            r"us-gov-[a-z]+-\d+",
            "us-gov-west-1",
            "signin.amazonaws-us-gov.com",
            "console.amazonaws-us-gov.com",
        ),
        _partition(
            "aws-eusc",
            r"eusc-[a-z]+-[a-z]+-\d+",
            "eusc-de-east-1",
            "signin.amazonaws-eusc.eu",
            "console.amazonaws-eusc.eu",
        ),
    )
}


def region_for(partition: Partition, configured_region: str | None) -> str:
    """The region to ask: the broker's own where it lies in this partition, else the partition's default."""
    if configured_region and partition.region_pattern.fullmatch(configured_region):
        return configured_region
    return partition.default_region


def federation_endpoint(partition: Partition, region: str) -> str:
    """The URL of the federation endpoint of that region."""
    return f"https://{region}.{partition.signin_suffix}/federation"


def console_home(partition: Partition, region: str) -> str:
    """The console's front page of that region; a regional page, so that no other region is needed."""
    return f"https://{region}.{partition.console_suffix}/console/home?region={region}"


def build_console_url(
    endpoint: str, *, signin_token: SigninToken, relogin_url: str, console_destination: str
) -> ConsoleUrl:
    """The login URL that opens the console.

    endpoint             the federation endpoint that issued the token: both steps stay on one host
    relogin_url          `Issuer`: where AWS sends people whose console session ended
    console_destination  `Destination`: the page to land on; encoded whole, fragment included
    """
    query = urlencode(
        {
            "Action": "login",
            "Issuer": relogin_url,
            "Destination": console_destination,
            "SigninToken": signin_token.value,
        }
    )
    return ConsoleUrl(f"{endpoint}?{query}")
