"""Expands the patterns of the configuration into targets, as dicts that are validated like targets by hand.

The order is fixed: patterns as written, accounts as in their file, roles as written. The rest of the project
sees targets only. A mistake in what a pattern gives names the pattern, and the account and role it was found
with first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from awscons.config.mistakes import did_you_mean
from awscons.config.schema import AccountSection, PatternSection, SelectionSection
from awscons.errors import Mistake

MAX_TARGETS = 50_000
"""Targets that all patterns together may give."""

# `${…}` is a variable of an IAM policy, and no placeholder.
_PLACEHOLDER = re.compile(r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_]*(?::[^{}\"]{1,128})?)\}")
_NAMES = ("account_id", "account_name", "account_slug", "environment", "role", "role_arn")
_NOT_OURS = {"destination": ("region",)}
"""Placeholders that a key has for itself; see `aws_config.targets`."""
_TARGET_PATH = re.compile(r"\baws_config\.targets\[(\d+)\]|\btargets\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a target comes from. `role_keys`: keys that stand under the role, not in the pattern itself."""

    pattern: int
    account: AccountSection
    role: str | None
    role_keys: frozenset[str]

    def __str__(self) -> str:
        account = f"account {self.account.id}" + (f" ({self.account.name})" if self.account.name else "")
        return f"patterns[{self.pattern}], {account}" + (f", role {self.role}" if self.role else "")


@dataclass(frozen=True, slots=True)
class Expansion:
    """The targets of all patterns, with their origins in the same order.

    unused   indexes of patterns that give no target
    """

    targets: tuple[dict[str, object], ...] = ()
    origins: tuple[Origin, ...] = ()
    unused: tuple[int, ...] = ()


def expand(
    patterns: Sequence[PatternSection], accounts: Sequence[AccountSection], mistakes: list[Mistake]
) -> Expansion:
    """The targets that the patterns give; mistakes in placeholders are added to `mistakes`."""
    active = [account for account in accounts if account.status == "ACTIVE"]
    targets: list[dict[str, object]] = []
    origins: list[Origin] = []
    unused = []
    for index, pattern in enumerate(patterns):
        chosen = [account for account in active if is_selected(account, pattern)]
        if not chosen:
            unused.append(index)
        if len(targets) + len(chosen) * max(len(pattern.roles), 1) > MAX_TARGETS:
            mistakes.append(
                Mistake(
                    f"aws_config.patterns[{index}]",
                    f"{len(chosen):,} accounts with {max(len(pattern.roles), 1):,} roles each",
                    f"at most {MAX_TARGETS:,} targets of all patterns together",
                    "select accounts with `only` or `except`",
                )
            )
            break
        for target, origin in _targets_of(index, pattern, chosen, mistakes):
            targets.append(target)
            origins.append(origin)
    return Expansion(tuple(targets), tuple(origins), tuple(unused))


def _targets_of(
    index: int, pattern: PatternSection, accounts: Sequence[AccountSection], mistakes: list[Mistake]
) -> Iterator[tuple[dict[str, object], Origin]]:
    common = pattern.model_extra or {}
    roles: list[tuple[str | None, dict[str, object]]] = [
        (name, role.model_extra or {}) for name, role in pattern.roles.items()
    ] or [(None, {})]
    for account in accounts:
        for role, own_keys in roles:
            origin = Origin(index, account, role, frozenset(own_keys))
            values = _values(account, role)
            written = {**common, **own_keys}
            arn = _filled("role", written.get("role"), values, origin, mistakes)
            if isinstance(arn, str):
                values["role_arn"] = arn
            yield (
                {
                    key: arn if key == "role" else _filled(key, value, values, origin, mistakes)
                    for key, value in written.items()
                },
                origin,
            )


def is_selected(account: AccountSection, pattern: PatternSection) -> bool:
    """Whether `pattern` gives targets to `account`: it matches all of `only`, and nothing of `except`."""
    wanted = all(_matches(account, pattern.only)) if pattern.only else True
    return wanted and not (pattern.except_ and any(_matches(account, pattern.except_)))


def _matches(account: AccountSection, selection: SelectionSection) -> Iterator[bool]:
    """For each key that the selection gives: whether the account matches it."""
    conditions = [
        (account.id, selection.id),
        (slug_of(account), selection.slug),
        (account.ou or "", selection.ou),
        (account.environment or "", selection.environment),
        *((account.tags.get(name, ""), globs) for name, globs in selection.tags.items()),
    ]
    for value, globs in conditions:
        if globs:
            yield any(fnmatchcase(value, glob) for glob in globs)


