"""The portal model: entries for targets, grouped by account and filtered by a search. Pure functions.

`build_entries` runs once, when the service starts. A request only selects from its entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from awscons.access.decision import Granted, decide
from awscons.access.identity import Identity
from awscons.access.targets import Target
from awscons.aws.destinations import ConsoleDestination, build_destination_query
from awscons.aws.durations import duration_text
from awscons.site import Account, Branding, Site

UNNAMED_ACCOUNT = Account()


@dataclass(frozen=True, slots=True)
class Entry:
    """One target as the portal shows it.

    url             its public address
    account         the account's name, or "" where it has none
    label, color    the environment: the target's own, else the account's; may be ""
    stands_out      its label differs from its account's
    lasts           `8 h`, `1 h 30 min`
    promised        the configured duration, if the last console got less; else ""
    regional        further regions, each with the URL that opens the target there
    words           the text that a search looks in, case-folded
    """

    target: Target
    url: str
    account: str
    label: str
    color: str
    stands_out: bool
    lasts: str
    promised: str
    regional: tuple[tuple[str, str], ...]
    words: str

    @property
    def name(self) -> str:
        """The target's name, as in its address."""
        return self.target.name


@dataclass(frozen=True, slots=True)
class AccountGroup:
    """The entries of one account."""

    account_id: str
    name: str
    label: str
    color: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class PortalModel:
    """What one person sees: favourites, recently opened targets, and the other targets by account.

    count   number of entries that match the search, of `total` that the person may open
    """

    favourites: tuple[Entry, ...]
    recent: tuple[Entry, ...]
    groups: tuple[AccountGroup, ...]
    count: int
    total: int


def build_entries(targets: Iterable[Target], *, site: Site, branding: Branding) -> tuple[Entry, ...]:
    """Build an entry for each target, sorted by account; within an account in the configuration's order."""
    entries = [_entry(target, site, branding) for target in targets]
    return tuple(sorted(entries, key=lambda entry: (_sorting_name(entry), entry.target.role.account_id)))


def build_portal_model(
    entries: Iterable[Entry],
    *,
    identity: Identity,
    favourites: Sequence[str],
    recent: Sequence[str],
    search: str,
    branding: Branding,
) -> PortalModel:
    """Select the entries that `identity` may open and that contain every word of `search`."""
    allowed = allowed_entries(entries, identity)
    words = search.casefold().split()
    found = [entry for entry in allowed if all(word in entry.words for word in words)]
    by_name = {entry.name: entry for entry in found}
    chosen = [by_name[name] for name in favourites if name in by_name]
    names = {entry.name for entry in chosen}
    return PortalModel(
        favourites=tuple(chosen),
        # Search results show each target once.
        recent=() if words else tuple(by_name[name] for name in recent if name in by_name),
        groups=_grouped([entry for entry in found if entry.name not in names], branding.accounts),
        count=len(found),
        total=len(allowed),
    )


def allowed_entries(entries: Iterable[Entry], identity: Identity) -> list[Entry]:
    """Return the entries that `identity` may open."""
    return [entry for entry in entries if isinstance(decide(entry.target, identity), Granted)]


def with_granted_durations(entries: Iterable[Entry], given: Callable[[Target], int | None]) -> list[Entry]:
    """Replace the duration of entries whose last console got less than the configured duration.

    given   returns the seconds that the last console of a target got; None if there was none
    """
    return [
        entry
        if (seconds := given(entry.target)) is None or seconds >= entry.target.duration
        else replace(entry, lasts=duration_text(seconds), promised=duration_text(entry.target.duration))
        for entry in entries
    ]


def same_account(entries: Iterable[Entry], target: Target) -> list[Entry]:
    """Return the entries in the account of `target`."""
    place = (target.role.partition, target.role.account_id)
    return [
        entry for entry in entries if (entry.target.role.partition, entry.target.role.account_id) == place
    ]


def _entry(target: Target, site: Site, branding: Branding) -> Entry:
    account = branding.accounts.get(target.role.account_id, UNNAMED_ACCOUNT)
    url = site.url(site.target_path(target.name))
    label = target.display.label or account.environment
    searched = (
        target.name,
        target.title,
        target.display.description,
        target.role.role_name,
        target.role.account_id,
        account.name,
        label,
        *target.display.regions,
    )
    return Entry(
        target=target,
        url=url,
        account=account.name,
        label=label,
        color=target.display.color or account.color,
        stands_out=label != account.environment,
        lasts=duration_text(target.duration),
        promised="",
        regional=tuple(
            (region, f"{url}{build_destination_query(ConsoleDestination(region=region))}")
            for region in target.display.regions
        ),
        words="\n".join(searched).casefold(),
    )


def _sorting_name(entry: Entry) -> str:
    # Accounts without a name come last, sorted by number.
    return entry.account.casefold() if entry.account else "\U0010ffff"


def _grouped(entries: Iterable[Entry], accounts: Mapping[str, Account]) -> tuple[AccountGroup, ...]:
    by_account: dict[str, list[Entry]] = {}
    for entry in entries:
        by_account.setdefault(entry.target.role.account_id, []).append(entry)
    groups = []
    for account_id, members in by_account.items():
        account = accounts.get(account_id, UNNAMED_ACCOUNT)
        groups.append(
            AccountGroup(account_id, account.name, account.environment, account.color, tuple(members))
        )
    return tuple(groups)
