"""The folder of our own key pairs: read it, make the first pair, roll it.

    current.pem    signs, is published, decrypts
    next.pem       is published and decrypts; it signs once everybody had time to learn of it
    previous.pem   decrypts what somebody still encrypts to it

Each file holds one private key and its certificate, PEM. Nobody but us, and at most our group, may
read one: whoever has the key can sign in our name and read what is encrypted to us.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from awscons.errors import KeysRefused
from awscons.saml.certificates import load_pem_certificates, make_key_pair, unfit
from awscons.saml.parties import KeyPair

CURRENT, NEXT, PREVIOUS = "current.pem", "next.pem", "previous.pem"

_KEY_BITS = 3072
_VALID_FOR = timedelta(days=3652)
"""Identity providers that look at dates must not lock anybody out; rolling a key is one command."""
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
    RSA key and its own certificate, or may be read by others.
    """
    if not (folder / CURRENT).exists():
        raise KeysRefused(f"{folder} holds no {CURRENT}", hint=f"make one with: awscons keys new {folder}")
    others = {name: _load_pair(folder / name) for name in (NEXT, PREVIOUS) if (folder / name).exists()}
    return KeyRing(_load_pair(folder / CURRENT), others.get(NEXT), others.get(PREVIOUS))


def make_first_pair(folder: Path, *, now: datetime) -> x509.Certificate:
    """Make the folder, if there is none, and the current pair in it; its certificate.

    now   UTC
    Raises KeysRefused when there is one already, or the folder cannot be written.
    """
    if any((folder / name).exists() for name in (CURRENT, NEXT, PREVIOUS)):
        raise KeysRefused(
            f"{folder} holds keys already", hint=f"to roll them over: awscons keys rotate {folder}"
        )
    pair = _make_pair(now)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_pair(folder / CURRENT, pair)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    return pair.certificate


def rotate_pairs(folder: Path, *, now: datetime) -> KeyRing:
    """One step of a rollover, of which there are two; the pairs after it.

    The first step adds a next pair, published beside the current one. The second, when every identity
    provider has read our metadata again, makes it the current one, and keeps the old one as previous.

    now   UTC
    Raises KeysRefused.
    """
    ring = load_key_ring(folder)
    try:
        if ring.next is None:
            _write_pair(folder / NEXT, _make_pair(now))
        else:
            # In this order a halt in between leaves every key in the folder, under some name.
            _write_pair(folder / PREVIOUS, ring.current)
            (folder / NEXT).replace(folder / CURRENT)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    return load_key_ring(folder)


def _load_pair(path: Path) -> KeyPair:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        pem = path.read_bytes()
    except OSError as error:
        raise KeysRefused(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None
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


def _make_pair(now: datetime) -> KeyPair:
    return make_key_pair(
        f"awscons {now:%Y-%m-%d}",
        bits=_KEY_BITS,
        not_before=now - timedelta(hours=1),
        not_after=now + _VALID_FOR,
    )


def _write_pair(path: Path, pair: KeyPair) -> None:
    """Whole or not at all, and never for a moment open to others."""
    key = pair.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = pair.certificate.public_bytes(serialization.Encoding.PEM)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + certificate)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _cannot_write(folder: Path, error: OSError) -> KeysRefused:
    return KeysRefused(f"{folder} cannot be written: {error.strerror or type(error).__name__}")
