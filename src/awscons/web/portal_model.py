"""The portal model: entries for targets, grouped by account and filtered by a search. Pure functions.

`build_entries` runs once, when the service starts. A request only selects from its entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from awscons.access.identity import Identity
from awscons.access.target_index import TargetIndex
from awscons.access.targets import Target
from awscons.aws.destinations import ConsoleDestination, build_destination_query
from awscons.aws.durations import duration_text
from awscons.site import Account, Branding, Site

UNNAMED_ACCOUNT = Account()
MANY = 200
"""With more targets than these, the portal collapses accounts and offers filters."""


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

    @property
    def initial(self) -> str:
        """The letter under which the jump list has the account; `#` for those without a name."""
        return self.name[:1].upper() or "#"


@dataclass(frozen=True, slots=True)
class PortalModel:
    """What one person sees: favourites, recently opened targets, and the other targets by account.

    count          number of entries that match the search and the environment, of `total` that the person may open
    environments   labels of all entries that the person may open, each with its number of entries, most first
    """

    favourites: tuple[Entry, ...]
    recent: tuple[Entry, ...]
    groups: tuple[AccountGroup, ...]
    count: int
    total: int
    environments: tuple[tuple[str, int], ...]

    @property
    def is_large(self) -> bool:
        """Whether the person may open so many targets that filters help."""
        return self.total > MANY

    @property
    def is_collapsed(self) -> bool:
        """Whether the page shows so many targets that accounts are collapsed."""
        return self.count > MANY

    @property
    def jumps(self) -> tuple[tuple[str, str], ...]:
        """For each initial the id of the first account that has it."""
        first: dict[str, str] = {}
        for group in self.groups:
            first.setdefault(group.initial, group.account_id)
        return tuple(first.items())


class Entries:
    """All entries, sorted by account; within an account in the configuration's order."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._all = sorted(entries, key=lambda entry: (_sorting_name(entry), entry.target.role.account_id))
        self._by_name = {entry.name: entry for entry in self._all}
        self._index = TargetIndex([entry.target for entry in self._all])

    def named(self, name: str) -> Entry:
        """Return the entry of the target of that name. Raises KeyError."""
        return self._by_name[name]

    def allowed(self, identity: Identity) -> list[Entry]:
        """Return the entries that `identity` may open."""
        return [self._all[position] for position in self._index.allowed(identity)]

    def allowed_in_account(self, target: Target, identity: Identity) -> list[Entry]:
        """Return the entries in the account of `target` that `identity` may open."""
        place = (target.role.partition, target.role.account_id)
        return [
            entry
            for entry in self.allowed(identity)
            if (entry.target.role.partition, entry.target.role.account_id) == place
        ]


def build_entries(targets: Iterable[Target], *, site: Site, branding: Branding) -> Entries:
    """Build an entry for each target."""
    return Entries(_entry(target, site, branding) for target in targets)


def build_portal_model(
    allowed: Sequence[Entry],
    *,
    favourites: Sequence[str],
    recent: Sequence[str],
    search: str,
    environment: str,
    branding: Branding,
) -> PortalModel:
    """Select from the entries that the person may open.

    search        every word of it must be in an entry
    environment   the label that an entry must have; "": any
    """
    words = search.casefold().split()
    found = [
        entry
        for entry in allowed
        if all(word in entry.words for word in words) and environment in {"", entry.label}
    ]
    by_name = {entry.name: entry for entry in found}
    chosen = [by_name[name] for name in favourites if name in by_name]
    names = {entry.name for entry in chosen}
    return PortalModel(
        favourites=tuple(chosen),
        # Search results show each target once.
        recent=() if words or environment else tuple(by_name[name] for name in recent if name in by_name),
        groups=_grouped([entry for entry in found if entry.name not in names], branding.accounts),
        count=len(found),
        total=len(allowed),
        environments=tuple(Counter(entry.label for entry in allowed if entry.label).most_common()),
    )


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
