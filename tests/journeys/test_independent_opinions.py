"""What other people's programs and schemas say of the same documents.

xmlsec1 verifies and decrypts what our verifier reads; the schemas of OASIS judge what we write; SimpleSAMLphp
takes our metadata and our requests, and its answers satisfy both verifiers.
"""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from adversary.cases import Variant, identity_provider
from adversary.corpus import VARIANTS
from adversary.craft import ATTACKER_SIGNS, genuine
from awscons.demo.identity_provider import DemoIdentityProvider
from awscons.demo.sample_people import PEOPLE
from awscons.saml import names
from awscons.saml.assertion import Assertion
from awscons.saml.authn_request import AuthnRequest, build_authn_request
from awscons.saml.certificates import load_pem_certificates
from awscons.saml.issuing import AssertionContent, issue_response
from awscons.saml.logout_messages import (
    SubjectName,
    build_logout_request,
    build_logout_response,
    open_redirected,
    read_logout_response,
)
from awscons.saml.metadata import Organization, build_idp_metadata, build_sp_metadata
from awscons.saml.parties import IdentityProvider, KeyPair, ServiceProvider
from awscons.saml.redirect import build_redirect_url, read_redirect
from awscons.saml.response import open_envelope, verify_envelope
from awscons.saml.signature import sign_enveloped, verify_enveloped
from awscons.saml.xml import parse
from support.browser import Browser, forms_in
from support.forge import ACS, SP, certificate_of, key_named
from support.schemas import schema_errors
from support.simplesamlphp import KEY, SimpleSamlPhp, simplesamlphp
from support.xmlsec1 import decrypted, places_of, verifies

OUR_KEY = key_named("sp")
assert isinstance(OUR_KEY, RSAPrivateKey)
OURS = KeyPair(certificate_of("sp"), OUR_KEY)
SLO = ACS.replace("/acs", "/slo")
US = ServiceProvider(SP, ACS, (OUR_KEY,), SLO, OURS, (OURS.certificate,))
THEM = IdentityProvider(
    "https://idp.example.com/metadata",
    "https://idp.example.com/sso",
    (certificate_of("idp"),),
    slo_url="https://idp.example.com/slo",
)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

DOCUMENTS = [variant for variant in VARIANTS if not variant.raw]


# --- xmlsec1 and the schemas, on the corpus ----------------------------------------------


def doubts_of_xmlsec1(variant: Variant) -> list[str]:
    """The signatures of a variant that xmlsec1 does not find to be made by any trusted key."""
    document, trusted = variant.make(), identity_provider(variant.around).signing_certificates
    return [
        f"{variant.name}: {place}"
        for place in places_of(document)
        if not any(verifies(document, certificate, place=place) for certificate in trusted)
    ]


def test_xmlsec1_verifies_every_signature_of_every_legal_variant() -> None:
    with ThreadPoolExecutor(4) as pool:
        doubts = [doubt for found in pool.map(doubts_of_xmlsec1, DOCUMENTS) for doubt in found]
    assert doubts == []
    assert sum(len(places_of(variant.make())) for variant in DOCUMENTS) > 100


def test_xmlsec1_does_tell_a_changed_document_and_a_foreign_key() -> None:
    idp = certificate_of("idp")
    assert verifies(genuine(), idp, place="assertion")
    assert not verifies(genuine().replace("otto@", "ada@"), idp, place="assertion")
    assert not verifies(genuine(forger=ATTACKER_SIGNS), idp, place="assertion")


def test_every_legal_variant_is_valid_by_the_schemas() -> None:
    assert {variant.name: errors for variant in DOCUMENTS if (errors := schema_errors(variant.make()))} == {}
    assert schema_errors(genuine().replace("samlp:Status>", "samlp:State>"))


@pytest.mark.parametrize("method", ["aes128-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm"])
def test_xmlsec1_decrypts_what_we_decrypt_and_verifies_what_is_inside(method: str) -> None:
    (variant,) = [found for found in VARIANTS if found.name == f"encrypted-{method}-assertion-signed"]
    opened = decrypted(variant.make(), "sp")
    assert opened is not None
    assert verifies(opened, certificate_of("idp"), place="decrypted")


# --- what the demo signs -------------------------------------------------------------------


def test_what_the_demo_signs_satisfies_xmlsec1_and_the_schemas() -> None:
    demo = DemoIdentityProvider(entity_id="urn:demo", service_provider=US, people=PEOPLE)
    (certificate,) = load_pem_certificates(demo.certificate_pem)
    for person in PEOPLE:
        document = base64.b64decode(demo.response_for(person, in_response_to="_request"))
        assert places_of(document) == ["assertion"]
        assert verifies(document, certificate, place="assertion")
        assert schema_errors(document) == []


