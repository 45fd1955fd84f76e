"""Writing the files of our key pairs: the first pair of a folder, and each step of a rollover."""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from awscons.config.sp_keys import CURRENT, NEXT, PREVIOUS, KeyRing, load_key_ring
from awscons.errors import KeysRefused
from awscons.saml.certificates import make_key_pair
from awscons.saml.parties import KeyPair

_KEY_BITS = 3072
VALID_FOR = timedelta(days=3652)
"""Ten years. Some identity providers refuse an expired certificate, and nobody could sign in then."""


def make_first_pair(folder: Path, *, now: datetime) -> x509.Certificate:
    """Make the folder, if it does not exist, and the current pair in it. Returns the certificate.

    now   UTC
    Raises KeysRefused when the folder holds a pair already or cannot be written.
    """
    if any((folder / name).exists() for name in (CURRENT, NEXT, PREVIOUS)):
        raise KeysRefused(
            f"{folder} holds keys already", hint=f"to rotate them: awscons keys rotate {folder}"
        )
    pair = _make_pair(now)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_pair(folder / CURRENT, pair)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    return pair.certificate


def rotate_pairs(folder: Path, *, now: datetime) -> KeyRing:
    """Take the next of the two steps of a rollover. Returns the pairs after it.

    The first step adds a next pair, which our metadata publishes beside the current one. The second step, for
    when the identity provider has read the metadata again, makes it the current pair and the old one `previous`.

    now   UTC
    Raises KeysRefused when the folder holds no usable current pair or cannot be written.
    """
    ring = load_key_ring(folder)
    try:
        if ring.next is None:
            _write_pair(folder / NEXT, _make_pair(now))
        else:
            # In this order no key is lost if the process ends between the two lines.
            _write_pair(folder / PREVIOUS, ring.current)
            (folder / NEXT).replace(folder / CURRENT)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    return load_key_ring(folder)


def _make_pair(now: datetime) -> KeyPair:
    return make_key_pair(
        f"awscons {now:%Y-%m-%d}",
        bits=_KEY_BITS,
        not_before=now - timedelta(hours=1),
        not_after=now + VALID_FOR,
    )


def _write_pair(path: Path, pair: KeyPair) -> None:
    key = pair.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = pair.certificate.public_bytes(serialization.Encoding.PEM)
    write_private(path, key + certificate)


def write_private(path: Path, content: bytes) -> None:
    """Write the file atomically. Its mode is 0600 from the start, so other users can never read it. Raises OSError.

    Processes may do it at the same time: each has its own draft.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _cannot_write(folder: Path, error: OSError) -> KeysRefused:
    return KeysRefused(f"{folder} cannot be written: {error.strerror or type(error).__name__}")
