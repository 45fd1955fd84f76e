"""Responses of our own, element by element; others judge them in the journeys."""

from datetime import UTC, datetime, timedelta

from lxml import etree

from awscons.saml.issuing import AssertionContent, issue_response
from awscons.saml.metadata import build_idp_metadata
from awscons.saml.names import ASSERTION
from awscons.saml.parties import KeyPair
from awscons.saml.signature import verify_enveloped
from awscons.saml.xml import parse
from support.forge import certificate_of, key_named

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OURS = KeyPair(certificate_of("sp"), key_named("sp"))  # type: ignore[arg-type]  # an RSA key
CONTENT = AssertionContent(
    recipient="https://aws.example.com/saml",
    audiences=("https://aws.example.com/saml", "urn:aws"),
    name_id="0123abcd",
    attributes={"urn:role": ("a,b",), "urn:tags": ("x", "y")},
    authn_instant=NOW - timedelta(minutes=3),
)
NAMESPACES = {"p": "urn:oasis:names:tc:SAML:2.0:protocol", "a": "urn:oasis:names:tc:SAML:2.0:assertion"}


def issued(content: AssertionContent = CONTENT) -> bytes:
    return issue_response(
        content, response_id="_r", assertion_id="_a", issuer="https://sso.example.com", signing=OURS, now=NOW
    )


def found(path: str, content: AssertionContent = CONTENT) -> list[str]:
    texts: list[str] = etree.fromstring(issued(content)).xpath(path, namespaces=NAMESPACES)
    return texts


def test_the_head_of_both_says_who_issued_it_and_when() -> None:
    assert issued().startswith(b"<samlp:Response ")
    assert found("//@ID[starts-with(., '_')]") == ["_r", "_a"]
    assert found("/p:Response/@Version | //a:Assertion/@Version") == ["2.0", "2.0"]
    assert found("//@IssueInstant") == ["2026-11-26T12:00:00Z"] * 2
    assert found("/p:Response/a:Issuer/text()") == ["https://sso.example.com"]
    assert found("//a:Assertion/a:Issuer/text()") == ["https://sso.example.com"]
    assert found("/p:Response/@Destination") == ["https://aws.example.com/saml"]
    assert found("//p:StatusCode/@Value") == ["urn:oasis:names:tc:SAML:2.0:status:Success"]


def test_the_subject_is_a_lasting_name_that_the_bearer_brings_to_the_recipient() -> None:
    assert found("//a:NameID/text()") == ["0123abcd"]
    assert found("//a:NameID/@Format") == ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"]
    assert found("//a:SubjectConfirmation/@Method") == ["urn:oasis:names:tc:SAML:2.0:cm:bearer"]
    assert found("//a:SubjectConfirmationData/@Recipient") == ["https://aws.example.com/saml"]
    assert found("//a:SubjectConfirmationData/@NotOnOrAfter") == ["2026-11-26T12:05:00Z"]


def test_it_counts_for_five_minutes_and_for_its_audiences() -> None:
    assert found("//a:Conditions/@NotBefore") == ["2026-11-26T11:59:00Z"]
    assert found("//a:Conditions/@NotOnOrAfter") == ["2026-11-26T12:05:00Z"]
    assert found("//a:AudienceRestriction/a:Audience/text()") == ["https://aws.example.com/saml", "urn:aws"]


def test_the_authentication_has_its_time_and_perhaps_an_end_of_the_session() -> None:
    ends = AssertionContent(
        "x", (), "y", {}, NOW, authn_context="urn:context", session_ends=NOW + timedelta(hours=8)
    )
    assert found("//@AuthnInstant") == ["2026-11-26T11:57:00Z"]
    assert found("//@SessionIndex") == ["_a"]
    assert found("//@SessionNotOnOrAfter") == []
    assert found("//@SessionNotOnOrAfter", ends) == ["2026-11-26T20:00:00Z"]
    assert found("//a:AuthnContextClassRef/text()", ends) == ["urn:context"]
    assert found("//a:AuthnContextClassRef/text()") == ["urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"]


def test_each_attribute_has_its_name_as_a_uri_and_its_values_in_order() -> None:
    assert found("//a:Attribute/@Name") == ["urn:role", "urn:tags"]
    assert set(found("//a:Attribute/@NameFormat")) == {"urn:oasis:names:tc:SAML:2.0:attrname-format:uri"}
    assert found("//a:AttributeValue/text()") == ["a,b", "x", "y"]


def test_the_response_and_the_assertion_are_both_signed_by_our_key() -> None:
    response = parse(issued())
    assertion = response.find(ASSERTION)
    assert assertion is not None
    for signed in (response, assertion):
        assert verify_enveloped(signed, (OURS.certificate,)).tag == signed.tag


def test_our_metadata_for_iam_has_signing_keys_alone() -> None:
    metadata = build_idp_metadata(
        "https://sso.example.com",
        [OURS.certificate, certificate_of("idp")],
        sso_url="https://sso.example.com/aws/",
    )
    assert metadata.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<md:EntityDescriptor ")
    assert metadata.endswith(b"</md:EntityDescriptor>\n")
    root, md = etree.fromstring(metadata), {"md": "urn:oasis:names:tc:SAML:2.0:metadata"}
    assert root.xpath("//md:IDPSSODescriptor/md:KeyDescriptor/@use", namespaces=md) == ["signing", "signing"]
    assert root.xpath("//md:NameIDFormat/text()", namespaces=md) == [
        "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    ]
    assert root.xpath("//md:SingleSignOnService/@Binding", namespaces=md) == [
        "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    ]
    assert root.xpath("//md:SingleSignOnService/@Location", namespaces=md) == ["https://sso.example.com/aws/"]
