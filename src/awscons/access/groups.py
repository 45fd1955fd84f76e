r"""Group names as identity providers write them, and the plain names that a configuration may ask for.

Pure and explicit: a name is compared as it came unless the configuration names the form to reduce.
Reducing can make two groups one (`A\admins` and `B\admins`), so it is a choice, never a guess.
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
    """A form that is reduced to the plain name."""

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


def normalize_group(name: str, forms: Sequence[GroupFormat]) -> str:
    """The plain name in `name`, if it has one of these forms; otherwise `name` itself.

    One form is reduced, never two: what is inside a DN is a name, whatever it looks like.
    """
    if GroupFormat.DN in forms and (matched := _FIRST_PART.fullmatch(name)):
        return _ESCAPE.sub(_unescaped, matched[1])
    if GroupFormat.DOMAIN in forms:
        domain, _, rest = name.partition("\\")
        if domain and rest:
            return rest
    if GroupFormat.PATH in forms and name.startswith("/") and len(name) > 1:
        return name.removeprefix("/")
    return name


def _unescaped(matched: re.Match[str]) -> str:
    if matched[1] is not None:
        return matched[1]
    return bytes.fromhex(matched[0].replace("\\", "")).decode("utf-8", "replace")
