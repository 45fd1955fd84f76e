"""The console page that a person opens, and the regions that sign them in. Pure rules.

A link may name any page and region of the console of the target's partition. The regions that sign in come
from the configuration alone: a link moves one of them to the front, and cannot add another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from awscons.aws.partitions import REGION_PLACEHOLDER, Partition, console_home, is_region, region_for
from awscons.errors import (
    DestinationElsewhere,
    DestinationMalformed,
    DestinationRefused,
    DestinationTooLong,
    quote_for_log,
)

FAILED_REGION = "failed_region"
"""The query parameter of a link on our own page, by which a person tries another region."""
MAX_DESTINATION_LENGTH = 2048
"""Characters of a page's URL, which goes into `Destination`, and encoded twice into `Issuer`."""

# Printable ASCII; other characters of a URL are percent-encoded. Browsers read a backslash as a slash.
_DESTINATION = re.compile(r"https://(?P<host>[a-z0-9.-]+)(?:[/?#][\x21-\x5b\x5d-\x7e]*)?", re.ASCII)
# With multi-session support, AWS puts the account and the id of a console session before the console's host.
_CONSOLE_SESSION = re.compile(r"https://(?P<account>[0-9]{12})-[0-9a-z]{8}\.", re.ASCII)

_SUBDOMAINS = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConsoleDestination:
    """A page and region of the console, as a link or a target names them. None: not named.

    region               such as `eu-west-1`
    console_destination  the URL of a console page, exactly as it is named
    logout_first         whether the browser goes through AWS's log-out first
    failed_region        whose sign-in did not answer the person, who now tries another one
    """

    region: str | None = None
    console_destination: str | None = None
    logout_first: bool | None = None
    failed_region: str | None = None


def parse_destination(parameters: Mapping[str, Sequence[str]]) -> ConsoleDestination:
    """The destination that a link names by its query parameters; not checked against the console yet.

    Raises DestinationRefused for a parameter that occurs twice, or a `logout_first` that is neither 0 nor 1.
    """
    logout_first = _only(parameters, "logout_first")
    if logout_first not in {None, "0", "1"}:
        raise DestinationRefused(
            f"the link has logout_first={quote_for_log(logout_first)}", hint="it is 0 or 1"
        )
    page = _only(parameters, "destination")
    return ConsoleDestination(
        region=_only(parameters, "region"),
        console_destination=None if page is None else without_console_session(page)[1],
        logout_first=None if logout_first is None else logout_first == "1",
        failed_region=_only(parameters, FAILED_REGION),
    )


def _only(parameters: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = parameters.get(name, ())
    if len(values) > 1:
        raise DestinationRefused(f"the link has {name} {len(values)} times")
    return values[0] if values else None


def without_console_session(page: str) -> tuple[str, str]:
    """The account of the console session that the page's host names, or "", and the page without that prefix.

    A console with multi-session support has the host `<account>-<8 characters>.<region>.console.aws.amazon.com`
    (AWS Management Console guide, multi-session support). The prefix belongs to one browser.
    """
    named = _CONSOLE_SESSION.match(page)
    return (named["account"], f"https://{page[named.end() :]}") if named else ("", page)


def choose_regions(
    partition: Partition,
    *,
    requested: ConsoleDestination,
    default_region: str | None,
    configured: Sequence[str],
    broker_region: str | None,
) -> tuple[str, ...]:
    """The regions that sign in, in the order of trying; at least one.

    requested       by the link
    default_region  of the target; it comes before the configured ones
    configured      the configuration's ordered list, for all partitions together
    broker_region   of the broker's own AWS configuration; used when no region is configured

    A link may name another region for its page. Its region comes first if it is one of these; otherwise
    one of these signs in, and the page of the other region opens.
    """
    ours = [region for region in configured if is_region(region, partition)]
    ordered = [default_region] if default_region is not None else []
    ordered += ours or [region_for(partition, broker_region)]
    if requested.region in ordered:
        ordered.insert(0, requested.region)
    return tuple(dict.fromkeys(ordered))


def check_page(page: str, partition: Partition) -> None:
    """Raises DestinationRefused unless `page` is the URL of a page of that partition's console.

    It needs https and the host of the console or of one of AWS's applications, or a host below it, without
    user name and port. Text that two parsers could read differently is refused: capitals in the host, white
    space, backslashes, characters beyond ASCII.
    """
    named = f"destination {quote_for_log(page)}"
    if len(page) > MAX_DESTINATION_LENGTH:
        raise DestinationTooLong(
            f"{named} has {len(page):,} characters, more than {MAX_DESTINATION_LENGTH:,}"
        )
    matched = _DESTINATION.fullmatch(page)
    if matched is None:
        raise DestinationMalformed(
            f"{named} is no https URL of printable ASCII without user name and port",
            hint="a link carries the page as one encoded value: ?destination=https%3A%2F%2F…%23…",
        )
    if not any(_is_below(matched["host"], host) for host in partition.destination_hosts):
        raise DestinationElsewhere(f"{named} is not a console page of partition {partition.name}")


def _is_below(host: str, suffix: str) -> bool:
    return host.endswith(suffix) and _SUBDOMAINS.fullmatch(host.removesuffix(suffix)) is not None


def check_destination(requested: ConsoleDestination, partition: Partition) -> None:
    """Raises DestinationRefused when the requested page or region is not in the console of that partition."""
    region, page = requested.region, requested.console_destination
    if region is not None and not is_region(region, partition):
        raise DestinationRefused(f"region {quote_for_log(region)} is not in partition {partition.name}")
    if page is not None:
        check_page(page, partition)


def region_of_page(requested: ConsoleDestination, *, signs_in: str, regions: Sequence[str]) -> str:
    """The region whose page opens: a link may open a page in a region that does not sign in.

    signs_in   the region that signs in
    regions    those that could
    """
    return signs_in if requested.region in {None, *regions} else requested.region or ""


def choose_destination(
    requested: ConsoleDestination, *, default_page: str | None, partition: Partition, region: str
) -> str:
    """The URL of the page to open.

    requested      by the link, checked
    default_page   of the target
    region         in which the console opens

    A page that the link names is used unchanged. If the link names only a region, the target's page opens in
    that region when it holds `{region}`, and the region's front page otherwise.
    """
    if requested.console_destination is not None:
        return requested.console_destination
    if default_page is None or (requested.region is not None and REGION_PLACEHOLDER not in default_page):
        return console_home(partition, region)
    return default_page.replace(REGION_PLACEHOLDER, region)


def build_destination_query(requested: ConsoleDestination) -> str:
    """The query of a link of ours with this destination: `?destination=…&region=…`, or ""; without `failed_region`."""
    logout_first = None if requested.logout_first is None else str(int(requested.logout_first))
    parameters = {
        "destination": requested.console_destination,
        "region": requested.region,
        "logout_first": logout_first,
    }
    query = "&".join(
        f"{key}={quote(value, safe='')}" for key, value in parameters.items() if value is not None
    )
    return f"?{query}" if query else ""
