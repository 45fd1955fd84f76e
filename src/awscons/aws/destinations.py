"""Where in the console a person lands, and by which regions they are signed in. Pure rules.

A link may name any page or region of the console of the target's partition. It chooses among the regions
that the configuration signs in by, and adds none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from awscons.aws.partitions import REGION_PLACEHOLDER, Partition, console_home, is_region, region_for
from awscons.errors import DestinationRefused, quote_for_log

MAX_DESTINATION_LENGTH = 2048
"""Characters of a page to land on. It travels in `Destination`, and encoded twice in `Issuer`."""

# Printable ASCII; browsers read a backslash as a slash. Whatever else a URL holds comes encoded.
_DESTINATION = re.compile(r"https://(?P<host>[a-z0-9.-]+)(?:[/?#][\x21-\x5b\x5d-\x7e]*)?", re.ASCII)

_SUBDOMAINS = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConsoleDestination:
    """Where in the console somebody wants to land, and how. None: nothing was said of it.

    region               such as `eu-west-1`
    console_destination  the URL of a console page, to the letter
    fresh                through AWS's log-out first, or not
    """

    region: str | None = None
    console_destination: str | None = None
    logout_first: bool | None = None


def parse_destination(parameters: Mapping[str, Sequence[str]]) -> ConsoleDestination:
    """The destination that a link names by its query parameters; not checked against the console yet.

    Raises DestinationRefused for a parameter that stands twice, or a `logout_first` that is neither 0 nor 1.
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
    """The regions to sign in by, nearest first; at least one.

    asked           what the link says
    standing        what the target says: its region comes first
    configured      the configuration's ordered list, for all partitions together
    broker_region   where the broker's own configuration puts it; used where nothing is configured

    A link chooses among them, and adds none: it may land in any region, but is signed in by one of ours.
    """
    ours = [region for region in configured if is_region(region, partition)]
    ordered = [default.region] if default.region is not None else []
    ordered += ours or [region_for(partition, broker_region)]
    if requested.region in ordered:
        ordered.insert(0, requested.region)
    return tuple(dict.fromkeys(ordered))


def is_console_destination(text: str, partition: Partition) -> bool:
    """Whether `text` is the URL of a page of that partition's console.

    https, and the console's host or one below it; no user name, no port. Anything that two parsers could
    read differently is none: capitals, white space, backslashes, characters beyond ASCII.
    """
    matched = _DESTINATION.fullmatch(text) if len(text) <= MAX_DESTINATION_LENGTH else None
    if matched is None or not partition.console_suffix:
        return False
    if not matched["host"].endswith(partition.console_suffix):
        return False
    return _SUBDOMAINS.fullmatch(matched["host"].removesuffix(partition.console_suffix)) is not None


def check_destination(requested: ConsoleDestination, partition: Partition) -> None:
    """Raises LandingRefused when what a link asks for does not lie in the console of that partition."""
    region, page = requested.region, requested.console_destination
    if region is not None and not is_region(region, partition):
        raise DestinationRefused(f"region {quote_for_log(region)} is none of partition {partition.name}")
    if page is not None and not is_console_destination(page, partition):
        raise DestinationRefused(
            f"destination {quote_for_log(page)} is no console page of partition {partition.name}",
            hint="a link carries the page as one encoded value: ?destination=https%3A%2F%2F…%23…",
        )


def choose_destination(
    requested: ConsoleDestination, default: ConsoleDestination, *, partition: Partition, region: str
) -> str:
    """The page to land on.

    asked      what the link says, checked
    standing   what the target says
    region     the region that the console is opened in

    A page that the link names is kept to the letter. A link that names only a region leads to the
    target's page there, where the target's page can be had in any region, else to the region's front page.
    """
    if requested.console_destination is not None:
        return requested.console_destination
    page = default.console_destination
    if page is None or (requested.region is not None and REGION_PLACEHOLDER not in page):
        return console_home(partition, region)
    return page.replace(REGION_PLACEHOLDER, region)


def build_destination_query(requested: ConsoleDestination) -> str:
    """The query of a link of ours that asks for this landing: `?destination=…&region=…`, or ""."""
    logout_first = None if requested.logout_first is None else str(int(requested.logout_first))
    wishes = {
        "destination": requested.console_destination,
        "region": requested.region,
        "logout_first": logout_first,
    }
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in wishes.items() if value is not None)
    return f"?{query}" if query else ""
