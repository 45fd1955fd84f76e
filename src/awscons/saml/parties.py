"""The two parties of a sign-in: who we are, and whom we trust. Values only, complete or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """Us. `acs_url` is where responses are posted; both texts are compared exactly."""

    entity_id: str
    acs_url: str


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Who vouches for people.

    sso_url               where the AuthnRequest goes (HTTP-Redirect)
    signing_certificates  every one is trusted, so that a rollover needs no appointment; never empty.
                          They are carriers of keys: their dates decide nothing here
    """

    entity_id: str
    sso_url: str
    signing_certificates: tuple[Certificate, ...]

    def __post_init__(self) -> None:
        if not self.signing_certificates:
            raise ValueError("an identity provider without a signing certificate cannot be trusted")
