"""Where AWS is: its partitions, and the hosts of each that no API lists. Pure rules.

Sign-in hosts are no versioned API and do not follow from a partition's DNS suffix, so they stand in one
table. Sources: AWS General Reference (sign-in endpoints), IAM User Guide, "Enable custom identity broker
access to the AWS console".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REGION_PLACEHOLDER = "{region}"
"""Stands in configured URLs for the region at hand."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One of AWS's separate worlds; a role's ARN says which.

    default_region   used where the broker's own configuration names no region of this partition
    signin_suffix    `https://<region>.<signin_suffix>/federation`
    console_suffix   `https://<region>.<console_suffix>/…`; empty where AWS does not publish it
    fips_signin_suffix   as signin_suffix, for hosts with FIPS 140 cryptography; the default region's has no
                     region in front; empty where there are none
    """

    name: str
    region_pattern: re.Pattern[str]
    default_region: str
    signin_suffix: str
    console_suffix: str
    fips_signin_suffix: str = ""


_REGION_END = "-[a-z]+-[0-9]{1,2}"

_TABLE = (
    # name, how its regions begin, the default one; how the names of hosts end: of sign-in, of the console
    ("aws", "(?:us|eu|ap|sa|ca|me|af|il|mx)", "us-east-1", "signin.aws.amazon.com", "console.aws.amazon.com"),
    ("aws-cn", "cn", "cn-north-1", "signin.amazonaws.cn", "console.amazonaws.cn"),
    (
        "aws-us-gov",
        "us-gov",
        "us-gov-west-1",
        "signin.amazonaws-us-gov.com",
        "console.amazonaws-us-gov.com",
        "signin-fips.amazonaws-us-gov.com",
    ),
    ("aws-eusc", "eusc-[a-z]+", "eusc-de-east-1", "signin.amazonaws-eusc.eu", "console.amazonaws-eusc.eu"),
    # Their sign-in hosts are public, their consoles' are not: the configuration has to name those.
    ("aws-iso", "us-iso", "us-iso-east-1", "signin.c2shome.ic.gov", ""),
    ("aws-iso-b", "us-isob", "us-isob-east-1", "signin.sc2shome.sgov.gov", ""),
    ("aws-iso-e", "eu-isoe", "eu-isoe-west-1", "signin.csphome.adc-e.uk", ""),
    ("aws-iso-f", "us-isof", "us-isof-south-1", "signin.csphome.hci.ic.gov", ""),
)

PARTITIONS = {name: Partition(name, re.compile(begin + _REGION_END), *more) for name, begin, *more in _TABLE}


def region_for(partition: Partition, configured_region: str | None) -> str:
    """The region to ask: the broker's own where it lies in this partition, else the partition's default."""
    if configured_region and partition.region_pattern.fullmatch(configured_region):
        return configured_region
    return partition.default_region


def federation_endpoint(partition: Partition, region: str, *, fips: bool = False) -> str:
    """The URL of the federation endpoint of that region. `fips`: the host with FIPS 140 cryptography."""
    if not fips:
        return f"https://{region}.{partition.signin_suffix}/federation"
    own = "" if region == partition.default_region else f"{region}."
    return f"https://{own}{partition.fips_signin_suffix}/federation"


def console_home(partition: Partition, region: str) -> str:
    """The console's front page of that region; a regional page, so that no other region is needed."""
    return f"https://{region}.{partition.console_suffix}/console/home?region={region}"


def is_region(text: str, partition: Partition) -> bool:
    """Whether `text` can be the name of a region of that partition."""
    return partition.region_pattern.fullmatch(text) is not None
