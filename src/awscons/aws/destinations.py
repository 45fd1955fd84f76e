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
from awscons.errors import DestinationRefused, quote_for_log

MAX_DESTINATION_LENGTH = 2048
"""Characters of a page's URL, which goes into `Destination`, and encoded twice into `Issuer`."""

# Printable ASCII; other characters of a URL are percent-encoded. Browsers read a backslash as a slash.
_DESTINATION = re.compile(r"https://(?P<host>[a-z0-9.-]+)(?:[/?#][\x21-\x5b\x5d-\x7e]*)?", re.ASCII)

_SUBDOMAINS = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConsoleDestination:
    """A page and region of the console, as a link or a target names them. None: not named.

    region               such as `eu-west-1`
    console_destination  the URL of a console page, exactly as it is named
    logout_first         whether the browser goes through AWS's log-out first
    """

    region: str | None = None
    console_destination: str | None = None
    logout_first: bool | None = None


def parse_destination(parameters: Mapping[str, Sequence[str]]) -> ConsoleDestination:
    """The destination that a link names by its query parameters; not checked against the console yet.

    Raises DestinationRefused for a parameter that occurs twice, or a `logout_first` that is neither 0 nor 1.
    """
    logout_first = _only(parameters, "logout_first")
    if logout_first not in {None, "0", "1"}:
        raise DestinationRefused(
            f"the link has logout_first={quote_for_log(logout_first)}", hint="it is 0 or 1"
        )
    return ConsoleDestination(
        region=_only(parameters, "region"),
        console_destination=_only(parameters, "destination"),
        logout_first=None if logout_first is None else logout_first == "1",
    )


def _only(parameters: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = parameters.get(name, ())
    if len(values) > 1:
        raise DestinationRefused(f"the link has {name} {len(values)} times")
    return values[0] if values else None


def choose_regions(
    partition: Partition,
    *,
    requested: ConsoleDestination,
    default: ConsoleDestination,
    configured: Sequence[str],
    broker_region: str | None,
) -> tuple[str, ...]:
    """The regions that sign in, in the order of trying; at least one.

    requested       by the link
    default         of the target; its region comes before the configured ones
    configured      the configuration's ordered list, for all partitions together
    broker_region   of the broker's own AWS configuration; used when no region is configured

    A link may name another region for its page. Its region comes first if it is one of these; otherwise
    one of these signs in, and the page of the other region opens.
    """
    ours = [region for region in configured if is_region(region, partition)]
    ordered = [default.region] if default.region is not None else []
    ordered += ours or [region_for(partition, broker_region)]
    if requested.region in ordered:
        ordered.insert(0, requested.region)
    return tuple(dict.fromkeys(ordered))


def is_console_destination(text: str, partition: Partition) -> bool:
    """Whether `text` is the URL of a page of that partition's console.

    It needs https and the console's host or a host below it, without user name and port. Text that two
    parsers could read differently is refused: capitals in the host, white space, backslashes, characters
    beyond ASCII.
    """
    matched = _DESTINATION.fullmatch(text) if len(text) <= MAX_DESTINATION_LENGTH else None
    if matched is None or not partition.console_suffix:
        return False
    if not matched["host"].endswith(partition.console_suffix):
        return False
    return _SUBDOMAINS.fullmatch(matched["host"].removesuffix(partition.console_suffix)) is not None


def check_destination(requested: ConsoleDestination, partition: Partition) -> None:
    """Raises DestinationRefused when the requested page or region is not in the console of that partition."""
    region, page = requested.region, requested.console_destination
    if region is not None and not is_region(region, partition):
        raise DestinationRefused(f"region {quote_for_log(region)} is not in partition {partition.name}")
    if page is not None and not is_console_destination(page, partition):
        raise DestinationRefused(
            f"destination {quote_for_log(page)} is not a console page of partition {partition.name}",
            hint="a link carries the page as one encoded value: ?destination=https%3A%2F%2F…%23…",
        )


def choose_destination(
    requested: ConsoleDestination, default: ConsoleDestination, *, partition: Partition, region: str
) -> str:
    """The URL of the page to open.

    requested   by the link, checked
    default     of the target
    region      in which the console opens

    A page that the link names is used unchanged. If the link names only a region, the target's page opens in
    that region when it holds `{region}`, and the region's front page otherwise.
    """
    if requested.console_destination is not None:
        return requested.console_destination
    page = default.console_destination
    if page is None or (requested.region is not None and REGION_PLACEHOLDER not in page):
        return console_home(partition, region)
    return page.replace(REGION_PLACEHOLDER, region)


def build_destination_query(requested: ConsoleDestination) -> str:
    """The query of a link of ours with this destination: `?destination=…&region=…`, or ""."""
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
