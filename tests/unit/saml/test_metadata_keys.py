"""Certificates as identity providers publish them: which key counts, and what is said of the others."""

from base64 import b64encode
from datetime import UTC, datetime
from itertools import permutations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from awscons.errors import MetadataRefused, ResponseRefused
from awscons.saml.metadata import IdpMetadata, parse_idp_metadata
from awscons.saml.metadata_keys import MAX_CERTIFICATES
from awscons.saml.parties import IdentityProvider, ServiceProvider
from awscons.saml.response import open_envelope, verify_envelope
from support.describe import Description, base64_of, federation, key_descriptor
from support.forge import (
    ACS,
    IDP,
    REQUEST_ID,
    SP,
    SSO_URL,
    Forger,
    Story,
    certificate_issued,
    certificate_of,
    pem_of,
)

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
LEAF = certificate_issued("idp", "intermediate")
INTERMEDIATE = certificate_issued("intermediate", "root", authority=True)
ROOT = certificate_issued("root", "root", authority=True)
OTHER = certificate_of("other")
BROKEN = "TUlJ"


def read(*keys: str, entity_id: str | None = None) -> IdpMetadata:
    document = Description().at(keys="".join(keys)).document()
    return parse_idp_metadata(document, entity_id=entity_id, now=NOW)


def descriptor(*contents: str | Certificate, use: str = ' use="signing"') -> str:
    texts = [base64_of(content) if isinstance(content, Certificate) else content for content in contents]
    return key_descriptor([texts], use)


def refusal(document: bytes, entity_id: str | None = None) -> MetadataRefused:
    with pytest.raises(MetadataRefused) as caught:
        parse_idp_metadata(document, entity_id=entity_id, now=NOW)
    return caught.value


def refusal_of(*keys: str) -> MetadataRefused:
    return refusal(Description().at(keys="".join(keys)).document())


# --- a chain -----------------------------------------------------------------------------


@pytest.mark.parametrize("chain", list(permutations([LEAF, INTERMEDIATE, ROOT])))
def test_of_a_chain_the_signer_counts_in_whatever_order_it_stands(chain: tuple[Certificate, ...]) -> None:
    metadata = read(descriptor(*chain))
    assert metadata.signing_certificates == (LEAF,)
    said = " ".join(finding.cause for finding in metadata.findings)
    assert "CN=intermediate', does not count" in said
    assert "CN=root', does not count" in said


def test_a_chain_in_several_x509data_is_one_key() -> None:
    metadata = read(key_descriptor([[base64_of(ROOT)], [base64_of(INTERMEDIATE)], [base64_of(LEAF)]]))
    assert metadata.signing_certificates == (LEAF,)


@pytest.mark.parametrize(("signer", "accepted"), [("idp", True), ("intermediate", False), ("root", False)])
def test_a_response_signed_by_an_issuer_of_the_signer_is_refused(signer: str, accepted: bool) -> None:  # noqa: FBT001
    certificates = read(descriptor(LEAF, INTERMEDIATE, ROOT)).signing_certificates

    def sign_in() -> str:
        return verify_envelope(
            open_envelope(Forger(key_name=signer).form_value(Story(NOW))),
            service_provider=ServiceProvider(SP, ACS),
            identity_provider=IdentityProvider(IDP, SSO_URL, certificates),
            expected_request_id=REQUEST_ID,
            now=NOW,
        ).name_id

    if accepted:
        assert sign_in() == "ada@example.com"
    else:
        with pytest.raises(ResponseRefused, match="no trusted key"):
            sign_in()


def test_of_unrelated_certificates_in_one_descriptor_the_first_counts() -> None:
    metadata = read(descriptor(certificate_of("idp"), OTHER))
    assert metadata.signing_certificates == (certificate_of("idp"),)
    assert "a second signing key needs a KeyDescriptor of its own" in metadata.findings[0].cure


def test_certificates_of_one_key_are_one_key_without_a_word() -> None:
    metadata = read(descriptor(LEAF, certificate_of("idp")))
    keys = [certificate.public_key() for certificate in metadata.signing_certificates]
    assert (keys, metadata.findings) == ([LEAF.public_key()], ())


def test_an_issuer_of_the_same_name_as_the_signer_does_not_count() -> None:
    authority = certificate_issued("root", "root", authority=True)
    leaf = certificate_issued("idp", "root")
    assert read(descriptor(authority, leaf)).signing_certificates == (leaf,)


# --- a bad member ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        descriptor(BROKEN),
        descriptor("%%%"),
        descriptor(""),
        descriptor("<x/>"),
        descriptor(certificate_of("weak", bits=1024)),
        descriptor(base64_of(OTHER) + base64_of(LEAF)),
    ],
    ids=["broken", "no base64", "empty", "an element", "weak", "run together"],
)
@pytest.mark.parametrize("order", ["first", "last"])
def test_a_descriptor_that_cannot_be_used_spoils_no_other(bad: str, order: str) -> None:
    good = descriptor(LEAF)
    metadata = read(bad, good) if order == "first" else read(good, bad)
    assert metadata.signing_certificates == (LEAF,)
    (finding,) = metadata.findings
    assert f"KeyDescriptor {1 if order == 'first' else 2}, X509Certificate 1" in finding.cause
    assert finding.cure