# --- what we write -------------------------------------------------------------------------

REQUESTS = {
    "plain": AuthnRequest("_r", NOW),
    "everything": AuthnRequest(
        "_r",
        NOW,
        force_authn=True,
        authn_context=("urn:oasis:names:tc:SAML:2.0:ac:classes:X509", "https://refeds.org/profile/mfa"),
        name_id_format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        subject="ada@example.com",
    ),
}
OTTO = SubjectName("otto@example.com", {"NameQualifier": THEM.entity_id, "SPNameQualifier": SP})
MESSAGES = {
    **{
        f"request-{name}": build_authn_request(request, service_provider=US, identity_provider=THEM)
        for name, request in REQUESTS.items()
    },
    "logout-request": build_logout_request(
        "_l", OTTO, "_index", service_provider=US, identity_provider=THEM, now=NOW
    ),
    "logout-request-for-all": build_logout_request(
        "_l", SubjectName("otto", {}), None, service_provider=US, identity_provider=THEM, now=NOW
    ),
    "logout-response": build_logout_response(
        "_l", "_theirs", service_provider=US, identity_provider=THEM, now=NOW
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_our_messages_are_valid_by_the_schemas_unsigned_and_signed(name: str) -> None:
    assert schema_errors(MESSAGES[name]) == []
    assert schema_errors(sign_enveloped(MESSAGES[name], OURS)) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_xmlsec1_verifies_what_we_sign(name: str) -> None:
    signed = sign_enveloped(MESSAGES[name], OURS)
    assert verifies(signed, OURS.certificate, place="message")
    assert not verifies(signed, certificate_of("idp"), place="message")


@pytest.mark.parametrize("keys", [0, 1, 2])
@pytest.mark.parametrize("full", [False, True], ids=["bare", "full"])
def test_our_metadata_is_valid_by_the_schemas(keys: int, full: bool) -> None:  # noqa: FBT001
    us = ServiceProvider(SP, ACS, slo_url=SLO, published_certificates=(OURS.certificate,) * keys)
    document = build_sp_metadata(
        us,
        requested_attributes=("groups", "http://schemas.microsoft.com/claims/groups.link") if full else (),
        signs_requests=full,
        name_id_format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" if full else None,
        organization=Organization("Example", "Example Ltd", "https://example.com") if full else None,
        technical_contact="sso@example.com" if full else None,
    )
    assert schema_errors(document) == []


# --- SimpleSAMLphp, which knows nothing of us but our metadata -----------------------------


def their_side(idp: SimpleSamlPhp) -> IdentityProvider:
    return IdentityProvider(idp.entity_id, idp.sso_url, (certificate_of(KEY),), slo_url=idp.slo_url)


def request_url(idp: SimpleSamlPhp, *, signing: KeyPair | None = OURS) -> str:
    """Our AuthnRequest as the browser is sent with it."""
    request = AuthnRequest("_request", datetime.now(UTC))
    message = build_authn_request(request, service_provider=US, identity_provider=their_side(idp))
    return build_redirect_url(
        idp.sso_url, kind="SAMLRequest", message=message, relay_state="handle", signing=signing
    )


def read(form_value: str, idp: SimpleSamlPhp) -> Assertion:
    return verify_envelope(
        open_envelope(form_value),
        service_provider=US,
        identity_provider=their_side(idp),
        expected_request_id="_request",
        now=datetime.now(UTC),
    )


def metadata() -> bytes:
    return build_sp_metadata(US, signs_requests=True)


@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "encrypted"])
@pytest.mark.parametrize("signed", ["assertion", "response", "both"])
def test_what_simplesamlphp_answers_satisfies_both_verifiers(
    tmp_path: Path,
    signed: str,
    encrypted: bool,  # noqa: FBT001
) -> None:
    hosted = {
        "saml20.sign.assertion": signed in {"assertion", "both"},
        "saml20.sign.response": signed in {"response", "both"},
        "assertion.encryption": encrypted,
        "validate.authnrequest": True,
    }
    # Our metadata asks for signed assertions; who signs only the response is told otherwise.
    wanted = str(signed != "response").lower().encode()
    ours = metadata().replace(b'WantAssertionsSigned="true"', b'WantAssertionsSigned="%s"' % wanted)
    with simplesamlphp(tmp_path / "idp", sp_metadata=ours, hosted=hosted) as idp:
        browser = Browser(idp.url)
        form = idp.answer(browser, browser.follow_all(browser.get(request_url(idp))), "zoë")
        browser.close()
    assert form.action == ACS
    assert form.fields["RelayState"] == "handle"
    assertion = read(form.fields["SAMLResponse"], idp)
    assert assertion.name_id == "zoë"
    assert assertion.attributes["displayName"] == ("Zoë Müller-Łukasz",)

    document = base64.b64decode(form.fields["SAMLResponse"])
    opened = decrypted(document, "sp") if encrypted else document
    assert opened is not None
    inside = "decrypted" if encrypted else "assertion"
    expected = {"assertion": {inside}, "response": {"message"}, "both": {inside, "message"}}[signed]
    assert {*places_of(document), *places_of(opened)} == expected
    # The signature around covers the ciphertext, the one inside what came out of it.
    for place in expected:
        assert verifies(document if place == "message" else opened, certificate_of(KEY), place=place)


