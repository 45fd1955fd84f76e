"""Where AWS is, where in its console one may land, and the one place that builds console URLs. Pure rules.

Sign-in hosts are no versioned API and do not follow from a partition's DNS suffix, so they stand in
one table. Sources: AWS General Reference (sign-in endpoints), botocore's endpoint rules, IAM User
Guide, "Enable custom identity broker access to the AWS console".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from awscons.credentials import ConsoleUrl, SigninToken
from awscons.errors import LandingRefused, shown

LONGEST_DESTINATION = 2048
"""Characters of a page to land on. It travels in `Destination`, and encoded twice in `Issuer`."""
REGION_PLACEHOLDER = "{region}"
"""Stands in configured URLs for the region at hand."""

# Printable ASCII; browsers read a backslash as a slash. Whatever else a URL holds comes encoded.
_DESTINATION = re.compile(r"https://(?P<host>[a-z0-9.-]+)(?:[/?#][\x21-\x5b\x5d-\x7e]*)?", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9_.~-]", re.ASCII)
_ESCAPES = {chr(code): f"%{code:02X}" for code in range(128)}
_SUBDOMAINS = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*", re.ASCII)


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


@dataclass(frozen=True, slots=True)
class Landing:
    """Where in the console somebody wants to land, and how. None: nothing was said of it.

    region               such as `eu-west-1`
    console_destination  the URL of a console page, to the letter
    fresh                through AWS's log-out first, or not
    """

    region: str | None = None
    console_destination: str | None = None
    fresh: bool | None = None


def region_for(partition: Partition, configured_region: str | None) -> str:
    """The region to ask: the broker's own where it lies in this partition, else the partition's default."""
    if configured_region and partition.region_pattern.fullmatch(configured_region):
        return configured_region
    return partition.default_region


def choose_regions(
    partition: Partition,
    *,
    asked: Landing,
    standing: Landing,
    configured: Sequence[str],
    broker_region: str | None,
) -> tuple[str, ...]:
    """The regions to sign in by, nearest first; at least one.

    asked           what the link says
    standing        what the target says: its region comes first
    configured      the configuration's ordered list, for all partitions together
    broker_region   where the broker's own configuration puts it; used where nothing is configured

    A link chooses among them, and adds none: it may land in any region, but is signed in by one of ours.
    """
    ours = [region for region in configured if is_region(region, partition)]
    ordered = [standing.region] if standing.region is not None else []
    ordered += ours or [region_for(partition, broker_region)]
    if asked.region in ordered:
        ordered.insert(0, asked.region)
    return tuple(dict.fromkeys(ordered))


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


# --- where to land -----------------------------------------------------------------------


def is_region(text: str, partition: Partition) -> bool:
    """Whether `text` can be the name of a region of that partition."""
    return partition.region_pattern.fullmatch(text) is not None


def is_console_destination(text: str, partition: Partition) -> bool:
    """Whether `text` is the URL of a page of that partition's console.

    https, and the console's host or one below it; no user name, no port. Anything that two parsers could
    read differently is none: capitals, white space, backslashes, characters beyond ASCII.
    """
    matched = _DESTINATION.fullmatch(text) if len(text) <= LONGEST_DESTINATION else None
    if matched is None or not partition.console_suffix:
        return False
    if not matched["host"].endswith(partition.console_suffix):
        return False
    return _SUBDOMAINS.fullmatch(matched["host"].removesuffix(partition.console_suffix)) is not None


def check_landing(asked: Landing, partition: Partition) -> None:
    """Raises LandingRefused when what a link asks for does not lie in the console of that partition."""
    region, page = asked.region, asked.console_destination
    if region is not None and not is_region(region, partition):
        raise LandingRefused(f"region {shown(region)} is none of partition {partition.name}")
    if page is not None and not is_console_destination(page, partition):
        raise LandingRefused(
            f"destination {shown(page)} is no console page of partition {partition.name}",
            hint="a link carries the page as one encoded value: ?destination=https%3A%2F%2F…%23…",
        )


def choose_destination(asked: Landing, standing: Landing, *, partition: Partition, region: str) -> str:
    """The page to land on.

    asked      what the link says, checked
    standing   what the target says
    region     the region that the console is opened in

    A page that the link names is kept to the letter. A link that names only a region leads to the
    target's page there, where the target's page can be had in any region, else to the region's front page.
    """
    if asked.console_destination is not None:
        return asked.console_destination
    page = standing.console_destination
    if page is None or (asked.region is not None and REGION_PLACEHOLDER not in page):
        return console_home(partition, region)
    return page.replace(REGION_PLACEHOLDER, region)


def build_landing_query(asked: Landing) -> str:
    """The query of a link of ours that asks for this landing: `?destination=…&region=…`, or ""."""
    fresh = None if asked.fresh is None else str(int(asked.fresh))
    wishes = {"destination": asked.console_destination, "region": asked.region, "fresh": fresh}
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in wishes.items() if value is not None)
    return f"?{query}" if query else ""


# --- forms, the login URL ----------------------------------------------------------------


def encode_form(fields: Mapping[str, str]) -> str:
    """As `urlencode` has it. That looks at each of the thousand characters of a token by itself."""
    return "&".join(f"{name}={_UNSAFE.sub(_escaped, value)}" for name, value in fields.items())


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0]) or quote(match[0], safe="")


def build_console_url(
    endpoint: str, *, signin_token: SigninToken, relogin_url: str, console_destination: str
) -> ConsoleUrl:
    """The login URL that opens the console.

    endpoint             the federation endpoint that issued the token: both steps stay on one host
    relogin_url          `Issuer`: where AWS sends people whose console session ended
    console_destination  `Destination`: the page to land on; encoded whole, fragment included
    """
    query = encode_form(
        {
            "Action": "login",
            "Issuer": relogin_url,
            "Destination": console_destination,
            "SigninToken": signin_token.value,
        }
    )
    return ConsoleUrl(f"{endpoint}?{query}")


def build_logout_first_url(endpoint: str, console_url: ConsoleUrl) -> ConsoleUrl:
    """The same login URL behind AWS's log-out, for browsers that hold another console already.

    AWS documents no such address. Clients have found that it works when both URLs have the same host, and
    that one with its region in front.
    """
    query = encode_form({"Action": "logout", "redirect_uri": console_url.value})
    return ConsoleUrl(f"{urljoin(endpoint, 'oauth')}?{query}")
