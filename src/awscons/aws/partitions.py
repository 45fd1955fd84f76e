"""AWS's partitions, and those of their hosts that no API lists. Pure rules.

The names of sign-in hosts do not follow from a partition's DNS suffix, so a table lists them. Sources: AWS
General Reference (sign-in endpoints), IAM User Guide, "Enable custom identity broker access to the AWS
console".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REGION_PLACEHOLDER = "{region}"
"""In configured URLs: replaced by the region."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of AWS; a role's ARN names it.

    default_region   used where the broker's own configuration names no region of this partition
    signin_suffix    `https://<region>.<signin_suffix>/federation`
    console_suffix   `https://<region>.<console_suffix>/…`; empty where AWS does not publish it
    application_hosts    hosts of AWS's applications outside of the console that take its login
    fips_signin_suffix   as signin_suffix, for hosts with FIPS 140 cryptography; the host of the default region
                     has no region in front; empty where there are none
    """

    name: str
    region_pattern: re.Pattern[str]
    default_region: str
    signin_suffix: str
    console_suffix: str
    fips_signin_suffix: str = ""
    application_hosts: tuple[str, ...] = ()

    @property
    def destination_hosts(self) -> tuple[str, ...]:
        """The hosts that a console page may be on; hosts below them count too."""
        return (self.console_suffix, *self.application_hosts) if self.console_suffix else ()


_REGION_END = "-[a-z]+-[0-9]{1,2}"

_TABLE = (
    # name, beginning of its regions, default region, suffix of sign-in hosts, suffix of console hosts
    (
        "aws",
        "(?:us|eu|ap|sa|ca|me|af|il|mx)",
        "us-east-1",
        "signin.aws.amazon.com",
        "console.aws.amazon.com",
        "",
        ("health.aws.amazon.com", "quicksight.aws.amazon.com"),
    ),
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
    # AWS publishes their sign-in hosts, but not their console hosts: the configuration has to name those.
    ("aws-iso", "us-iso", "us-iso-east-1", "signin.c2shome.ic.gov", ""),
    ("aws-iso-b", "us-isob", "us-isob-east-1", "signin.sc2shome.sgov.gov", ""),
    ("aws-iso-e", "eu-isoe", "eu-isoe-west-1", "signin.csphome.adc-e.uk", ""),
    ("aws-iso-f", "us-isof", "us-isof-south-1", "signin.csphome.hci.ic.gov", ""),
)

PARTITIONS: dict[str, Partition] = {
    name: Partition(name, re.compile(begin + _REGION_END), *more) for name, begin, *more in _TABLE
}


def region_for(partition: Partition, configured_region: str | None) -> str:
    """`configured_region` if it is in this partition, else the partition's default region."""
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
    """The console's front page in that region. The URL is regional, so no other region has to work."""
    return f"https://{region}.{partition.console_suffix}/console/home?region={region}"


def is_region(text: str, partition: Partition) -> bool:
    """Whether `text` can be the name of a region of that partition."""
    return partition.region_pattern.fullmatch(text) is not None