def slug_of(account: AccountSection) -> str:
    """The account in names of targets: its slug, else made from its name, else its number."""
    if account.slug:
        return account.slug
    plain = unicodedata.normalize("NFKD", account.name or "").encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or account.id


# --- placeholders ------------------------------------------------------------------------


def _values(account: AccountSection, role: str | None) -> dict[str, str | None]:
    return {
        "account_id": account.id,
        "account_name": account.name,
        "account_slug": slug_of(account),
        "environment": account.environment,
        "role": role,
        **{f"tag:{name}": value for name, value in account.tags.items()},
    }


def _filled(
    key: str, value: object, values: Mapping[str, str | None], origin: Origin, mistakes: list[Mistake]
) -> object:
    """`value` with every placeholder in its texts replaced, at any depth."""
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda found: _replacement(key, found, values, origin, mistakes), value)
        case list() | tuple():
            return [_filled(key, entry, values, origin, mistakes) for entry in value]
        case dict():
            return {name: _filled(key, entry, values, origin, mistakes) for name, entry in value.items()}
        case _:
            return value


def _replacement(
    key: str,
    found: re.Match[str],
    values: Mapping[str, str | None],
    origin: Origin,
    mistakes: list[Mistake],
) -> str:
    name = found[1]
    value = values.get(name)
    if value is not None:
        return value
    if name in _NOT_OURS.get(key, ()):
        return found[0]
    path = _path_of(origin, key)
    if name in _NAMES or name.startswith("tag:"):
        what = "`roles` in the pattern" if name.startswith("role") else "an account that has a value for it"
        mistakes.append(Mistake(path, f"{found[0]}, for {_account_words(origin)}", what))
    else:
        known = ", ".join(f"{{{name}}}" for name in _NAMES)
        mistakes.append(Mistake(path, found[0], f"one of {known}, {{tag:NAME}}", did_you_mean(name, _NAMES)))
    return found[0]


# --- mistakes ----------------------------------------------------------------------------


def name_origins(mistakes: Sequence[Mistake], expansion: Expansion, *, by_hand: int) -> list[Mistake]:
    """The mistakes with the place in a pattern instead of the index of a target, equal ones once.

    by_hand   how many targets stand in the configuration before those of the patterns
    """
    merged: dict[tuple[str, str, str], tuple[Mistake, int]] = {}
    for mistake in mistakes:
        known = _named(mistake, expansion, by_hand)
        key = (known.path, known.wanted, "" if known is not mistake else known.found + known.hint)
        first, count = merged.get(key, (known, 0))
        merged[key] = (first, count + 1)
    return [
        replace(first, repeated=f"{count:,} targets") if count > 1 else first
        for first, count in merged.values()
    ]


def _named(mistake: Mistake, expansion: Expansion, by_hand: int) -> Mistake:
    """`mistake`, if it is about a target of a pattern, in words of the pattern."""

    def origin_of(found: re.Match[str]) -> Origin | None:
        index = int(found[1] or found[2]) - by_hand
        return expansion.origins[index] if 0 <= index < len(expansion.origins) else None

    def in_hint(found: re.Match[str]) -> str:
        origin = origin_of(found)
        return str(origin) if origin else found[0]

    hint = _TARGET_PATH.sub(in_hint, mistake.hint)
    start = _TARGET_PATH.match(mistake.path)
    origin = origin_of(start) if start else None
    if start is None or origin is None:
        return mistake if hint == mistake.hint else replace(mistake, hint=hint)
    rest = mistake.path[start.end() :]
    found = f"{mistake.found or 'nothing'}, for {_account_words(origin)}"
    return Mistake(_path_of(origin, rest.removeprefix(".")), found, mistake.wanted, hint)


def _path_of(origin: Origin, rest: str) -> str:
    """The key in the pattern, or under the role that has a value of its own for it."""
    key = re.split(r"[.\[]", rest, maxsplit=1)[0]
    role = f".roles[{origin.role!r}]" if key in origin.role_keys else ""
    return f"aws_config.patterns[{origin.pattern}]{role}" + (f".{rest}" if rest else "")


def _account_words(origin: Origin) -> str:
    return str(origin).partition(", ")[2]
