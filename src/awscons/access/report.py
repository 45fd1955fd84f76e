"""Who can open what, as rows for people who review access. Pure functions that never disagree with `decide`.

The service knows groups, and not their members. A row says which group opens a target, and what else a person needs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from awscons.access.targets import Target

_FORMULA_SIGNS = frozenset("=+-@\t\r")
EVERYONE = "EVERYONE"
"""Stands for the group of a target that requires no group."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One way to open a target.

    group   a person in this group can open it; None: no group is required
    needs   what a person needs in addition, in words: attributes
    """

    target: Target
    group: str | None
    needs: tuple[str, ...]

    @property
    def who(self) -> str:
        """The group as a report shows it."""
        return self.group if self.group is not None else EVERYONE

    @property
    def is_for_everyone(self) -> bool:
        """Whether every person who signs in can open the target."""
        return self.group is None and not self.needs


def grants(targets: Iterable[Target]) -> Iterator[Grant]:
    """Every way to open each target, in the order of the targets."""
    for target in targets:
        needs = tuple(_needs(target))
        for group in target.groups or (None,):
            yield Grant(target, group, needs)


def _needs(target: Target) -> Iterator[str]:
    if target.attributes:
        yield f"a value for {' or '.join(target.attributes)}"
    for name, globs in target.attribute_globs:
        yield f"{name} that matches {' or '.join(globs)}"


def _conditions(target: Target) -> dict[str, object]:
    """What bounds a console of the target, by the key of the configuration; keys without effect are left out."""
    terms = target.terms
    bounds = {
        "max_login_age": target.max_login_age,
        "authn_context": list(target.authn_context),
        "ends_with_login": target.ends_with_login,
        "session_policy": terms.session_policy,
        "policy_arns": list(terms.policy_arns),
    }
    return {name: value for name, value in bounds.items() if value}


def in_addition(grant: Grant) -> str:
    """What a person needs in addition to the group, and what bounds the console, as one cell of a report."""
    bounds = [
        name if name == "session_policy" or value is True else f"{name} {_plain(value)}"
        for name, value in _conditions(grant.target).items()
    ]
    return "; ".join([*grant.needs, *bounds])


def _plain(value: object) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """The rows as CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO()
    csv.writer(text).writerows(
        [f"'{cell}" if cell[:1] in _FORMULA_SIGNS else cell for cell in row] for row in rows
    )
    return text.getvalue()


def facts_of(target: Target) -> dict[str, object]:
    """The target as `awscons access --format json` prints it; `comparison` reads the same."""
    return {
        "target": target.name,
        "title": target.title,
        "account_id": target.role.account_id,
        "role": target.role.role_name,
        "role_arn": str(target.role),
        "groups": list(target.groups),
        "needs": list(_needs(target)),
        "everyone": target.open_to_everyone,
        "duration": target.duration,
        "conditions": _conditions(target),
        # In a terminal, other bounds may hold than in the console.
        "cli": asdict(target.command_line) if target.command_line else None,
    }