def test_simplesamlphp_takes_our_signed_requests_and_no_others(tmp_path: Path) -> None:
    hosted = {"validate.authnrequest": True}
    with simplesamlphp(tmp_path / "idp", sp_metadata=metadata(), hosted=hosted) as idp:
        browser = Browser(idp.url)
        somebody = key_named("attacker")
        assert isinstance(somebody, RSAPrivateKey)
        another = KeyPair(certificate_of("attacker"), somebody)
        pages = [
            browser.follow_all(browser.get(url))
            for url in (
                request_url(idp, signing=None),
                request_url(idp, signing=another),
                request_url(idp).replace("RelayState=handle", "RelayState=other"),
                request_url(idp),
            )
        ]
        browser.close()
    assert [asks_for_a_password(page) for page in pages] == [False, False, False, True]


def asks_for_a_password(page: httpx.Response) -> bool:
    return any("password" in form.fields for form in forms_in(page))


def test_simplesamlphp_takes_our_logout_request_and_we_its_answer(tmp_path: Path) -> None:
    hosted = {"sign.logout": True, "validate.logout": True}
    with simplesamlphp(tmp_path / "idp", sp_metadata=metadata(), hosted=hosted) as idp:
        browser = Browser(idp.url)
        form = idp.answer(browser, browser.follow_all(browser.get(request_url(idp))), "otto")
        assertion = read(form.fields["SAMLResponse"], idp)
        message = build_logout_request(
            "_logout",
            SubjectName(assertion.name_id, assertion.name_id_qualifiers),
            assertion.session_index,
            service_provider=US,
            identity_provider=their_side(idp),
            now=datetime.now(UTC),
        )
        page = browser.get(
            build_redirect_url(idp.slo_url, kind="SAMLRequest", message=message, relay_state="", signing=OURS)
        )
        while page.is_redirect and not page.headers["Location"].startswith(SLO):
            page = browser.follow(page)
        again = browser.follow_all(browser.get(request_url(idp)))
        browser.close()
    assert page.is_redirect, page.text
    answer = read_logout_response(
        open_redirected(read_redirect(urlsplit(page.headers["Location"]).query), their_side(idp)),
        service_provider=US,
        identity_provider=their_side(idp),
        now=datetime.now(UTC),
        skew=timedelta(seconds=60),
    )
    assert answer.in_response_to == "_logout"
    assert answer.everywhere
    assert asks_for_a_password(again), "the session at the identity provider went on"


def test_what_we_issue_to_aws_satisfies_others_and_our_own_verifiers() -> None:
    """xmlsec1, the schemas of OASIS, and our two verifiers."""
    content = AssertionContent(
        "https://us-east-1.signin.aws.amazon.com/saml",
        ["urn:amazon:webservices"],
        "0123abcd",
        {"https://aws.amazon.com/SAML/Attributes/RoleSessionName": ("ada@example.com",)},
        NOW,
        session_ends=NOW + timedelta(hours=8),
    )
    response = issue_response(
        content,
        response_id="_r",
        assertion_id="_a",
        issuer="https://sso.example.com/aws",
        signing=OURS,
        now=NOW,
    )
    assert places_of(response) == ["message", "assertion"]
    for place in ("message", "assertion"):
        assert verifies(response, OURS.certificate, place=place)
        assert not verifies(response.replace(b"ada@", b"eve@"), OURS.certificate, place=place)
    assert schema_errors(response) == []
    signed = parse(response).find(names.ASSERTION)
    assert signed is not None
    assert verify_enveloped(signed, (OURS.certificate,)).tag == names.ASSERTION
    metadata = build_idp_metadata(
        "https://sso.example.com/aws", [OURS.certificate], sso_url="https://sso.example.com/"
    )
    assert schema_errors(metadata) == []
