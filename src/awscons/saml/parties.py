"""The two parties of a sign-in: who we are, and whom we trust. Values only, complete or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key of ours, and the certificate by which others know its public half."""

    certificate: Certificate
    private_key: RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """Us.

    entity_id, acs_url   compared exactly; responses are posted to `acs_url`
    decryption_keys      every one may open what is encrypted to us, so that a rollover needs no
                         appointment; without any, nothing can be encrypted to us
    slo_url              where logout messages are sent
    signing              what we sign with; None: we send our messages unsigned
    published_certificates   what our metadata says of our keys
    """

    entity_id: str
    acs_url: str
    decryption_keys: tuple[RSAPrivateKey, ...] = field(default=(), repr=False)
    slo_url: str = ""
    signing: KeyPair | None = None
    published_certificates: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Who vouches for people.

    sso_url               where the AuthnRequest goes
    signing_certificates  every one is trusted, so that a rollover needs no appointment; never empty.
                          They are carriers of keys: their dates decide nothing here
    gcm_only              refuse what it encrypts with AES-CBC, which cannot tell that it was changed
    slo_url               where logout messages go (HTTP-Redirect); "" where it offers none
    slo_response_url      where answers to its own logout requests go
    wants_signed_requests   its metadata says so; whether it insists, only it knows
    """

    entity_id: str
    sso_url: str
    signing_certificates: tuple[Certificate, ...]
    gcm_only: bool = False
    slo_url: str = ""
    slo_response_url: str = ""
    wants_signed_requests: bool = False

    def __post_init__(self) -> None:
        if not self.signing_certificates:
            raise ValueError("an identity provider without a signing certificate cannot be trusted")
