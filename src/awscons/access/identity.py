"""Who somebody is, once everything about them has been verified. Values only, no rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified person, as their identity provider vouched for them.

    user_name    what the console and CloudTrail will show; from `user_attr`
    name_id      the identity provider's own identifier for the person (SAML core 2.2.3)
    attributes   the attributes that the configuration keeps, always as lists of text
    groups       the values of the `groups` attribute; empty when none came
    groups_omitted   the identity provider said that it left the groups out, since they are too many
    """

    user_name: str
    name_id: str
    attributes: Mapping[str, tuple[str, ...]]
    groups: frozenset[str]
    groups_omitted: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """The fact that an Identity signed in here, and until when that counts.

    signed_in_at   UTC
    ends_at        UTC; the earlier of `auth_duration` and the identity provider's SessionNotOnOrAfter
    session_index  the identity provider's name for its own session (SAML core 2.7.2), for logout
    authenticated_at   UTC; when the person authenticated at the identity provider; None: not known
    authn_context  URIs of AuthnContextClassRef: in which way
    name_id_qualifiers   Format and qualifiers of the NameID, for logout
    public_id      names the login to operators and auditors; it is no cookie and opens nothing
    received       every attribute of the assertion, for setting up an identity provider; kept only in debug
                   mode, else empty
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
