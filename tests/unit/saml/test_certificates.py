"""Certificates: which can be trusted, who issued them, and PEM as people paste it."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import BasicConstraints, Certificate, ExtensionType, NameOID, UnrecognizedExtension

from awscons.saml.certificates import (
    end_of,
    fingerprint,
    is_authority,
    is_issuer_of,
    load_der_certificate,
    load_pem_certificates,
    make_key_pair,
    subject_of,
    unfit,
)
from support.forge import certificate_issued, certificate_of, key_named, pem_of

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
END = datetime(2036, 1, 2, 3, 4, 5, tzinfo=UTC)

PublicKey = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | dsa.DSAPublicKey
    | ed25519.Ed25519PublicKey
    | x25519.X25519PublicKey
)


def certificate(
    key: PublicKey | None = None,
    *,
    subject: str = "subject",
    issuer: str = "issuer",
    extension: ExtensionType | None = None,
) -> Certificate:
    """A certificate for that key; all are signed by the key called `issuer`."""

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key or key_named("subject").public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
    )
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key_named("issuer"), hashes.SHA256())


# --- ours --------------------------------------------------------------------------------


def test_a_new_key_pair_has_its_size_and_its_times_and_signs_for_itself() -> None:
    pair = make_key_pair("sso.example.com", bits=2_048, not_before=BEGIN, not_after=END)
    made = pair.certificate
    numbers = pair.private_key.public_key().public_numbers()
    assert (pair.private_key.key_size, numbers.e) == (2_048, 65_537)
    assert made.subject.rfc4514_string() == made.issuer.rfc4514_string() == "CN=sso.example.com"
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (BEGIN, END)
    assert isinstance(made.signature_hash_algorithm, hashes.SHA256)
    public_key = made.public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    assert public_key.public_numbers() == numbers
    public_key.verify(made.signature, made.tbs_certificate_bytes, padding.PKCS1v15(), hashes.SHA256())


# --- PEM and DER -------------------------------------------------------------------------

IDP, NEXT = certificate_of("idp"), certificate_of("next")
PEM = pem_of(IDP, NEXT)


@pytest.mark.parametrize(
    "pasted",
    [
        PEM,
        PEM.replace("\n", "\r\n"),
        PEM.replace("\n", "\n    "),
        PEM.replace("\n", "  \n"),
        PEM.replace("\n", ""),
        PEM.replace("\n", "\n\n"),
        f"Zertifikate für die Anmeldung \udce4:\n{PEM}that is all",
    ],
    ids=["plain", "CRLF", "indented", "space-behind", "one-line", "empty-lines", "words-around"],
)
def test_certificates_are_read_in_order_however_they_were_pasted(pasted: str) -> None:
    assert load_pem_certificates(pasted) == (IDP, NEXT)


@pytest.mark.parametrize(
    "pasted", ["", "no certificate", PEM.replace("MII", "MIJ", 1), PEM.replace("END CERTIFICATE", "END", 1)]
)
def test_a_text_without_readable_certificates_is_a_value_error(pasted: str) -> None:
    with pytest.raises(ValueError, match=r"^ValueError$"):
        load_pem_certificates(pasted)


def test_a_certificate_is_read_from_its_der_bytes_alone() -> None:
    data = IDP.public_bytes(Encoding.DER)
    assert load_der_certificate(data) == IDP
    for broken in (b"", data[:-1], data + b"\0"):
        with pytest.raises(ValueError, match=r"^ValueError$"):
            load_der_certificate(broken)


# --- fit and unfit -----------------------------------------------------------------------


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_an_elliptic_key_on_a_curve_of_nist_is_fit(curve: ec.EllipticCurve) -> None:
    assert unfit(certificate(ec.generate_private_key(curve).public_key())) == ""


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (
            rsa.generate_private_key(public_exponent=65_537, key_size=2_047).public_key(),
            "an RSA key of 2047 bits",
        ),
        (ec.generate_private_key(ec.SECP224R1()).public_key(), "an EC key on secp224r1"),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "an EC key on secp256k1"),
        (ed25519.Ed25519PrivateKey.generate().public_key(), "a key of another kind, Ed25519PublicKey"),
        (dsa.generate_private_key(key_size=1_024).public_key(), "a key of another kind, DSAPublicKey"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_other_key_is_unfit_for_its_own_reason(key: PublicKey, reason: str) -> None:
    assert unfit(certificate(key)) == reason


def test_an_rsa_key_of_the_smallest_size_is_fit_and_the_dates_do_not_count() -> None:
    assert unfit(certificate_of("idp", bits=2_048)) == ""
    assert unfit(certificate_of("idp", ended=True)) == ""


@pytest.mark.parametrize("name", [b"subject", b"issuer"])
def test_a_certificate_with_a_name_that_cannot_be_read_is_unfit(name: bytes) -> None:
    data = certificate().public_bytes(Encoding.DER)
    broken = load_der_certificate(data.replace(name, b"\xff" + name[1:]))
    assert unfit(broken) == "cannot be read: ValueError"


# --- issuers -----------------------------------------------------------------------------

ROOT = certificate_issued("root", "root", authority=True)
LEAF = certificate_issued("leaf", "root")


def test_the_issuer_is_the_certificate_whose_key_signed() -> None:
    assert is_issuer_of(ROOT, LEAF)
    assert is_issuer_of(ROOT, ROOT)
    assert not is_issuer_of(LEAF, ROOT)


def test_a_certificate_with_the_name_of_the_issuer_and_another_key_is_not_the_issuer() -> None:
    impostor = certificate(key_named("impostor").public_key(), subject="root")
    assert not is_issuer_of(impostor, LEAF)


def test_the_key_of_the_issuer_under_another_name_is_not_the_issuer() -> None:
    assert not is_issuer_of(certificate(key_named("root").public_key(), subject="other"), LEAF)


def test_where_a_signature_cannot_be_verified_the_name_decides() -> None:
    """A key for agreement cannot have signed anything that we could verify."""
    agreement = x25519.X25519PrivateKey.generate().public_key()
    assert is_issuer_of(certificate(agreement, subject="root"), LEAF)
    assert not is_issuer_of(certificate(agreement, subject="other"), LEAF)


@pytest.mark.parametrize(
    ("extension", "authority"),
    [
        (BasicConstraints(ca=True, path_length=None), True),
        (BasicConstraints(ca=False, path_length=None), False),
        (None, False),
        (UnrecognizedExtension(BasicConstraints.oid, b"\x30\x03\x01"), True),
    ],
    ids=["authority", "no-authority", "silent", "unreadable"],
)
def test_only_a_certificate_that_says_so_or_speaks_unreadably_is_an_authority(
    extension: ExtensionType | None,
    authority: bool,  # noqa: FBT001  a column of the table
) -> None:
    assert is_authority(certificate(extension=extension)) is authority


def test_a_certificate_with_an_extension_twice_is_taken_for_an_authority() -> None:
    key_usage, name = bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d11")
    builder = (
        x509.CertificateBuilder()
        .subject_name(IDP.subject)
        .issuer_name(IDP.subject)
        .public_key(key_named("idp").public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.15"), b"\x05\x00"), critical=False)
        .add_extension(UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x05\x00"), critical=False)
    )
    data = builder.sign(key_named("idp"), hashes.SHA256()).public_bytes(Encoding.DER)
    assert is_authority(load_der_certificate(data.replace(name, key_usage)))


# --- what is said ------------------------------------------------------------------------


def test_the_fingerprint_is_sha256_in_pairs_of_capital_letters() -> None:
    digest = hashlib.sha256(IDP.public_bytes(Encoding.DER)).hexdigest().upper()
    assert fingerprint(IDP) == ":".join(digest[at : at + 2] for at in range(0, 64, 2))


def test_the_subject_is_said_even_where_there_is_none() -> None:
    assert subject_of(certificate(subject="idp.example.com")) == "CN=idp.example.com"
    assert subject_of(certificate(subject="")) == "without a name"


def test_the_end_is_told_in_utc() -> None:
    assert end_of(certificate()) == END
    assert end_of(certificate()).utcoffset() == timedelta(0)
