"""xmlsec1, the command-line program over libxmlsec: somebody else's opinion on signatures and encryption."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.x509 import Certificate
from lxml import etree

from support.forge import key_named, pem_of

_SAML = "urn:oasis:names:tc:SAML:2.0:"
_SIGNED = [f"{_SAML}assertion:Assertion"] + [
    f"{_SAML}protocol:{name}" for name in ("Response", "AuthnRequest", "LogoutRequest", "LogoutResponse")
]
_SIGNATURE = "*[local-name() = 'Signature' and namespace-uri() = 'http://www.w3.org/2000/09/xmldsig#']"
PLACES = {
    "message": f"/*/{_SIGNATURE}",
    "assertion": f"/*/*[local-name() = 'Assertion']/{_SIGNATURE}",
    "decrypted": f"/*/*[local-name() = 'EncryptedAssertion']/*[local-name() = 'Assertion']/{_SIGNATURE}",
}
"""Where a signature stands, by name, as an XPath. `decrypted` is for what `decrypted` gives."""


def places_of(document: str | bytes) -> list[str]:
    """The places where a document has a signature."""
    root = etree.fromstring(document.encode() if isinstance(document, str) else document)
    return [name for name, path in PLACES.items() if root.xpath(path)]


def verifies(document: str | bytes, certificate: Certificate, *, place: str) -> bool:
    """Whether xmlsec1 finds the signature in that place to be made by that certificate's key."""
    with _files(document) as (folder, file):
        trusted = folder / "trusted.crt"
        trusted.write_text(pem_of(certificate))
        identifiers = [part for name in _SIGNED for part in ("--id-attr:ID", name)]
        command: list[str | Path] = ["xmlsec1", "--verify", "--pubkey-cert-pem", trusted, *identifiers]
        # Only that key: what KeyInfo brings along is not looked at.
        command += ["--enabled-key-data", "key-name", "--node-xpath", PLACES[place], file]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def decrypted(document: str | bytes, key_name: str) -> bytes | None:
    """The document with its EncryptedData opened by that key; None where xmlsec1 cannot."""
    with _files(document) as (folder, file):
        private = folder / "private.key"
        private.write_bytes(
            key_named(key_name).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        command: list[str | Path] = ["xmlsec1", "--decrypt", "--privkey-pem", private, file]
        done = subprocess.run(command, capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None


@contextmanager
def _files(document: str | bytes) -> Iterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory(prefix="awscons-xmlsec1-") as name:
        file = Path(name) / "document.xml"
        file.write_bytes(document if isinstance(document, bytes) else document.encode())
        yield Path(name), file
