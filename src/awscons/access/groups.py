r"""Group names as identity providers send them, normalized to plain names. Pure rules.

Names are compared as received unless the configuration names formats to normalize. That is not automatic,
because it can make two groups equal (`A\admins` and `B\admins`). A format that drops a part of the name also
says which part: one domain, or one place of the directory. A value that does not have the whole format stays
as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from awscons.access.distinguished_names import COMMON_NAME, DistinguishedName, parse_dn

GROUPS_OMITTED_HINT = (
    "the identity provider sent a link in place of the groups, as Entra ID does for people in more than 150 "
    "of them: under `Group claims` there, choose `Groups assigned to the application`"
)


@dataclass(frozen=True, slots=True)
class PathFormat:
    """`/admins`, as Keycloak writes it; `/parent/admins` becomes `parent/admins`."""

    def plain_name(self, name: str) -> str | None:
        """The plain name in `name`; None when `name` does not have this format."""
        return name[1:] or None if name.startswith("/") else None

    def __str__(self) -> str:
        return "/NAME"


@dataclass(frozen=True, slots=True)
class DomainFormat:
    r"""`CORP\admins` or `corp.example.com\admins`, as ADFS and Active Directory write it; `domain`: the first part."""

    domain: str

    def plain_name(self, name: str) -> str | None:
        """The plain name in `name`; None when `name` is not in this domain."""
        domain, _, plain = name.rpartition("\\")
        return plain or None if domain.lower() == self.domain.lower() else None

    def __str__(self) -> str:
        return f"{self.domain}\\NAME"


@dataclass(frozen=True, slots=True)
class DnFormat:
    """`CN=admins,OU=Groups,DC=example,DC=com`: the CN of an entry directly or anywhere below `base`."""

    base: DistinguishedName

    def plain_name(self, name: str) -> str | None:
        """The plain name in `name`; None when `name` is no DN below the base that begins with exactly one CN."""
        dn = parse_dn(name)
        if dn is None or not dn.is_below(self.base):
            return None
        return dn.first_value(COMMON_NAME) or None

    def __str__(self) -> str:
        return f"CN=NAME,{self.base}"


GroupFormat = PathFormat | DomainFormat | DnFormat


def normalize_group(name: str, formats: Sequence[GroupFormat]) -> str:
    """The plain name in `name`, if it has one of these formats; otherwise `name` itself.

    At most one format is applied: the value inside a DN is a plain name, also if it looks like a path.
    """
    plain_names = (form.plain_name(name) for form in formats)
    return next((plain for plain in plain_names if plain is not None), name)
