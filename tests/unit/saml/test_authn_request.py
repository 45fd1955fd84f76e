"""What we ask the identity provider, and how it travels."""

import base64
import zlib
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from awscons.saml.authn_request import AuthnRequest, build_authn_request
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.redirect import build_redirect_url
from support.forge import ACS, IDP, SP, certificate_of

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def request_xml(*, force_authn: bool = False, sso_url: str = "https://idp.example.com/sso") -> bytes:
    return build_authn_request(
        AuthnRequest("_r", NOW, force_authn),
        service_provider=ServiceProvider(SP, ACS),
        identity_provider=IdentityProvider(IDP, sso_url, (certificate_of("idp"),)),
    )


def test_the_request_says_who_asks_whom_and_where_to_answer() -> None:
    root = etree.fromstring(request_xml())
    assert root.tag == "{urn:oasis:names:tc:SAML:2.0:protocol}AuthnRequest"
    assert dict(root.attrib) == {
        "ID": "_r",
        "Version": "2.0",
        "IssueInstant": "2026-11-22T12:00:00Z",
        "Destination": "https://idp.example.com/sso",
        "AssertionConsumerServiceURL": ACS,
        "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    }
    assert [child.text for child in root] == [SP]


def test_a_fresh_authentication_is_demanded_only_where_configured() -> None:
    assert etree.fromstring(request_xml(force_authn=True)).get("ForceAuthn") == "true"
    assert etree.fromstring(request_xml()).get("ForceAuthn") is None


@pytest.mark.parametrize(
    "sso_url", ["https://idp.example.com/sso", "https://idp.example.com/sso?spid=a%2Fb&x=1"]
)
def test_the_request_travels_deflated_and_keeps_the_query_of_the_sso_url(sso_url: str) -> None:
    url = build_redirect_url(
        sso_url, kind="SAMLRequest", message=request_xml(sso_url=sso_url), relay_state="h.1-2_3"
    )
    assert url.startswith(sso_url)
    query = parse_qs(urlsplit(url).query)
    assert query["RelayState"] == ["h.1-2_3"]
    inflated = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), wbits=-15)
    assert inflated == request_xml(sso_url=sso_url)
