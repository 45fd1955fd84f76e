"""What an identity provider says of itself: read as it is meant, refused with a sentence where it is not."""

import codecs
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from awscons.errors import MetadataRefused
from awscons.saml.metadata import (
    MAX_METADATA_BYTES,
    IdpMetadata,
    Organization,
    build_sp_metadata,
    parse_duration,
    parse_idp_metadata,
)
from awscons.saml.parties import ServiceProvider
from support.describe import MD, POST, REDIRECT, SLO_URL, Description, federation
from support.forge import ACS, IDP, SP, SSO_URL, Forger, certificate_of

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
GOOD = Description()
OTHER = GOOD.at(entity_id="https://other.example.com/", certificates=(certificate_of("other"),))
NS = {"md": MD, "ds": "http://www.w3.org/2000/09/xmldsig#"}


def read(document: bytes, *, entity_id: str | None = None, pinned: str | None = None) -> IdpMetadata:
    signed_by = (certificate_of(pinned),) if pinned else ()
    return parse_idp_metadata(document, entity_id=entity_id, signed_by=signed_by, now=NOW)


def refusal(document: bytes, *, entity_id: str | None = None, pinned: str | None = None) -> MetadataRefused:
    with pytest.raises(MetadataRefused) as caught:
        read(document, entity_id=entity_id, pinned=pinned)
    return caught.value


# --- read --------------------------------------------------------------------------------


def test_everything_that_we_use_is_read() -> None:
    metadata = read(
        GOOD.at(
            certificates=(certificate_of("idp"), certificate_of("next")),
            attributes='validUntil="2026-12-01T00:00:00Z" cacheDuration="PT6H"',
            descriptor_attributes='WantAuthnRequestsSigned="true"',
        ).document()
    )
    assert metadata.entity_id == IDP
    assert metadata.signing_certificates == (certificate_of("idp"), certificate_of("next"))
    assert metadata.sso_urls == {REDIRECT: SSO_URL, POST: f"{SSO_URL}/post"}
    assert metadata.slo_urls == {REDIRECT: SLO_URL}
    assert metadata.valid_until == datetime(2026, 12, 1, tzinfo=UTC)
    assert metadata.cache_duration == timedelta(hours=6)
    assert metadata.wants_signed_requests


@pytest.mark.parametrize(
    "document",
    [
        codecs.BOM_UTF8 + b'<?xml version="1.0" encoding="utf-8"?>\n' + GOOD.document(),
        GOOD.at(use="").document(),
        GOOD.at(extra="<!-- kept by hand -->").document(),
        GOOD.at(
            protocol="urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol"
        ).document(),
        GOOD.at(extra='<x:RoleDescriptor xmlns:x="urn:x"/>').document(),
        GOOD.at(certificates=(certificate_of("weak", bits=1024), certificate_of("idp"))).document(),
        GOOD.at(certificates=(certificate_of("idp"), certificate_of("idp"))).document(),
        federation([GOOD]),
    ],
    ids=[
        "BOM",
        "key-for-any-use",
        "comment",
        "two-protocols",
        "other-role",
        "weak-beside",
        "twice",
        "federation",
    ],
)
def test_what_real_ones_look_like_is_read(document: bytes) -> None:
    assert read(document).signing_certificates == (certificate_of("idp"),)


def test_one_of_many_is_found_by_its_entity_id() -> None:
    document = federation([OTHER, GOOD])
    assert read(document, entity_id=IDP).signing_certificates == (certificate_of("idp"),)
    assert read(document, entity_id=OTHER.entity_id).signing_certificates == (certificate_of("other"),)


def test_the_earliest_end_counts_wherever_it_stands() -> None:
    described = GOOD.at(attributes='validUntil="2027-06-01T00:00:00Z"')
    metadata = read(federation([described], 'validUntil="2026-12-24T00:00:00Z" cacheDuration="P1D"'))
    assert metadata.valid_until == datetime(2026, 12, 24, tzinfo=UTC)
    assert metadata.cache_duration == timedelta(days=1)


def test_a_pinned_certificate_has_to_have_signed() -> None:
    assert read(GOOD.signed(Forger(key_name="federation")), pinned="federation").entity_id == IDP


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT1H", 3600), ("P1D", 86_400), ("P1DT1H1M1.5S", 90_061), ("PT604800S", 604_800), ("P1M", 2_592_000)],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1H", "-P1D", "PT1H ", "P99999999D"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert parse_duration(text) is None


