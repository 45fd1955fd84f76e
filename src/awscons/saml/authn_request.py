"""The AuthnRequest: what we ask the identity provider, and the URL that carries it (HTTP-Redirect)."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

from lxml import etree

from awscons.saml import names
from awscons.saml.parties import IdentityProvider, ServiceProvider


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """One request (SAML core 3.4.1).

    request_id    an xs:ID: it must not begin with a digit, and nobody can guess it
    issued_at     UTC
    force_authn   ask for a full login, even of somebody the identity provider already knows
    """

    request_id: str
    issued_at: datetime
    force_authn: bool = False


def build_authn_request(
    request: AuthnRequest, *, service_provider: ServiceProvider, identity_provider: IdentityProvider
) -> bytes:
    """The request as XML.

    NameIDPolicy and RequestedAuthnContext are left out: what they demand is what identity providers
    refuse (ADFS, Shibboleth; Entra ID with a second factor).
    """
    root = etree.Element(
        names.AUTHN_REQUEST,
        nsmap={"samlp": names.SAMLP, "saml": names.SAML},
        ID=request.request_id,
        Version="2.0",
        IssueInstant=request.issued_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        Destination=identity_provider.sso_url,
        AssertionConsumerServiceURL=service_provider.acs_url,
        ProtocolBinding=names.HTTP_POST,
    )
    if request.force_authn:
        root.set("ForceAuthn", "true")
    etree.SubElement(root, names.ISSUER).text = service_provider.entity_id
    return etree.tostring(root)


def build_redirect_url(sso_url: str, *, authn_request: bytes, relay_state: str) -> str:
    """The URL that carries the request (SAML bindings 3.4.4.1, DEFLATE encoding).

    relay_state   an opaque handle of at most 80 bytes (SAML bindings 3.4.3)
    A query that the SSO URL already has is kept.
    """
    # Negative window bits: a raw DEFLATE stream without zlib's header and checksum (RFC 1951).
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = compressor.compress(authn_request) + compressor.flush()
    parameters = urlencode(
        {"SAMLRequest": base64.b64encode(deflated).decode("ascii"), "RelayState": relay_state}
    )
    parts = urlsplit(sso_url)
    query = f"{parts.query}&{parameters}" if parts.query else parameters
    return urlunsplit(parts._replace(query=query))
