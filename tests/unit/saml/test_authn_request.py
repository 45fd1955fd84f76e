"""What we ask the identity provider, and how it travels."""

import base64
import zlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from awscons.saml.authn_request import AuthnRequest, build_authn_request
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.redirect import build_redirect_url
from support.forge import ACS, IDP, SP, certificate_of

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
SECOND_FACTOR = "https://refeds.org/profile/mfa"


def request_xml(
    *,
    force_authn: bool = False,
    authn_context: tuple[str, ...] = (),
    name_id_format: str | None = None,
    subject: str | None = None,
    sso_url: str = "https://idp.example.com/sso",
) -> bytes:
    return build_authn_request(
        AuthnRequest("_r", NOW, force_authn, authn_context, name_id_format, subject),
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


def test_everything_that_can_be_demanded_stands_in_the_order_of_the_schema() -> None:
    root = etree.fromstring(
        request_xml(
            authn_context=(PASSWORD, SECOND_FACTOR), name_id_format="urn:f", subject="ada@example.com"
        )
    )
    assert [etree.QName(child).localname for child in root] == [
        "Issuer",
        "Subject",
        "NameIDPolicy",
        "RequestedAuthnContext",
    ]
    issuer, subject, policy, context = root
    assert issuer.text == SP
    assert [(child.tag, child.text) for child in subject] == [(f"{SAML}NameID", "ada@example.com")]
    assert dict(policy.attrib) == {"Format": "urn:f", "AllowCreate": "true"}
    assert dict(context.attrib) == {"Comparison": "exact"}
    assert [(child.tag, child.text) for child in context] == [
        (f"{SAML}AuthnContextClassRef", PASSWORD),
        (f"{SAML}AuthnContextClassRef", SECOND_FACTOR),
    ]


@pytest.mark.parametrize(
    ("demand", "element"),
    [
        ({"subject": ""}, f"{SAML}Subject"),
        ({"name_id_format": "urn:f"}, f"{SAMLP}NameIDPolicy"),
        ({"authn_context": (PASSWORD,)}, f"{SAMLP}RequestedAuthnContext"),
    ],
)
def test_each_demand_brings_its_own_element_and_no_other(demand: dict[str, Any], element: str) -> None:
    assert [child.tag for child in etree.fromstring(request_xml(**demand))] == [f"{SAML}Issuer", element]


def test_the_request_writes_the_usual_prefixes() -> None:
    assert request_xml().startswith(
        b'<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml='
    )
    assert b"<saml:Issuer>" in request_xml()


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
