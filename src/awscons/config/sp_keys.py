"""The folder of our own key pairs, read.

    current.pem    signs, is published, decrypts
    next.pem       is published and decrypts; it signs after the second step of a rollover
    previous.pem   decrypts assertions of identity providers that still encrypt to it

Each file holds one private key and its certificate, PEM. Only the service's user, and at most its group, may read
one: with the key, anybody can sign in our name and read what is encrypted to us.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from awscons.config.file_access import close_to_writers, open_to_writers
from awscons.errors import KeysRefused
from awscons.saml.certificates import load_pem_certificates, unfit
from awscons.saml.parties import KeyPair

CURRENT, NEXT, PREVIOUS = "current.pem", "next.pem", "previous.pem"

_NOT_FOR_OTHERS = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Our key pairs, by what each is for."""

    current: KeyPair
    next: KeyPair | None = None
    previous: KeyPair | None = None

    @property
    def published(self) -> tuple[x509.Certificate, ...]:
        """What our metadata names: identity providers trust and encrypt to these."""
        return tuple(pair.certificate for pair in (self.current, self.next) if pair)

    @property
    def decryption_keys(self) -> tuple[rsa.RSAPrivateKey, ...]:
        """Every key that something may be encrypted to."""
        return tuple(pair.private_key for pair in (self.current, self.next, self.previous) if pair)


def load_key_ring(folder: Path) -> KeyRing:
    """The key pairs in a folder.

    Raises KeysRefused when there is no current pair, when a file cannot be read, does not hold one
    RSA key and its own certificate, or may be read by others, or when every user can write the folder.
    """
    if not (folder / CURRENT).exists():
        raise KeysRefused(f"{folder} holds no {CURRENT}", hint=f"make one with: awscons keys new {folder}")
    open_folder = open_to_writers(folder)
    if open_folder:
        raise KeysRefused(open_folder, hint=close_to_writers(folder))
    others = {name: _load_pair(folder / name) for name in (NEXT, PREVIOUS) if (folder / name).exists()}
    return KeyRing(_load_pair(folder / CURRENT), others.get(NEXT), others.get(PREVIOUS))


def check_keys_readable(folder: Path) -> None:
    """Check for a running service that its current pair can still be read. Raises KeysRefused."""
    _read(folder / CURRENT)


def _read(path: Path) -> tuple[int, bytes]:
    """Permissions and content. Raises KeysRefused."""
    try:
        return stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise KeysRefused(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None


def _load_pair(path: Path) -> KeyPair:
    mode, pem = _read(path)
    if mode & _NOT_FOR_OTHERS:
        raise KeysRefused(f"{path} is open to others (mode {mode:04o})", hint=f"chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(pem, password=None)
        (certificate,) = load_pem_certificates(_certificates_in(pem))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not a word of what the parser says: it is about a private key.
        raise KeysRefused(
            f"{path} does not hold one private key and one certificate, PEM, without a passphrase"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KeysRefused(f"{path} holds a key of another kind than RSA, which alone can decrypt in SAML")
    if unfit(certificate):
        raise KeysRefused(f"{path} holds {unfit(certificate)}; 2,048 bits or more are needed")
    if key.public_key() != certificate.public_key():
        raise KeysRefused(
            f"the key and the certificate in {path} do not belong together",
            hint="put the certificate of that very key beside it",
        )
    return KeyPair(certificate, key)


def _certificates_in(pem: bytes) -> str:
    text = pem.decode("ascii", "replace")
    begin = text.find("-----BEGIN CERTIFICATE-----")
    end = text.rfind("-----END CERTIFICATE-----")
    return text[begin : end + len("-----END CERTIFICATE-----")] if 0 <= begin < end else ""
