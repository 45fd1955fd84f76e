"""The limits of KeyDescriptors, and what an administrator is told of each certificate that does not count."""

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from awscons.findings import Severity
from awscons.saml.metadata_keys import MAX_CERTIFICATES, read_certificate, read_signing_keys
from awscons.saml.xml import Element, parse
from support.describe import MD, base64_of, key_descriptor
from support.forge import certificate_issued, certificate_of, pem_of

LEAF = certificate_issued("idp", "root")
ROOT = certificate_issued("root", "root", authority=True)
OTHER = certificate_of("other")
DER = LEAF.public_bytes(Encoding.DER)
# The parser reads a certificate lazily, so one with a key of an unknown algorithm is read at first.
UNKNOWN_KEY = DER.replace(bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d010163"))
BROKEN = "TUlJ"
MAY_BE_THE_ISSUER = "it may be the issuer of the certificate that cannot be read"


def descriptor_of(*keys: str) -> Element:
    return parse(f'<md:IDPSSODescriptor xmlns:md="{MD}">{"".join(keys)}</md:IDPSSODescriptor>')


def key_of(*contents: str | Certificate, use: str = ' use="signing"') -> str:
    return key_descriptor(
        [[base64_of(content) if isinstance(content, Certificate) else content for content in contents]], use
    )


def read(*keys: str) -> tuple[list[Certificate], list[str]]:
    """The certificates that count, and what is said of the others."""
    found = read_signing_keys(descriptor_of(*keys))
    assert {finding.severity for finding in found.findings} <= {Severity.WARNING}
    assert {finding.subject for finding in found.findings} <= {"saml_config.idp_metadata"}
    return found.certificates, [finding.cause for finding in found.findings]


def not_used(place: str, reason: str) -> str:
    return f"{place} of the metadata is not used: {reason}"


def element_of(text: str) -> Element:
    return parse(f"<X509Certificate>{text}</X509Certificate>")


# --- the number of certificates ----------------------------------------------------------


@pytest.mark.parametrize("more", [0, 1, 2])
def test_as_many_keys_as_the_maximum_count_and_one_finding_is_about_the_rest(more: int) -> None:
    certificates = [certificate_of(f"ec-{number}") for number in range(MAX_CERTIFICATES + more)]
    counted, said = read(*map(key_of, certificates))
    assert counted == certificates[:MAX_CERTIFICATES]
    assert said == ([not_used("KeyDescriptor 33", "32 stand before it")] if more else [])


def test_the_maximum_of_certificates_in_one_descriptor_is_one_key() -> None:
    assert read(key_of(*[LEAF] * MAX_CERTIFICATES)) == ([LEAF], [])
    counted, said = read(key_of(*[LEAF] * (MAX_CERTIFICATES + 1)))
    assert (counted, said) == ([], [not_used("KeyDescriptor 1", "it holds more than 32 certificates")])


def test_a_key_that_is_there_twice_counts_once() -> None:
    assert read(key_of(LEAF), key_of(OTHER), key_of(LEAF)) == ([LEAF, OTHER], [])


def test_a_key_without_a_use_is_for_signing_too() -> None:
    assert read(key_of(LEAF, use="")) == ([LEAF], [])


def test_a_descriptor_for_another_use_is_counted_in_the_places_that_are_named() -> None:
    _, said = read(key_of(OTHER, use=' use="encryption"'), key_of(LEAF, BROKEN))
    assert said == [not_used("KeyDescriptor 2, X509Certificate 2", "it cannot be read")]


@pytest.mark.parametrize("key", ["", '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'])
def test_a_descriptor_without_a_certificate_is_passed_over(key: str) -> None:
    assert read(f"<md:KeyDescriptor>{key}</md:KeyDescriptor>", key_of(LEAF)) == ([LEAF], [])


# --- which one is the signer's -----------------------------------------------------------


def test_a_root_that_stands_alone_may_sign() -> None:
    assert read(key_of(ROOT)) == ([ROOT], [])
    assert read(key_of(ROOT, ROOT)) == ([ROOT], [])


@pytest.mark.parametrize("unreadable", [BROKEN, b64encode(UNKNOWN_KEY).decode()])
def test_an_issuer_beside_an_unreadable_certificate_does_not_count_and_is_named(unreadable: str) -> None:
    counted, said = read(key_of(ROOT, unreadable))
    assert counted == []
    assert said == [
        not_used("KeyDescriptor 1, X509Certificate 2", "it cannot be read"),
        not_used("KeyDescriptor 1, X509Certificate 1", MAY_BE_THE_ISSUER),
    ]


def test_an_unreadable_certificate_of_one_descriptor_says_nothing_about_another() -> None:
    counted, said = read(key_of(BROKEN), key_of(ROOT))
    assert counted == [ROOT]
    assert said == [not_used("KeyDescriptor 1, X509Certificate 1", "it cannot be read")]


def test_of_certificates_that_issued_each_other_the_first_counts() -> None:
    one, other = certificate_issued("one", "two"), certificate_issued("two", "one")
    assert read(key_of(one, other))[0] == [one]
    assert read(key_of(other, one))[0] == [other]


def test_a_second_key_of_a_descriptor_is_named_with_the_one_that_counts() -> None:
    counted, said = read(key_of(ROOT, LEAF, OTHER))
    assert counted == [LEAF]
    assert said == [
        "the key of KeyDescriptor 1, X509Certificate 1, 'CN=root', does not count: a KeyDescriptor describes one "
        "signing key, here that of X509Certificate 2",
        "the key of KeyDescriptor 1, X509Certificate 3, 'CN=other', does not count: a KeyDescriptor describes one "
        "signing key, here that of X509Certificate 2",
    ]


def test_a_signer_that_is_too_weak_is_not_replaced_by_its_neighbour() -> None:
    weak = certificate_of("weak", bits=1024)
    counted, said = read(key_of(weak, OTHER))
    assert counted == []
    assert said[-1] == not_used("KeyDescriptor 1, X509Certificate 1", "it has an RSA key of 1024 bits")


def test_every_certificate_that_does_not_count_has_a_cure() -> None:
    found = read_signing_keys(descriptor_of(key_of(BROKEN, LEAF, OTHER)))
    assert [finding.cure.partition(" ")[0] for finding in found.findings] == ["ask", "an"]


# --- one certificate ---------------------------------------------------------------------


def encoded(der: bytes) -> str:
    return b64encode(der).decode()


@pytest.mark.parametrize(
    "text", [encoded(DER), f"\n  {base64_of(LEAF)}\n", pem_of(LEAF), f"\n   {pem_of(LEAF)}  "]
)
def test_a_certificate_is_read_from_base64_and_from_pem(text: str) -> None:
    assert read_certificate(element_of(text)) == LEAF


SEVERAL = "it holds several certificates run together"
UNREADABLE = "it cannot be read"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", UNREADABLE),
        ("   ", UNREADABLE),
        (BROKEN, UNREADABLE),
        ("%%%", "it is not base64"),
        ("TUl", "it is not base64"),
        ("TQ== \n", UNREADABLE),
        ("TQ==TQ==", SEVERAL),
        ("TQ== TQ", SEVERAL),
        ("<x/>", "it holds elements or comments"),
        (f"{encoded(DER)}<!--c-->", "it holds elements or comments"),
        (encoded(DER[:-1]), UNREADABLE),
        (encoded(UNKNOWN_KEY), UNREADABLE),
        (encoded(DER[:3]), UNREADABLE),
        (encoded(DER + b"\x00"), UNREADABLE),
        (encoded(DER + b"\x30"), UNREADABLE),
        (encoded(DER + b"\x30\x82"), SEVERAL),
        (encoded(DER + DER), SEVERAL),
        (encoded(DER + b"\x00" + DER), UNREADABLE),
        (encoded(b"\x30\x82\x00\x00\x30\x82"), SEVERAL),
        (encoded(b"\x30\x82\x00\x01\x00\x30\x82"), SEVERAL),
        (encoded(b"\x30\x82\x01\x00" + bytes(256) + b"\x30\x82"), SEVERAL),
        (encoded(b"\x30\x82\x00\x01\x30\x82"), UNREADABLE),
        (encoded(b"\x30\x81\x00\x00\x30\x82"), UNREADABLE),
        (pem_of(LEAF, OTHER), SEVERAL),
        (pem_of(LEAF, LEAF), SEVERAL),
        (
            "-----BEGIN CERTIFICATE-----\nTUlJ",
            "the text between its BEGIN and END lines cannot be read",
        ),
    ],
)
def test_what_is_not_one_certificate_is_told_as_what_it_is(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        read_certificate(element_of(text))
