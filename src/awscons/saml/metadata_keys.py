"""Which key each KeyDescriptor of an identity provider's metadata stands for.

A KeyInfo describes one key: the certificates beside the signer's are the chain of its issuers (XML signature
4.4.4). Their keys never count, because an authority that issues certificates for others must not sign people in.
A certificate that cannot be used is a finding, and the others still count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.x509 import Certificate

from awscons.errors import ResponseRefused, quote_for_log
from awscons.findings import Finding, warning
from awscons.saml import names
from awscons.saml.certificates import (
    is_authority,
    is_issuer_of,
    load_der_certificate,
    load_pem_certificates,
    subject_of,
    unfit,
)
from awscons.saml.input_limits import decode_base64
from awscons.saml.xml import Element, text_of

_SUBJECT = "saml_config.idp_metadata"
_SECTION = "SAML metadata 2.4.1.1"
_SEVERAL = "it holds several certificates run together"
MAX_CERTIFICATES = 32
"""Of one KeyDescriptor, and of one identity provider. Real ones have up to four; each is tried on a response."""
_PEM_LINE = "-----BEGIN CERTIFICATE-----"
_LONG_FORM = b"\x30\x82"
"""The first bytes of a certificate in DER: a SEQUENCE whose length stands in the next two bytes."""


@dataclass(slots=True)
class SigningKeys:
    """The signing certificates of an IDPSSODescriptor, each key once, and warnings about those that do not count."""

    certificates: list[Certificate] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_signing_keys(descriptor: Element) -> SigningKeys:
    """At most one certificate of each KeyDescriptor for signing, or without `use` (SAML metadata 2.4.1.1)."""
    keys = SigningKeys()
    descriptors = [child for child in descriptor if child.tag == names.KEY_DESCRIPTOR]
    for number, key in enumerate(descriptors, 1):
        if len(keys.certificates) == MAX_CERTIFICATES:
            keys.findings.append(_unusable(f"KeyDescriptor {number}", f"{MAX_CERTIFICATES} stand before it"))
            break
        if key.get("use", "signing") == "signing":
            certificate = _certificate_of(key, f"KeyDescriptor {number}", keys.findings)
            if certificate is not None and certificate not in keys.certificates:
                keys.certificates.append(certificate)
    return keys


def _certificate_of(key: Element, where: str, findings: list[Finding]) -> Certificate | None:
    """The signer's certificate of a KeyDescriptor; None when it has none that can be trusted."""
    readable: dict[str, Certificate] = {}
    unreadable = False
    elements = list(_x509_certificates(key))
    if len(elements) > MAX_CERTIFICATES:
        findings.append(_unusable(where, f"it holds more than {MAX_CERTIFICATES} certificates"))
        return None
    for number, element in enumerate(elements, 1):
        place = f"{where}, X509Certificate {number}"
        try:
            readable[place] = read_certificate(element)
        except ValueError as error:
            unreadable = True
            findings.append(_unusable(place, str(error)))
    # The signer's own certificate may be the unreadable one, and its issuer must not take its place.
    candidates = {
        place: certificate
        for place, certificate in readable.items()
        if not (unreadable and is_authority(certificate))
    }
    findings += [
        _unusable(place, "it may be the issuer of the certificate that cannot be read")
        for place in readable
        if place not in candidates
    ]
    if not candidates:
        return None
    signer = _signer_of(candidates)
    findings.extend(_beside(candidates, signer))
    reason = unfit(candidates[signer])
    if reason:
        findings.append(_unusable(signer, f"it has {reason}"))
    return None if reason else candidates[signer]


def _x509_certificates(key: Element) -> Iterator[Element]:
    parts = [key]
    for tag in (names.KEY_INFO, names.X509_DATA, names.X509_CERTIFICATE):
        parts = [child for part in parts for child in part if child.tag == tag]
    yield from parts


def _signer_of(certificates: dict[str, Certificate]) -> str:
    """The place of the first certificate that issued none of the others; of the first one, if each did."""
    for place, certificate in certificates.items():
        others = [other for other in certificates.values() if other != certificate]
        if not any(is_issuer_of(certificate, other) for other in others):
            return place
    return next(iter(certificates))


def _beside(certificates: dict[str, Certificate], signer: str) -> Iterator[Finding]:
    key = certificates[signer].public_key()
    for place, certificate in certificates.items():
        if certificate.public_key() != key:
            name = quote_for_log(subject_of(certificate))
            yield warning(
                _SUBJECT,
                f"the key of {place}, {name}, does not count: a KeyDescriptor describes one "
                f"signing key, here that of {signer.rpartition(', ')[2]}",
                "an issuer belongs there; a second signing key needs a KeyDescriptor of its own",
            )


def _unusable(place: str, reason: str) -> Finding:
    return warning(
        _SUBJECT,
        f"{place} of the metadata is not used: {reason}",
        "ask the identity provider's administrators to publish one certificate in each X509Certificate: its base64 "
        "text, of an RSA key of 2,048 bits or more, or an EC key",
    )


def read_certificate(element: Element) -> Certificate:
    """The one certificate in an X509Certificate, whose parts can be read; PEM's BEGIN and END lines may be around it.

    Raises ValueError with the reason.
    """
    try:
        text = text_of(element, section=_SECTION)
    except ResponseRefused:
        raise ValueError("it holds elements or comments") from None
    certificate = _from_pem(text) if _PEM_LINE in text else _from_der(_der(text))
    if unfit(certificate).startswith("cannot be read"):
        raise ValueError("it cannot be read")
    return certificate


def _from_pem(text: str) -> Certificate:
    try:
        certificates = load_pem_certificates(text)
    except ValueError:
        raise ValueError("the text between its BEGIN and END lines cannot be read") from None
    if len(certificates) != 1:
        raise ValueError(_SEVERAL)
    return certificates[0]


def _der(text: str) -> bytes:
    try:
        return decode_base64(text, section=_SECTION)
    except ResponseRefused:
        # Padding ends a base64 text, so padding inside means that another text follows.
        raise ValueError(_SEVERAL if "=" in text.rstrip("= \t\r\n") else "it is not base64") from None


def _from_der(der: bytes) -> Certificate:
    length = len(_LONG_FORM) + 2 + int.from_bytes(der[2:4])
    if der.startswith(_LONG_FORM) and _LONG_FORM in der[length : length + 2]:
        raise ValueError(_SEVERAL)
    try:
        return load_der_certificate(der)
    except ValueError:
        raise ValueError("it cannot be read") from None
