"""The AuthnRequest (SAML core 3.4.1): what we ask the identity provider. Built here, sent by the browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from awscons.saml import names
from awscons.saml.assertion import build_instant
from awscons.saml.parties import IdentityProvider, ServiceProvider


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """One question to the identity provider.

    request_id      an xs:ID of our making, random; the answer has to name it
    issued_at       UTC
    force_authn     ask for a full login, even of somebody the identity provider already knows
    authn_context   URIs of AuthnContextClassRef, one of which is demanded; none: however it likes
    name_id_format  URI of the NameID format to ask for; None: whatever the identity provider sends
    subject         who is expected to sign in, to save them some typing; None: anybody
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

    NameIDPolicy and RequestedAuthnContext are left out unless asked for: what they demand is what
    identity providers refuse (ADFS, Shibboleth; Entra ID with a second factor). RequestedAuthnContext
    compares exactly, the only way that Entra ID knows.
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
