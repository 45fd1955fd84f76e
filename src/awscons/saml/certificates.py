"""Reads, makes and checks certificates. They carry keys: their dates are not checked here."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    Name,
    NameAttribute,
    NameOID,
    load_der_x509_certificate,
    load_pem_x509_certificates,
    random_serial_number,
)

from awscons.saml.parties import KeyPair

SMALLEST_RSA_KEY = 2_048
"""Bits."""
_EC_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_UNREADABLE = (ValueError, TypeError, InvalidVersion, UnsupportedAlgorithm)


def make_key_pair(common_name: str, *, bits: int, not_before: datetime, not_after: datetime) -> KeyPair:
    """A new RSA key of `bits` bits and its self-signed certificate; times UTC."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return KeyPair(_self_signed(common_name, key, key.public_key(), not_before, not_after), key)


def make_certificate(
    common_name: str,
    public_key: rsa.RSAPublicKey,
    sign: Callable[[bytes], bytes],
    *,
    not_before: datetime,
    not_after: datetime,
) -> Certificate:
    """A self-signed certificate of a key that is kept elsewhere; times UTC.

    sign   by RSASSA-PKCS1-v1_5 with SHA-256, with that key
    """
    # `cryptography` signs with keys of its own alone. The signature is the last field of a certificate, and all those
    # of keys of one size have one length (RFC 5280 4.1): so it can be replaced.
    stand_in = rsa.generate_private_key(public_exponent=65537, key_size=public_key.key_size)
    draft = _self_signed(common_name, stand_in, public_key, not_before, not_after)
    unsigned = draft.public_bytes(Encoding.DER)[: -len(draft.signature)]
    return load_der_x509_certificate(unsigned + sign(draft.tbs_certificate_bytes))


def _self_signed(
    common_name: str,
    key: rsa.RSAPrivateKey,
    public_key: rsa.RSAPublicKey,
    not_before: datetime,
    not_after: datetime,
) -> Certificate:
    name = Name([NameAttribute(NameOID.COMMON_NAME, common_name)])
    return (
        CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .sign(key, hashes.SHA256())
    )


def load_pem_certificates(pem: str) -> tuple[Certificate, ...]:
    """The certificates in a PEM text, in order. The text may be indented or on one line.

    Raises ValueError when there is none, or one that cannot be read. `unfit` tells whether a certificate can
    be trusted.
    """
    try:
        return tuple(load_pem_x509_certificates(_tidy_pem(pem)))
    except _UNREADABLE as error:
        raise ValueError(type(error).__name__) from None


def load_der_certificate(data: bytes) -> Certificate:
    """The certificate in its DER bytes. Raises ValueError when it cannot be read."""
    try:
        return load_der_x509_certificate(data)
    except _UNREADABLE as error:
        raise ValueError(type(error).__name__) from None


def unfit(certificate: Certificate) -> str:
    """Why a certificate cannot be trusted, or "". Reads each part, because the parser reads lazily."""
    try:
        key = certificate.public_key()
        certificate.subject.rfc4514_string()
        certificate.issuer.rfc4514_string()
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except _UNREADABLE as error:
        return f"cannot be read: {type(error).__name__}"
    if isinstance(key, rsa.RSAPublicKey):
        return "" if key.key_size >= SMALLEST_RSA_KEY else f"an RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if isinstance(key.curve, _EC_CURVES) else f"an EC key on {key.curve.name}"
    return f"a key of another kind, {type(key).__name__}"


def is_issuer_of(issuer: Certificate, certificate: Certificate) -> bool:
    """Whether `issuer` signed `certificate`; by the names alone where the signature cannot be verified."""
    if issuer.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return True
    return True


def is_authority(certificate: Certificate) -> bool:
    """Whether it may issue certificates (RFC 5280 4.2.1.9), or does not say so readably."""
    try:
        return certificate.extensions.get_extension_for_class(BasicConstraints).value.ca
    except ExtensionNotFound:
        return False
    except (*_UNREADABLE, DuplicateExtension):
        return True


def fingerprint(certificate: Certificate) -> str:
    """SHA-256 of the certificate, as identity providers show it: `AB:CD:…`."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def subject_of(certificate: Certificate) -> str:
    """The subject in the notation of RFC 4514."""
    return certificate.subject.rfc4514_string() or "without a name"


def end_of(certificate: Certificate) -> datetime:
    """When the certificate expires, UTC."""
    return certificate.not_valid_after_utc


def _tidy_pem(pem: str) -> bytes:
    """Well-formed PEM from pasted PEM that is indented, or has the base64 on one line."""
    lines = [
        line.strip() for line in re.sub(r"(-----(?:BEGIN|END) CERTIFICATE-----)", r"\n\1\n", pem).splitlines()
    ]
    return "\n".join(line for line in lines if line).encode("utf-8", "replace")