# --- refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "not well-formed"),
        (b"<!doctype html><html><body>Sign in</body></html>", "document type"),
        (b"<html><body>Sign in</body></html>", "begins with html"),
        (b"\xff\xfe<\x00x\x00", "not UTF-8"),
        (b"<x", "not well-formed"),
        (b" " * (MAX_METADATA_BYTES + 1), "bytes long"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "document type"),
        (GOOD.at(attributes='validUntil="2026-11-22T12:00:00Z"').document(), "was valid until"),
        (GOOD.at(attributes='validUntil="tomorrow"').document(), "instant"),
        (GOOD.at(certificates=()).document(), "no signing certificate"),
        (GOOD.at(use=' use="encryption"').document(), "no signing certificate"),
        (GOOD.at(certificates=(certificate_of("weak", bits=1024),)).document(), "no signing certificate"),
        (GOOD.document().replace(b"MII", b"MIJ", 1), "cannot be read"),
        (GOOD.at(sso=()).document(), "no SingleSignOnService"),
        (GOOD.at(sso=((REDIRECT, "javascript:alert(1)"),)).document(), "no SingleSignOnService"),
        (
            GOOD.at(protocol="urn:oasis:names:tc:SAML:1.1:protocol").document(),
            "no SAML 2.0 identity provider",
        ),
        (GOOD.at(attributes='ID="a"', descriptor_attributes='ID="a"').document(), "ID not unique"),
        (GOOD.document().replace(b"IDPSSODescriptor", b"SPSSODescriptor"), "no SAML 2.0 identity provider"),
        (federation([GOOD, OTHER]), "several identity providers"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(document: bytes, said: str) -> None:
    assert said in str(refusal(document))


def test_metadata_of_somebody_else_is_refused_with_who_it_is() -> None:
    refused = refusal(OTHER.document(), entity_id=IDP)
    assert IDP in str(refused)
    assert OTHER.entity_id in str(refused)


def test_one_name_twice_is_refused_since_it_is_unclear_whose_keys_count() -> None:
    assert "2 identity provider" in str(
        refusal(federation([GOOD, GOOD.at(certificates=(certificate_of("attacker"),))]), entity_id=IDP)
    )


def test_where_a_certificate_is_pinned_nobody_else_may_have_signed() -> None:
    assert "not signed" in str(refusal(GOOD.document(), pinned="federation"))
    assert "is not valid" in str(refusal(GOOD.signed(Forger(key_name="attacker")), pinned="federation"))
    changed = GOOD.signed(Forger(key_name="federation")).replace(b"/sso", b"/evil")
    assert "is not valid" in str(refusal(changed, pinned="federation"))


def test_what_stands_outside_of_the_signed_entity_is_not_read() -> None:
    inner = GOOD.signed(Forger(key_name="federation"))
    wrapped = b'<md:EntitiesDescriptor xmlns:md="' + MD.encode() + b'">' + inner + b"</md:EntitiesDescriptor>"
    assert "not signed" in str(refusal(wrapped, pinned="federation"))


# --- ours --------------------------------------------------------------------------------


def test_our_metadata_says_all_that_an_identity_provider_needs() -> None:
    document = build_sp_metadata(
        ServiceProvider(
            SP,
            ACS,
            slo_url="https://sso.example.com/saml/slo",
            published_certificates=(certificate_of("sp"), certificate_of("sp-next")),
        ),
        requested_attributes=("groups", "mail"),
        signs_requests=True,
        name_id_format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        organization=Organization("Example", "Example & Co", "https://example.com/"),
        technical_contact="it@example.com",
    )
    root = etree.fromstring(document)
    assert root.get("entityID") == SP
    (descriptor,) = root.findall("md:SPSSODescriptor", NS)
    assert descriptor.get("AuthnRequestsSigned") == "true"
    assert descriptor.get("WantAssertionsSigned") == "true"
    uses = [key.get("use") for key in descriptor.findall("md:KeyDescriptor", NS)]
    assert uses == ["signing", "signing", "encryption", "encryption"]
    (acs,) = descriptor.findall("md:AssertionConsumerService", NS)
    assert (acs.get("Binding"), acs.get("Location")) == (POST, ACS)
    logouts = [service.get("Binding") for service in descriptor.findall("md:SingleLogoutService", NS)]
    assert logouts == [REDIRECT, POST]
    requested = [element.get("Name") for element in descriptor.findall(".//md:RequestedAttribute", NS)]
    assert requested == ["groups", "mail"]
    assert root.findtext("md:Organization/md:OrganizationDisplayName", namespaces=NS) == "Example & Co"
    assert root.findtext("md:ContactPerson/md:EmailAddress", namespaces=NS) == "mailto:it@example.com"


def test_without_keys_and_wishes_it_is_short_and_still_complete() -> None:
    root = etree.fromstring(build_sp_metadata(ServiceProvider(SP, ACS, slo_url="https://sso.example.com/x")))
    (descriptor,) = root
    assert [etree.QName(child).localname for child in descriptor] == [
        "SingleLogoutService",
        "SingleLogoutService",
        "AssertionConsumerService",
    ]
