"""Builds the AuthnRequest (SAML core 3.4.1), which the browser takes to the identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from awscons.saml import names
from awscons.saml.assertion import build_instant
from awscons.saml.parties import IdentityProvider, ServiceProvider


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """The values of one AuthnRequest.

    request_id      a random xs:ID; the response has to name it in InResponseTo
    issued_at       UTC
    force_authn     require a fresh authentication, also of a person with a session at the identity provider
    authn_context   URIs of AuthnContextClassRef, one of which is required; empty: any
    name_id_format  URI of the requested NameID format; None: the identity provider chooses
    subject         the NameID of the person who is expected to sign in; None: not named
    """

    request_id: str
    issued_at: datetime
    force_authn: bool = False
    authn_context: tuple[str, ...] = ()
    name_id_format: str | None = None
    subject: str | None = None


def build_authn_request(
    request: AuthnRequest, *, service_provider: ServiceProvider, identity_provider: IdentityProvider
) -> bytes:
    """The request as XML, unsigned.

    NameIDPolicy and RequestedAuthnContext are left out unless they are configured, because identity providers
    refuse requests whose policy they do not support (ADFS, Shibboleth; Entra ID with a second factor).
    RequestedAuthnContext has Comparison="exact", the only value that Entra ID supports.
    """
    root = etree.Element(
        names.AUTHN_REQUEST,
        nsmap={"samlp": names.SAMLP, "saml": names.SAML},
        ID=request.request_id,
        Version="2.0",
        IssueInstant=build_instant(request.issued_at),
        Destination=identity_provider.sso_url,
        AssertionConsumerServiceURL=service_provider.acs_url,
        ProtocolBinding=names.HTTP_POST,
    )
    if request.force_authn:
        root.set("ForceAuthn", "true")
    etree.SubElement(root, names.ISSUER).text = service_provider.entity_id
    if request.subject is not None:
        subject = etree.SubElement(root, names.SUBJECT)
        etree.SubElement(subject, names.NAME_ID).text = request.subject
    if request.name_id_format is not None:
        etree.SubElement(root, names.NAME_ID_POLICY, Format=request.name_id_format, AllowCreate="true")
    if request.authn_context:
        context = etree.SubElement(root, names.REQUESTED_AUTHN_CONTEXT, Comparison="exact")
        for class_ref in request.authn_context:
            etree.SubElement(context, names.AUTHN_CONTEXT_CLASS_REF).text = class_ref
    return etree.tostring(root)