def test_a_certificate_that_cannot_be_read_spoils_no_other_of_its_descriptor() -> None:
    metadata = read(descriptor(BROKEN, LEAF, INTERMEDIATE))
    assert metadata.signing_certificates == (LEAF,)
    assert "X509Certificate 1" in metadata.findings[0].cause


def test_an_issuer_never_takes_the_place_of_a_signer_that_cannot_be_used() -> None:
    weak = certificate_of("weak", bits=1024)
    assert "no signing certificate" in str(refusal_of(descriptor(BROKEN, INTERMEDIATE, ROOT)))
    assert "1024 bits" in str(refusal_of(descriptor(weak)))
    assert read(descriptor(BROKEN, ROOT), descriptor(OTHER)).signing_certificates == (OTHER,)


@pytest.mark.parametrize("use", [' use="encryption"', ' use=""', ' use="Signing"'])
def test_a_key_for_another_use_does_not_count(use: str) -> None:
    assert "no signing certificate" in str(refusal_of(descriptor(LEAF, use=use)))
    assert read(descriptor(OTHER, use=use), descriptor(LEAF)).signing_certificates == (LEAF,)


def test_a_certificate_outside_of_the_x509data_does_not_count() -> None:
    smuggled = f"<ds:X509Certificate>{base64_of(OTHER)}</ds:X509Certificate>"
    key = descriptor(LEAF).replace("<ds:X509Data>", f"<ds:Object><x>{smuggled}</x></ds:Object><ds:X509Data>")
    assert read(key).signing_certificates == (LEAF,)


def test_a_broken_entity_spoils_no_other_of_its_federation() -> None:
    bad = Description(entity_id="https://bad.example.com/", keys=descriptor(BROKEN))
    twice = bad.at(attributes='ID="a"', descriptor_attributes='ID="a"')
    for broken in (bad, twice, bad.at(attributes='validUntil="never"')):
        document = federation([broken, Description()])
        metadata = parse_idp_metadata(document, entity_id=IDP, now=NOW)
        assert metadata.signing_certificates == (certificate_of("idp"),)


def test_the_number_of_certificates_is_bounded() -> None:
    many = [LEAF] * (MAX_CERTIFICATES + 1)
    metadata = read(descriptor(*many), descriptor(OTHER))
    assert metadata.signing_certificates == (OTHER,)
    assert "KeyDescriptor 1 of the metadata is not used: it holds more than 32" in metadata.findings[0].cause


# --- PEM and the like --------------------------------------------------------------------


@pytest.mark.parametrize("around", ["{}", "\n{}\n", "   {}"])
def test_pem_lines_inside_of_an_x509certificate_are_read(around: str) -> None:
    metadata = read(descriptor(around.format(pem_of(LEAF))))
    assert (metadata.signing_certificates, metadata.findings) == ((LEAF,), ())


@pytest.mark.parametrize(
    "content",
    [base64_of(LEAF) + base64_of(ROOT), pem_of(LEAF, ROOT)],
    ids=["base64", "PEM"],
)
def test_certificates_run_together_are_named_with_their_element(content: str) -> None:
    refused = refusal_of(descriptor(content))
    assert "KeyDescriptor 1, X509Certificate 1" in str(refused)
    assert "several certificates run together" in str(refused)


def test_certificates_run_together_without_padding_between_are_named_as_such() -> None:
    der = LEAF.public_bytes(Encoding.DER)
    assert "run together" in str(refusal_of(descriptor(b64encode(der + der).decode())))


@pytest.mark.parametrize(
    ("content", "said"), [("%%%", "not base64"), ("-----BEGIN CERTIFICATE-----\nTUlJ", "BEGIN and END")]
)
def test_what_is_no_certificate_is_named_with_its_element(content: str, said: str) -> None:
    refused = refusal_of(descriptor(content))
    assert "KeyDescriptor 1, X509Certificate 1" in str(refused)
    assert said in str(refused)


# --- the wrong document ------------------------------------------------------------------


@pytest.mark.parametrize(
    "issuer", [None, "https://sts.windows.net/1b2c/", "https://sts.windows.net/{tenantid}/"]
)
def test_metadata_of_all_tenants_in_common_is_refused_with_whose_to_take(issuer: str | None) -> None:
    common = Description(entity_id="https://sts.windows.net/{tenantid}/").document()
    refused = refusal(common, issuer)
    assert "{tenantid}" in str(refused)
    assert "your own tenant's metadata" in refused.hint


@pytest.mark.parametrize("issuer", [None, IDP])
def test_two_descriptors_in_one_entity_are_refused_with_a_hint_about_two_descriptors(
    issuer: str | None,
) -> None:
    text = Description().document().decode()
    begin, end = text.index("<md:IDPSSODescriptor"), text.index("</md:EntityDescriptor>")
    refused = refusal(f"{text[:end]}{text[begin:end]}{text[end:]}".encode(), issuer)
    assert "2 IDPSSODescriptors" in str(refused)
    assert "one IDPSSODescriptor" in refused.hint
    assert "leave `issuer` out" not in refused.hint
