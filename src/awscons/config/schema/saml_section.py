"""`saml_config`: the identity provider, and this service as it knows it."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from awscons.config.schema.base import (
    MAX_LOGIN_DURATION,
    UNPRINTABLE,
    HttpUrl,
    NonEmpty,
    Section,
    Texts,
    http_url,
    list_from_tuple,
    not_as_wanted,
)
from awscons.site import LOOPBACK_HOSTS

_MAX_ENTITY_ID_LENGTH = 1024
"""Characters; SAML core 8.3.6."""


def _entity_id(value: str) -> str:
    if not 0 < len(value) <= _MAX_ENTITY_ID_LENGTH or UNPRINTABLE.search(value):
        raise not_as_wanted("an entity ID: 1 to 1,024 characters, no white space")
    return value


def _acs_url(value: str) -> str:
    http_url(value)
    parts = urlsplit(value)
    if not parts.path.endswith("/saml/acs") or parts.query:
        raise not_as_wanted(
            "the URL at which people reach this service, with '/saml/acs' at its end",
            "such as 'https://sso.example.com/saml/acs', or '…/awscon/saml/acs' when mounted under '/awscon'",
        )
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>:]+@[^@\s<>:]+", value):
        raise not_as_wanted("an e-mail address, such as 'it@example.com'")
    return value


def _metadata_location(value: str) -> str:
    """A file, or an address that nobody on the way can answer for: keys that we trust come from there."""
    if "://" not in value:
        return value
    http_url(value)
    parts = urlsplit(value)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise not_as_wanted(
            "a file, or an https URL; plain http is for loopback only", "keys that we trust come from there"
        )
    return value


def _attribute_names(value: object) -> object:
    """A list of Names is a dict in which each Name is its own short name."""
    wanted = "a list of attribute names, or a dict of short name to attribute name"
    if isinstance(value, str):
        raise not_as_wanted(wanted, f"did you mean [{value!r}]?")
    if isinstance(value, list | tuple):
        value = {name if isinstance(name, str) else repr(name): name for name in value}
    if not isinstance(value, dict):
        raise not_as_wanted(wanted)
    for short, name in value.items():
        if not all(isinstance(text, str) and text.strip() for text in (short, name)):
            raise not_as_wanted(wanted, f"{short!r} and {name!r} must both be text that is not empty")
    return value


EntityId = Annotated[str, AfterValidator(_entity_id)]


class OrganizationSection(Section):
    """Who runs this service, for the administrators of the identity provider."""

    name: NonEmpty = Field(description="Its name.")
    display_name: NonEmpty | None = Field(default=None, description="As people know it. Default: `name`.")
    url: HttpUrl = Field(description="Its home page.")


class SamlSection(Section):
    """The identity provider, and who we are to it."""

    idp_metadata: Annotated[NonEmpty, AfterValidator(_metadata_location)] | None = Field(
        default=None,
        description=(
            "The identity provider's metadata: a file, or an https URL that is looked at daily. It gives "
            "its entity ID, its addresses and every signing certificate, so that a rollover needs nobody. "
            "In place of `saml_endpoint` and `certificate`."
        ),
    )
    idp_metadata_certificate: NonEmpty | None = Field(
        default=None,
        description="PEM: the certificate that has to have signed the metadata. Default: it may be unsigned.",
    )
    saml_endpoint: HttpUrl | None = Field(
        default=None,
        description="The identity provider's SSO URL. Required without `idp_metadata`.",
    )
    spid: EntityId = Field(description="Our entity ID, as the identity provider knows us.")
    issuer: EntityId | None = Field(
        default=None,
        description=(
            "The identity provider's entity ID. Required without `idp_metadata`; "
            "with it, says which one of several in the document."
        ),
    )
    acs_url: Annotated[str, AfterValidator(_acs_url)] = Field(
        description=(
            "Where the identity provider posts its answer: the public URL of this service and `/saml/acs`. "
            "All our own URLs follow from it. The environment variable `ACS_ENDPOINT` overrides it."
        )
    )
    certificate: NonEmpty | None = Field(
        default=None,
        description=(
            "The identity provider's signing certificate, PEM; several in one text for a rollover. "
            "Required without `idp_metadata`."
        ),
    )
    user_attr: NonEmpty = Field(
        default="name_id",
        description="What names the person in AWS: `name_id`, or the name of an attribute with one value.",
    )
    assertions: Annotated[dict[NonEmpty, NonEmpty], BeforeValidator(_attribute_names)] = Field(
        default={},
        description=(
            "Attributes to keep, matched by Name without regard to case: a list of Names, or a dict that "
            'gives them short names, such as `{"groups": "http://schemas.microsoft.com/ws/2008/06/identity/'
            'claims/groups"}`. `groups` must be among them for group rules.'
        ),
    )
    group_formats: Annotated[list[Literal["path", "domain", "dn"]], BeforeValidator(list_from_tuple)] = Field(
        default=[],
        description=(
            "Formats of group names that are reduced to the plain name: `path` (`/admins`, Keycloak), "
            "`domain` (`CORP\\admins`, ADFS), `dn` (`CN=admins,OU=…`, Active Directory). Nothing is "
            "reduced unless "
            "it is named here."
        ),
    )
    auth_duration: int = Field(
        default=3600,
        ge=1,
        le=MAX_LOGIN_DURATION,
        description=(
            "Seconds after which a login ends, however much it is used; "
            "earlier if the identity provider says so."
        ),
    )
    force_reauth: bool = Field(
        default=False,
        description="Ask for a full login at the identity provider each time (ForceAuthn), and verify it.",
    )
    authn_request_binding: Literal["HTTP-Redirect", "HTTP-POST"] = Field(
        default="HTTP-Redirect", description="How the AuthnRequest is sent."
    )
    authn_context: Texts = Field(
        default=[],
        description=(
            "URIs of AuthnContextClassRef, one of which is demanded of every sign-in, and verified. "
            "Entra ID refuses people with a second factor when this is set."
        ),
    )
    name_id_format: EntityId | None = Field(
        default=None,
        description="URI of the NameID format to ask for. Default: none, which every provider understands.",
    )
    login_hint: Literal["off", "query", "subject"] = Field(
        default="off",
        description=(
            "Hand on `?login_hint=ada@example.com` of a link, so that nobody types a name twice: `query`, as "
            "a parameter of the SSO URL (Entra ID), or `subject`, in the AuthnRequest (Okta, Keycloak)."
        ),
    )
    sp_keys: NonEmpty | None = Field(
        default=None,
        description=(
            "Folder of our own key pairs, made by `awscons keys new`. With it, assertions may be encrypted "
            "to us and our messages are signed where that is set."
        ),
    )
    sign_requests: bool = Field(default=False, description="Sign AuthnRequests. Needs `sp_keys`.")
    gcm_only: bool = Field(
        default=False,
        description="Refuse assertions that are encrypted with AES-CBC rather than AES-GCM.",
    )
    single_logout: bool = Field(
        default=False,
        description=(
            "Signing out here signs out at the identity provider as well. Needs `sp_keys`, and an address "
            "in its metadata or in `slo_endpoint`. Its own logout messages are always heard."
        ),
    )
    slo_endpoint: HttpUrl | None = Field(
        default=None,
        description="The identity provider's SLO URL (HTTP-Redirect). Default: as its metadata says.",
    )
    organization: OrganizationSection | None = Field(
        default=None, description="Who runs this service: `name`, `display_name`, `url`. For our metadata."
    )
    technical_contact: Annotated[str, AfterValidator(_email)] | None = Field(
        default=None, description="E-mail address of those who run it. For our metadata."
    )
    idp_ok: bool = Field(
        default=True,
        description=(
            "Accepted for old configurations. Tiles at the identity provider always work, and an answer that "
            "nobody asked for is never trusted: it only starts a fresh sign-in."
        ),
    )
    reqid_life: int = Field(
        default=600, ge=1, le=3600, description="Seconds that a person may take at the identity provider."
    )
