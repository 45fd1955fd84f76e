"""The file with the key of the audit log: it holds the key of the current hour alone."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from awscons.audit.chain import AuditKey, hour_of, parse_audit_key
from awscons.errors import KeysRefused


def new_audit_key(now: datetime) -> AuditKey:
    """A new key, for the hour of `now` (UTC) and all later ones."""
    return AuditKey(hour_of(now), secrets.token_bytes(32))


def read_key_file(path: Path) -> AuditKey:
    """The key in a file. Raises KeysRefused."""
    try:
        return parse_audit_key(path.read_text(encoding="ascii", errors="replace"))
    except ValueError:
        raise KeysRefused(
            f"{path} holds no audit key", hint="make one with: awscons audit key FILE"
        ) from None
    except OSError as error:
        raise KeysRefused(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None


def write_key_file(path: Path, key: AuditKey, *, replace: bool) -> None:
    """Write the file, readable for its owner alone, in one step. Raises KeysRefused."""
    try:
        if not replace and path.exists():
            raise KeysRefused(
                f"{path} exists already", hint="a new key begins a new chain: name another file"
            )
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key.text}\n")
        draft.replace(path)
    except OSError as error:
        raise KeysRefused(f"{path} cannot be written: {error.strerror or type(error).__name__}") from None


def advance_key_file(path: Path, now: datetime) -> AuditKey:
    """The key of this hour, which replaces that of an earlier hour in the file. Raises KeysRefused.

    Every process does this by itself: all come to the same key, so that no lock is needed. A file that cannot be
    written keeps the older key, and the hours since then are not protected.
    """
    key = read_key_file(path)
    current = key.at(now) or key
    if current.hour > key.hour:
        with suppress(KeysRefused):
            write_key_file(path, current, replace=True)
    return current
