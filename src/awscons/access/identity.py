"""The verified identity of a person, and their login. Values only, no rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a verified assertion describes them.

    user_name    the name that the console and CloudTrail show; from `user_attr`
    name_id      the identity provider's own identifier for the person (SAML core 2.2.3)
    attributes   those of the configuration's attribute map, by short name
    groups       normalized values of the `groups` attribute; empty when there are none. Of somebody in more
                 groups than a login stores: all that a target names, and some others
    groups_omitted   the identity provider sent a link instead of the groups, because they are too many
    groups_not_stored   number of further groups that it sent, which no target names
    """

    user_name: str
    name_id: str
    attributes: Mapping[str, tuple[str, ...]]
    groups: frozenset[str]
    groups_omitted: bool = False
    groups_not_stored: int = 0

    @property
    def has_group_attribute(self) -> bool:
        """Whether the configuration's attribute map has `groups`; without it no group is read from an assertion."""
        return any(name.casefold() == "groups" for name in self.attributes)


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a terminal's login has more than a browser's.

    machine      what the computer called itself; the person has seen it
    allowed_by   public id of the login in a browser that allowed it
    since        UTC
    """

    machine: str
    allowed_by: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Login:
    """A sign-in of an Identity, which lasts until `ends_at`.

    signed_in_at   UTC
    ends_at        UTC; the earlier of `auth_duration` and the identity provider's SessionNotOnOrAfter
    session_index  the identity provider's name for its own session (SAML core 2.7.2), for logout
    authenticated_at   UTC; when the person authenticated at the identity provider; None: not known
    authn_context  URIs of AuthnContextClassRef: how the person authenticated
    name_id_qualifiers   Format and qualifiers of the NameID, for logout
    public_id      names the login to operators and in the audit log; it is not the cookie's value
    received       every attribute of the assertion, for setting up an identity provider; saved only in
                   debug mode, else empty
    idp_session_ends_at   UTC; SessionNotOnOrAfter; None: the identity provider names no end
    terminal       the login is a terminal's, which has no cookie; None: a browser's
    """

    identity: Identity
    signed_in_at: datetime
    ends_at: datetime
    session_index: str | None = None
    authenticated_at: datetime | None = None
    authn_context: tuple[str, ...] = ()
    name_id_qualifiers: Mapping[str, str] = field(default_factory=dict)
    public_id: str = ""
    received: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    idp_session_ends_at: datetime | None = None
    terminal: Terminal | None = None

    @property
    def begun_at(self) -> datetime:
        """When this login began, in UTC: a terminal's is later than the sign-in that allowed it."""
        return self.terminal.since if self.terminal else self.signed_in_at
