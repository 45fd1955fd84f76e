"""The two parties of a sign-in: this service provider and the identity provider. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate

from awscons.findings import Finding
from awscons.saml.input_limits import ANSWER_LIMITS, MessageLimits


class Signer(Protocol):
    """An RSA key of ours that signs, wherever it is kept."""

    @property
    def certificate(self) -> Certificate:
        """The certificate with its public key."""

    def sign(self, message: bytes) -> bytes:
        """The signature by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 8.2)."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key of ours, and the certificate with its public key."""

    certificate: Certificate
    private_key: RSAPrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """See `Signer`."""
        return self.private_key.sign(message, PKCS1v15(), SHA256())


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """This service.

    entity_id, acs_url   compared exactly; responses are posted to `acs_url`
    decryption_keys      all are tried, so that a new key can be added before the old one is removed; empty:
                         encrypted assertions are refused
    slo_url              our URL for logout messages
    signing              the key that signs our messages; None: they are unsigned
    published_certificates   the certificates in our metadata
    answer_limits        how large a response may be
    """

    entity_id: str
    acs_url: str
    decryption_keys: tuple[RSAPrivateKey, ...] = field(default=(), repr=False)
    slo_url: str = ""
    signing: KeyPair | None = None
    published_certificates: tuple[Certificate, ...] = ()
    answer_limits: MessageLimits = ANSWER_LIMITS


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """The trusted identity provider.

    sso_url               where the AuthnRequest goes
    signing_certificates  all are trusted, so that a new key can be added before the old one is removed; never
                          empty. They carry keys: their dates are not checked
    gcm_only              refuse assertions that are encrypted with AES-CBC, which has no integrity check
    slo_url               where logout messages go (HTTP-Redirect); "" when it has no such URL
    slo_response_url      where responses to its logout requests go; "": to `slo_url`
    wants_signed_requests   WantAuthnRequestsSigned of its metadata
    findings              warnings about its metadata
    """

    entity_id: str
    sso_url: str
    signing_certificates: tuple[Certificate, ...]
    gcm_only: bool = False
    slo_url: str = ""
    slo_response_url: str = ""
    wants_signed_requests: bool = False
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if not self.signing_certificates:
            raise ValueError("an identity provider without a signing certificate cannot be trusted")
