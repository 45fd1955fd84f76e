"""Metadata of identity providers, true and otherwise."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from support.forge import IDP, SSO_URL, Forger, certificate_of

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
SLO_URL = "https://idp.example.com/slo"


@dataclass(frozen=True)
class Description:
    """What metadata says of one identity provider.

    keys         its KeyDescriptors, where they are not one for each of `certificates`
    attributes   those of the EntityDescriptor
    """

    entity_id: str = IDP
    certificates: tuple[Certificate, ...] = (certificate_of("idp"),)
    keys: str = ""
    use: str = ' use="signing"'
    sso: tuple[tuple[str, str], ...] = ((REDIRECT, SSO_URL), (POST, f"{SSO_URL}/post"))
    slo: tuple[tuple[str, str], ...] = ((REDIRECT, SLO_URL),)
    attributes: str = ""
    descriptor_attributes: str = ""
    protocol: str = PROTOCOL
    extra: str = ""

    def at(self, **changes: object) -> Description:
        """The same with something else in it."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def entity(self, *, declare: bool = True) -> str:
        """The EntityDescriptor; `{{response-signature}}` marks the signature's place."""
        keys = self.keys or "".join(_key(certificate, self.use) for certificate in self.certificates)
        services = "".join(
            f'<md:{name} Binding="{binding}" Location="{url}"/>'
            for name, addresses in (("SingleLogoutService", self.slo), ("SingleSignOnService", self.sso))
            for binding, url in addresses
        )
        namespaces = f' xmlns:md="{MD}"' if declare else ""
        return (
            f'<md:EntityDescriptor{namespaces} entityID="{self.entity_id}" {self.attributes}>'
            f"{'{{response-signature}}' if declare else ''}{self.extra}"
            f'<md:IDPSSODescriptor protocolSupportEnumeration="{self.protocol}" {self.descriptor_attributes}>'
            f"{keys}{services}</md:IDPSSODescriptor></md:EntityDescriptor>"
        )

    def document(self) -> bytes:
        """The whole document, unsigned."""
        return self.entity().replace("{{response-signature}}", "").encode()

    def signed(self, forger: Forger) -> bytes:
        """The whole document, signed."""
        text = self.at(attributes=f'ID="_metadata" {self.attributes}').entity()
        return forger.sign(text, "response", "_metadata").encode()


def federation(descriptions: Sequence[Description], attributes: str = "") -> bytes:
    """A document of many."""
    entities = "".join(description.entity(declare=False) for description in descriptions)
    return f'<md:EntitiesDescriptor xmlns:md="{MD}" {attributes}>{entities}</md:EntitiesDescriptor>'.encode()


def _key(certificate: Certificate, use: str) -> str:
    return key_descriptor([[f"\n{base64_of(certificate)}"]], use)


def base64_of(certificate: Certificate) -> str:
    """The content of an X509Certificate."""
    return base64.encodebytes(certificate.public_bytes(Encoding.DER)).decode()


def key_descriptor(x509_data: Sequence[Sequence[str]], use: str = ' use="signing"') -> str:
    """A KeyDescriptor with these X509Data, each of some contents of X509Certificates."""
    data = "".join(
        "<ds:X509Data>"
        + "".join(f"<ds:X509Certificate>{content}</ds:X509Certificate>" for content in contents)
        + "</ds:X509Data>"
        for contents in x509_data
    )
    info = f'<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{data}</ds:KeyInfo>'
    return f"<md:KeyDescriptor{use}>{info}</md:KeyDescriptor>"
