"""What changes for whom between two configurations. A pure function over the JSON that `awscons access` prints.

A change widens access if somebody can open a target they could not open before, for longer, or under fewer
conditions. A changed condition of which nobody can say which way it goes counts as widening, so that it is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from awscons.access.report import EVERYONE

Facts = Mapping[str, Any]
"""One target as `awscons access --format json` prints it."""


class Kind(Enum):
    """What a change does; in the order in which a report lists them."""

    OPENED_TO_EVERYONE = "opened to EVERYONE"
    OPENED = "opened"
    WEAKENED = "fewer conditions"
    LONGER = "longer"
    CLOSED = "closed"
    TIGHTENED = "more conditions"
    SHORTER = "shorter"

    @property
    def widens(self) -> bool:
        """Whether somebody can do more than before."""
        return self in {Kind.OPENED_TO_EVERYONE, Kind.OPENED, Kind.WEAKENED, Kind.LONGER}


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `who`: the group, or EVERYONE; `what`: the change in words."""

    kind: Kind
    target: str
    account_id: str
    role: str
    who: str
    what: str


def compare(old: Sequence[Facts], new: Sequence[Facts]) -> list[Change]:
    """Every change from `old` to `new`, those that widen access first."""
    before = {facts["target"]: facts for facts in old}
    after = {facts["target"]: facts for facts in new}
    changes = [
        change
        for name in dict.fromkeys([*after, *before])
        for change in _of_target(before.get(name), after.get(name))
    ]
    order = list(Kind)
    return sorted(changes, key=lambda change: order.index(change.kind))


def _of_target(before: Facts | None, after: Facts | None) -> Iterator[Change]:
    if before is None or after is None or before["role_arn"] != after["role_arn"]:
        # Another role behind the same name is another door.
        role = " of another role" if before and after else ""
        yield from _openings(before, groups=None, kind=Kind.CLOSED, words=f"can no longer open it{role}")
        yield from _openings(after, groups=None, kind=Kind.OPENED, words=f"can open it{role}")
        return
    old_groups, new_groups = _groups(before), _groups(after)
    if EVERYONE in old_groups:
        gained: set[str] = set()
        lost = set() if EVERYONE in new_groups else {EVERYONE}
    else:
        gained, lost = new_groups - old_groups, old_groups - new_groups
        if EVERYONE in new_groups:
            lost = set()
    yield from _openings(after, groups=gained, kind=Kind.OPENED, words="can open it")
    yield from _openings(before, groups=lost, kind=Kind.CLOSED, words="can no longer open it")
    if old_groups & new_groups or EVERYONE in old_groups:
        yield from _bounds(before, after)


def _groups(facts: Facts) -> set[str]:
    return set(facts["groups"]) or {EVERYONE}


def _openings(facts: Facts | None, *, groups: set[str] | None, kind: Kind, words: str) -> Iterator[Change]:
    """A change for each group that a target opens or closes to; `groups` None: all of the target's."""
    if facts is None:
        return
    needs = f" with {' and '.join(facts['needs'])}" if facts["needs"] else ""
    for who in [*facts["groups"]] or [EVERYONE]:
        if groups is None or who in groups:
            opened_to_all = kind is Kind.OPENED and who == EVERYONE and not needs
            yield _change(Kind.OPENED_TO_EVERYONE if opened_to_all else kind, facts, who, f"{words}{needs}")


def _change(kind: Kind, facts: Facts, who: str, what: str) -> Change:
    return Change(kind, facts["target"], facts["account_id"], facts["role"], who, what)


# --- for those who could open it before ---------------------------------------------------


def _bounds(before: Facts, after: Facts) -> Iterator[Change]:
    """Changes of duration and conditions, for all who keep access."""
    who = " or ".join(sorted(_groups(after)))
    old, new = before["duration"], after["duration"]
    if old != new:
        kind = Kind.LONGER if new > old else Kind.SHORTER
        yield _change(kind, after, who, f"duration {old} s → {new} s")
    yield from _in_terminals(before, after, who)
    if set(before["needs"]) != set(after["needs"]):
        tighter = set(before["needs"]) < set(after["needs"])
        what = f"attributes: {_list(before['needs'])} → {_list(after['needs'])}"
        yield _change(Kind.TIGHTENED if tighter else Kind.WEAKENED, after, who, what)
    for name, is_tighter in _CONDITIONS.items():
        was, becomes = before["conditions"].get(name), after["conditions"].get(name)
        if was == becomes:
            continue
        tighter = was is None or (becomes is not None and is_tighter(was, becomes))
        what = f"{name}: {_text(was)} → {_text(becomes)}"
        yield _change(Kind.TIGHTENED if tighter else Kind.WEAKENED, after, who, what)


def _in_terminals(before: Facts, after: Facts, who: str) -> Iterator[Change]:
    """Changes of credentials in terminals."""
    # A configuration that was printed before there were terminals has no such key.
    old, new = before.get("cli"), after.get("cli")
    if _plain(old) == _plain(new):
        return
    if not old or not new:
        kind, what = (
            (Kind.WEAKENED, "cli: none → credentials in terminals") if new else (Kind.TIGHTENED, "cli: none")
        )
    elif _plain({**old, "max_duration": 0}) == _plain({**new, "max_duration": 0}):
        kind = Kind.LONGER if new["max_duration"] > old["max_duration"] else Kind.SHORTER
        what = f"cli: {old['max_duration']} s → {new['max_duration']} s"
    else:
        kind, what = Kind.WEAKENED, "cli: other policies or tags"
    yield _change(kind, after, who, what)


def _plain(value: object) -> str:
    """For a comparison: JSON has no tuples, and the present configuration has."""
    return json.dumps(value, sort_keys=True)


_CONDITIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "max_login_age": lambda was, becomes: bool(becomes < was),
    "authn_context": lambda was, becomes: set(becomes) < set(was),
    "ends_with_login": lambda _was, _becomes: False,
    # Which of two policies allows more is not for a program to say.
    "session_policy": lambda _was, _becomes: False,
    # A session may do only what its role and at least one of these policies allow.
    "policy_arns": lambda was, becomes: set(becomes) < set(was),
}
"""Each condition with the rule whether its new value is tighter. A condition that is gone is always a weaker one."""


def _list(texts: Sequence[str]) -> str:
    return " and ".join(texts) or "none"


def _text(value: object) -> str:
    if value is None:
        return "none"
    text = " or ".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


_MAX_TEXT = 120
"""Characters of a value in a report."""
