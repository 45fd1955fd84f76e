"""Finds the targets that a person may open without deciding about every target. Pure, and built once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from awscons.access.attributes import name_key
from awscons.access.decision import Granted, decide
from awscons.access.identity import Identity
from awscons.access.targets import Target


class TargetIndex:
    """An index from groups and attributes to targets.

    `decide` has the last word: the index only leaves out targets of which no group, or no attribute, is the
    person's. So a person with 40 targets costs the same among 30 and among 10,000.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        self._open: list[int] = []
        self._by_group: dict[str, list[int]] = {}
        self._by_attribute: dict[str, list[int]] = {}
        for position, target in enumerate(targets):
            names = target.attributes or tuple(name for name, _ in target.attribute_globs[:1])
            if target.groups:
                _add(self._by_group, target.groups, position)
            elif names:
                _add(self._by_attribute, [name_key(name) for name in names], position)
            else:
                self._open.append(position)

    def allowed(self, identity: Identity) -> Iterator[int]:
        """Positions of the targets that `identity` may open, in the order of the targets."""
        found = set(self._open)
        for group in identity.groups:
            found.update(self._by_group.get(group, ()))
        for name in identity.attributes:
            found.update(self._by_attribute.get(name_key(name), ()))
        for position in sorted(found):
            if isinstance(decide(self._targets[position], identity), Granted):
                yield position


def _add(index: dict[str, list[int]], keys: Sequence[str], position: int) -> None:
    for key in keys:
        index.setdefault(key, []).append(position)
