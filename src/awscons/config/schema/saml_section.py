"""`saml_config`: the identity provider, and this service as it knows it."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from awscons.access.distinguished_names import parse_dn
from awscons.access.groups import DnFormat, DomainFormat, GroupFormat, PathFormat
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
    """A file, or an https URL: the metadata contains the keys to trust, so nobody may alter it in transit."""
    if "://" not in value:
        return value
    http_url(value)
    parts = urlsplit(value)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise not_as_wanted(
            "a file, or an https URL; plain http is for loopback only",
            "the metadata contains the keys to trust",
        )
    return value


def _attribute_names(value: object) -> object:
    """A list of Names becomes a dict in which each Name is its own short name."""
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


_GROUP_FORMATS = {
    "path": "did you mean 'path'?",
    "domain": """it names its domain, such as {"domain": "CORP"}""",
    "dn": """it names its place in the directory, such as {"dn": "OU=Groups,DC=example,DC=com"}""",
}
"""Each format, with the hint for an entry that resembles its name."""


def _group_format(value: object) -> GroupFormat:
    """`"path"`, `{"domain": "CORP"}` or `{"dn": "OU=Groups,DC=example,DC=com"}`."""
    match value:
        case "path":
            return PathFormat()
        case {"domain": str(domain), **more} if not more and domain.strip() and "\\" not in domain:
            return DomainFormat(domain)
        case {"dn": str(text), **more} if not more and (base := parse_dn(text)):
            return DnFormat(base)
    near = difflib.get_close_matches(str(value), _GROUP_FORMATS, n=1)
    raise not_as_wanted(
        """'path', {"domain": the part before the backslash}, or {"dn": the DN above the groups}""",
        _GROUP_FORMATS[near[0]] if near else "",
    )


EntityId = Annotated[str, AfterValidator(_entity_id)]


class OrganizationSection(Section):
    """The organization that runs this service, for the administrators of the identity provider."""

    name: NonEmpty = Field(description="Name of the organization.")
    display_name: NonEmpty | None = Field(default=None, description="Name that people read. Default: `name`.")
    url: HttpUrl = Field(description="Home page of the organization.")


class SamlSection(Section):
    """The identity provider, and this service as it is registered there."""

    idp_metadata: Annotated[NonEmpty, AfterValidator(_metadata_location)] | None = Field(
        default=None,
        description=(
            "The identity provider's metadata: a file, or an https URL that the service reads daily. It "
            "contains the entity ID, the addresses and every signing certificate, so a rollover of "
            "certificates needs no change here. Replaces `saml_endpoint` and `certificate`."
        ),
    )
    idp_metadata_certificate: NonEmpty | None = Field(
        default=None,
        description=(
            "PEM certificate that must have signed the metadata. Default: the metadata may be unsigned."
        ),
    )
    idp_metadata_ca: NonEmpty | None = Field(
        default=None,
        description=(
            "PEM file of the only authorities to trust for the https host of `idp_metadata`. Default: those "
            "that the system trusts, and those in the file that `AWS_CA_BUNDLE` or `REQUESTS_CA_BUNDLE` names."
        ),
    )
    saml_endpoint: HttpUrl | None = Field(
        default=None,
        description="The identity provider's SSO URL. Required without `idp_metadata`.",
    )
    spid: EntityId = Field(description="Entity ID of this service, as registered at the identity provider.")
    issuer: EntityId | None = Field(
        default=None,
        description=(
            "Entity ID of the identity provider. Required without `idp_metadata`; with it, selects one of "
            "several identity providers in the document."
        ),
    )
    acs_url: Annotated[str, AfterValidator(_acs_url)] = Field(
        description=(
            "URL to which the identity provider posts its response: the public URL of this service, "
            "followed by `/saml/acs`. All other URLs of the service are derived from it. The environment "
            "variable `ACS_ENDPOINT` overrides it."
        )
    )
    certificate: NonEmpty | None = Field(
        default=None,
        description=(
            "The identity provider's signing certificate, PEM; for a rollover, several in one text. "
            "Required without `idp_metadata`."
        ),
    )
    user_attr: NonEmpty = Field(
        default="name_id",
        description=(
            "What becomes the user name in AWS: `name_id`, or an attribute that has exactly one value."
        ),
    )
    assertions: Annotated[dict[NonEmpty, NonEmpty], BeforeValidator(_attribute_names)] = Field(
        default={},
        description=(
            "Attributes that a login stores, matched by Name without regard to case: a list of Names, or a "
            'dict of short name to Name, such as `{"groups": '
            '"http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"}`. Group rules need `groups` '
            "among them."
        ),
    )
    group_formats: Annotated[
        list[Annotated[GroupFormat, PlainValidator(_group_format)]], BeforeValidator(list_from_tuple)
    ] = Field(
        default=[],
        description=(
            'Formats of group names that are reduced to the plain name: `"path"` (`/admins`, Keycloak); '
            '`{"domain": "CORP"}` (`CORP\\admins`, ADFS), for one domain; '
            '`{"dn": "OU=Groups,DC=example,DC=com"}` (`CN=admins,OU=Groups,…`, Active Directory), for groups '
            "directly or anywhere below one place of the directory. Every other name stays as it is. A "
            "format may be listed several times, with another domain or place."
        ),
    )
    auth_duration: int = Field(
        default=3600,
        ge=1,
        le=MAX_LOGIN_DURATION,
        description=(
            "Maximum seconds that a login lasts, even in constant use. It ends earlier if the identity "
            "provider says so."
        ),
    )
    force_reauth: bool = Field(
        default=False,
        description=(
            "Require a new authentication at the identity provider for every sign-in (ForceAuthn), and "
            "verify it."
        ),
    )
    authn_request_binding: Literal["HTTP-Redirect", "HTTP-POST"] = Field(
        default="HTTP-Redirect", description="Binding by which the AuthnRequest is sent."
    )
    authn_context: Texts = Field(
        default=[],
        description=(
            "URIs of AuthnContextClassRef. Every sign-in must use one of them, and the service verifies it."
            " Entra ID refuses people with a second factor when this is set."
        ),
    )
    name_id_format: EntityId | None = Field(
        default=None,
        description=(
            "URI of the NameID format to request. Default: none, which every identity provider accepts."
        ),
    )
    login_hint: Literal["off", "query", "subject"] = Field(
        default="off",
        description=(
            "How `?login_hint=ada@example.com` in a link is passed to the identity provider, so that the "
            "person need not type a name: `query` as a parameter of the SSO URL (Entra ID), `subject` in "
            "the AuthnRequest (Okta, Keycloak)."
        ),
    )
    sp_keys: NonEmpty | None = Field(
        default=None,
        description=(
            "Folder of the service's own key pairs, made by `awscons keys new`. They decrypt assertions and"
            " sign messages."
        ),
    )
    sign_requests: bool = Field(default=False, description="Sign AuthnRequests. Needs `sp_keys`.")
    gcm_only: bool = Field(
        default=False,
        description="Refuse assertions that are encrypted with AES-CBC; accept AES-GCM only.",
    )
    single_logout: bool = Field(
        default=False,
        description=(
            "Signing out here also signs the person out at the identity provider. Needs `sp_keys`, and a "
            "logout URL in the identity provider's metadata or in `slo_endpoint`. The service handles "
            "logout messages of the identity provider even without this key."
        ),
    )
    slo_endpoint: HttpUrl | None = Field(
        default=None,
        description="The identity provider's SLO URL (HTTP-Redirect). Default: the URL in its metadata.",
    )
    organization: OrganizationSection | None = Field(
        default=None,
        description="Organization that runs this service, for our metadata: `name`, `display_name`, `url`.",
    )
    technical_contact: Annotated[str, AfterValidator(_email)] | None = Field(
        default=None, description="E-mail address of the operators, for our metadata."
    )
    idp_ok: bool = Field(
        default=True,
        description=(
            "Accepted for old configurations, without effect. A tile at the identity provider always works:"
            " its unsolicited response is not trusted, but starts a new sign-in."
        ),
    )
    reqid_life: int = Field(
        default=600,
        ge=1,
        le=3600,
        description="Seconds within which a person must finish a sign-in at the identity provider.",
    )
