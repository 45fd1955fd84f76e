"""What the configuration decides about signing in. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cryptography.x509 import Certificate

from awscons.access.groups import GroupFormat
from awscons.saml.names import HTTP_REDIRECT


@dataclass(frozen=True, slots=True)
class MetadataSettings:
    """Where the identity provider's metadata is, and settings that override it.

    location           a file, or an https URL
    entity_id          the identity provider's, in a document that describes several; None: the only one
    signed_by          pinned certificates, one of which must have signed the document; empty: none needed
    sso_url, slo_url   override those in the document
    binding            URI of the binding by which AuthnRequests are sent
    gcm_only           refuse assertions that are encrypted with AES-CBC
    authorities        PEM file of the only authorities to trust for the host of an https URL; None: the system's
    """

    location: str
    entity_id: str | None
    signed_by: tuple[Certificate, ...]
    sso_url: str | None
    slo_url: str | None
    binding: str
    gcm_only: bool
    authorities: str | None = None


class LoginHint(StrEnum):
    """How the name in a link is sent on to the identity provider."""

    OFF = "off"
    QUERY = "query"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """How a sign-in works, and how long a login lasts.

    attribute_map   short name to the attribute's Name
    group_formats   formats of group names that are normalized to the plain name
    target_groups   every group that a target names, or that `auditors` names
    terminals       people can sign in terminals
    terminal_duration   from a sign-in to the end of its terminals; None: they end with `auth_duration`
    """

    user_attr: str
    attribute_map: Mapping[str, str]
    auth_duration: timedelta
    idle_timeout: timedelta
    pending_lifetime: timedelta
    force_authn: bool
    group_formats: tuple[GroupFormat, ...] = ()
    target_groups: frozenset[str] = frozenset()
    authn_request_binding: str = HTTP_REDIRECT
    authn_context: tuple[str, ...] = ()
    name_id_format: str | None = None
    login_hint: LoginHint = LoginHint.OFF
    sign_requests: bool = False
    single_logout: bool = False
    terminals: bool = False
    terminal_duration: timedelta | None = None
    max_pending_logins: int = 50_000


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """Requests in a minute; 0 means no limit.

    per_address   sign-in requests of one client address
    overall       sign-in requests of all clients
    per_person    consoles of one person
    """

    per_address: int
    overall: int
    per_person: int
