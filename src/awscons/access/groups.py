r"""Group names as identity providers send them, normalized to plain names. Pure rules.

Names are compared as received unless the configuration names formats to normalize. That is not automatic,
because it can make two groups equal (`A\admins` and `B\admins`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

GROUPS_OMITTED_HINT = (
    "the identity provider sent a link in place of the groups, as Entra ID does for people in more than 150 "
    "of them: under `Group claims` there, choose `Groups assigned to the application`"
)


class GroupFormat(StrEnum):
    """A format of group names that is normalized to the plain name."""

    PATH = "path"
    """`/admins`, as Keycloak writes it; `/parent/admins` becomes `parent/admins`."""
    DOMAIN = "domain"
    r"""`CORP\admins` or `corp.example.com\admins`, as ADFS and Active Directory write it."""
    DN = "dn"
    """`CN=admins,OU=groups,DC=example,DC=com`: the value of the first part."""


# RFC 4514: attribute type, "=", value with escapes, up to the end of the first part.
_FIRST_PART = re.compile(
    r"\s*(?:[A-Za-z][A-Za-z0-9-]*|[0-9.]+)\s*=\s*((?:\\.|[^\\,+])+?)\s*(?:[,+].*)?", re.DOTALL
)
_ESCAPE = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\(.)", re.DOTALL)


def normalize_group(name: str, formats: Sequence[GroupFormat]) -> str:
    """The plain name in `name`, if it has one of these formats; otherwise `name` itself.

    At most one format is applied: the value inside a DN is a plain name, also if it looks like a path.
    """
    if GroupFormat.DN in formats and (matched := _FIRST_PART.fullmatch(name)):
        return _ESCAPE.sub(_unescaped, matched[1])
    if GroupFormat.DOMAIN in formats:
        domain, _, rest = name.partition("\\")
        if domain and rest:
            return rest
    if GroupFormat.PATH in formats and name.startswith("/") and len(name) > 1:
        return name.removeprefix("/")
    return name


def _unescaped(matched: re.Match[str]) -> str:
    if matched[1] is not None:
        return matched[1]
    return bytes.fromhex(matched[0].replace("\\", "")).decode("utf-8", "replace")
