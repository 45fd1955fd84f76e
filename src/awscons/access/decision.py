"""The decision who may open which target, with its reason. A pure function of target and identity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from awscons.access.attributes import values_named
from awscons.access.identity import Identity
from awscons.access.targets import Target


@dataclass(frozen=True, slots=True)
class Granted:
    """Access is granted by this group, by this attribute or by both; both None: the target is open to all."""

    by_group: str | None
    by_attribute: str | None

    @property
    def reason(self) -> str:
        """The reason, for the audit log."""
        by = []
        if self.by_group is not None:
            by.append(f"group {self.by_group!r}")
        if self.by_attribute is not None:
            by.append(f"attribute {self.by_attribute!r}")
        return " and ".join(by) or "open to everyone who signs in"


class RefusalReason(Enum):
    """Why access was refused; the value is the text for the audit log."""

    NO_GROUPS_RECEIVED = "the identity provider sent no groups"
    GROUPS_NOT_KEPT = "this service keeps no groups: saml_config['assertions'] does not list `groups`"
    GROUPS_OMITTED = "the identity provider left the groups out, since the person is in too many"
    IN_NONE_OF_THE_GROUPS = "in none of the groups"
    NONE_OF_THE_ATTRIBUTES = "none of the attributes is present and non-empty"
    ATTRIBUTE_DOES_NOT_MATCH = "an attribute has no value that matches"


@dataclass(frozen=True, slots=True)
class Refused:
    """Access is refused; one of these groups and one of these attributes would grant it."""

    reason: RefusalReason
    groups: tuple[str, ...]
    attributes: tuple[str, ...]


def decide(target: Target, identity: Identity) -> Granted | Refused:
    """Whether `identity` may open `target`, with the reason.

    Groups and attributes are two conditions. A condition applies if the target names any, and one match
    fulfils it. Group names are compared exactly. Every attribute that has globs is a condition of its own. A
    target without conditions is open to every person who signs in, as documented; `awscons check` warns of it.
    """
    by_group = next((group for group in target.groups if group in identity.groups), None)
    by_attribute = next((name for name in target.attributes if values_named(name, identity.attributes)), None)
    if target.groups and by_group is None:
        return Refused(_why_in_no_group(identity), target.groups, target.attributes)
    if target.attributes and by_attribute is None:
        return Refused(RefusalReason.NONE_OF_THE_ATTRIBUTES, target.groups, target.attributes)
    for name, globs in target.attribute_globs:
        if not _has_match(identity, name, globs):
            return Refused(RefusalReason.ATTRIBUTE_DOES_NOT_MATCH, target.groups, (name,))
        by_attribute = by_attribute or name
    return Granted(by_group, by_attribute)


def _why_in_no_group(identity: Identity) -> RefusalReason:
    if identity.groups:
        return RefusalReason.IN_NONE_OF_THE_GROUPS
    if not identity.has_group_attribute:
        return RefusalReason.GROUPS_NOT_KEPT
    return RefusalReason.GROUPS_OMITTED if identity.groups_omitted else RefusalReason.NO_GROUPS_RECEIVED


def _has_match(identity: Identity, name: str, globs: tuple[str, ...]) -> bool:
    """Whether an attribute of that name has a value that matches one of the globs as a whole, with regard to case."""
    values = values_named(name, identity.attributes)
    return any(fnmatchcase(value, glob) for value in values for glob in globs)
