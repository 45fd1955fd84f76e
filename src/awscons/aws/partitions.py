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
    api_suffix       `https://sts.<region>.<api_suffix>`
    dual_stack_suffix   as api_suffix, for hosts that have addresses of IPv6 too
    """

    name: str
    region_pattern: re.Pattern[str]
    default_region: str
    api_suffix: str
    dual_stack_suffix: str
    signin_suffix: str
    console_suffix: str
    fips_signin_suffix: str = ""


_REGION_END = "-[a-z]+-[0-9]{1,2}"

_TABLE = (
    # name, how its regions begin, the default one; then how the names of hosts end: of APIs, of APIs with
    # IPv6, of sign-in, of the console
    (
        "aws",
        "(?:us|eu|ap|sa|ca|me|af|il|mx)",
        "us-east-1",
        "amazonaws.com",
        "api.aws",
        "signin.aws.amazon.com",
        "console.aws.amazon.com",
    ),
    (
        "aws-cn",
        "cn",
        "cn-north-1",
        "amazonaws.com.cn",
        "api.amazonwebservices.com.cn",
        "signin.amazonaws.cn",
        "console.amazonaws.cn",
    ),
    (
        "aws-us-gov",
        "us-gov",
        "us-gov-west-1",
        "amazonaws.com",
        "api.aws",
        "signin.amazonaws-us-gov.com",
        "console.amazonaws-us-gov.com",
        "signin-fips.amazonaws-us-gov.com",
    ),
    (
        "aws-eusc",
        "eusc-[a-z]+",
        "eusc-de-east-1",
        "amazonaws.eu",
        "api.amazonwebservices.eu",
        "signin.amazonaws-eusc.eu",
        "console.amazonaws-eusc.eu",
    ),
    # Their sign-in hosts are public, their consoles' are not: the configuration has to name those.
    ("aws-iso", "us-iso", "us-iso-east-1", "c2s.ic.gov", "api.aws.ic.gov", "signin.c2shome.ic.gov", ""),
    (
        "aws-iso-b",
        "us-isob",
        "us-isob-east-1",
        "sc2s.sgov.gov",
        "api.aws.scloud",
        "signin.sc2shome.sgov.gov",
        "",
    ),
    (
        "aws-iso-e",
        "eu-isoe",
        "eu-isoe-west-1",
        "cloud.adc-e.uk",
        "api.cloud-aws.adc-e.uk",
        "signin.csphome.adc-e.uk",
        "",
    ),
    (
        "aws-iso-f",
        "us-isof",
        "us-isof-south-1",
        "csp.hci.ic.gov",
        "api.aws.hci.ic.gov",
        "signin.csphome.hci.ic.gov",
        "",
    ),
)

PARTITIONS = {name: Partition(name, re.compile(begin + _REGION_END), *more) for name, begin, *more in _TABLE}


def region_for(partition: Partition, configured_region: str | None) -> str:
    """The region to ask: the broker's own where it lies in this partition, else the partition's default."""
    if configured_region and partition.region_pattern.fullmatch(configured_region):
        return configured_region
    return partition.default_region


def sts_endpoint(region: str, *, fips: bool = False, dual_stack: bool = False) -> str:
    """The URL of STS in that region, of whatever partition; never the global one, which is us-east-1.

    fips        the host with FIPS 140 cryptography
    dual_stack  the host that has addresses of IPv6 too
    """
    partition = next(found for found in PARTITIONS.values() if is_region(region, found))
    # In GovCloud the usual hosts are FIPS hosts.
    own = fips and (dual_stack or partition.name != "aws-us-gov")
    suffix = partition.dual_stack_suffix if dual_stack else partition.api_suffix
    return f"https://{'sts-fips' if own else 'sts'}.{region}.{suffix}/"


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
