"""The person of a verified assertion, with the groups and attributes that a login stores.

A person may be in thousands of groups, and a login is read with every request, from stores that bound the size of a
record (DynamoDB 400 KB, memcached 1 MB). So a login stores every group that a target names, and of the others
as many as a page can show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import structlog

from awscons.access.attributes import MAX_VALUE_LENGTH, name_key, values_named
from awscons.access.groups import normalize_group
from awscons.access.identity import Identity
from awscons.errors import ResponseRefused
from awscons.saml.assertion import Assertion
from awscons.signin.settings import LoginSettings

NAME_ID = "name_id"
GROUPS_OMITTED = "http://schemas.microsoft.com/claims/groups.link"
"""Entra ID sends this attribute in place of all groups when they are more than 150."""
MAX_STORED_VALUES = 200
"""Maximum number of groups that a login stores beside those that targets name, and of values of an attribute."""
_log = structlog.get_logger(__name__)


def identity_from(assertion: Assertion, settings: LoginSettings) -> Identity:
    """The person of a verified assertion, with the attributes of the configuration's attribute map.

    Attribute names are matched without regard to case, and saved under the map's short names; values are always
    lists, as received. Group names are normalized by `group_formats`. A value of more than MAX_VALUE_LENGTH
    characters does not count, and the log says so. Raises ResponseRefused when `user_attr` has no value, or
    several.
    """
    attributes = counted_attributes(assertion.attributes, settings)
    if ignored := attributes_with_long_values(assertion.attributes, settings):
        _log.warning("sign_in.values_ignored", attributes=ignored, max_length=MAX_VALUE_LENGTH)
    groups = groups_in(attributes, settings)
    stored = groups_to_store(groups, settings.target_groups)
    return Identity(
        _user_name(assertion, settings),
        assertion.name_id,
        # Groups are stored by their plain names. As an attribute they are absent, one, or several.
        {
            short: values[: 2 if name_key(short) == "groups" else MAX_STORED_VALUES]
            for short, values in attributes.items()
        },
        stored,
        groups_omitted=any(name_key(name) == GROUPS_OMITTED for name in assertion.attributes),
        groups_not_stored=len(groups) - len(stored),
    )


def counted_attributes(
    received: Mapping[str, tuple[str, ...]], settings: LoginSettings
) -> dict[str, tuple[str, ...]]:
    """By short name, the values that count of every attribute in the attribute map."""
    return {
        short: _short_enough(values_named(name, received)) for short, name in settings.attribute_map.items()
    }


def attributes_with_long_values(
    received: Mapping[str, tuple[str, ...]], settings: LoginSettings
) -> list[str]:
    """The short names of attributes with a value that is too long to count."""
    return sorted(
        short
        for short, name in settings.attribute_map.items()
        if any(len(value) > MAX_VALUE_LENGTH for value in values_named(name, received))
    )


def groups_in(attributes: Mapping[str, tuple[str, ...]], settings: LoginSettings) -> set[str]:
    """The plain names of all groups in `attributes`, which are by short name."""
    return {
        normalize_group(value, settings.group_formats)
        for short, values in attributes.items()
        if name_key(short) == "groups"
        for value in values
    }


def groups_to_store(groups: Collection[str], target_groups: Collection[str]) -> frozenset[str]:
    """The groups that targets name, and the first of the others by name until there are MAX_STORED_VALUES."""
    if len(groups) <= MAX_STORED_VALUES:
        return frozenset(groups)
    named = [group for group in groups if group in target_groups]
    others = sorted(group for group in groups if group not in target_groups)
    return frozenset([*named, *others[: max(0, MAX_STORED_VALUES - len(named))]])


def stored_values(attributes: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The first MAX_STORED_VALUES values of each attribute, each of at most MAX_VALUE_LENGTH characters."""
    return {name: _short_enough(values)[:MAX_STORED_VALUES] for name, values in attributes.items()}


def _short_enough(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value for value in values if len(value) <= MAX_VALUE_LENGTH)


def _user_name(assertion: Assertion, settings: LoginSettings) -> str:
    """`user_attr` is `name_id`, a short name of the attribute map, or the Name of any attribute."""
    user_attr = settings.user_attr
    if user_attr == NAME_ID:
        return assertion.name_id
    values = values_named(settings.attribute_map.get(user_attr, user_attr), assertion.attributes)
    if len(values) != 1:
        raise ResponseRefused(
            "user name",
            section="house rule, user_attr",
            expected=f"one value of {user_attr}",
            received=f"{len(values)} values; attributes received: {', '.join(sorted(assertion.attributes))}",
            hint="`user_attr` names an attribute that the identity provider must send, with one value",
        )
    if len(values[0]) > MAX_VALUE_LENGTH:
        raise ResponseRefused(
            "user name too long",
            section="house rule, user_attr",
            expected=f"at most {MAX_VALUE_LENGTH:,} characters",
            received=values[0],
        )
    return values[0]
