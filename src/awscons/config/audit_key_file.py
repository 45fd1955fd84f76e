"""The file with the key of the audit log: it holds the key of the current hour alone."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path

from awscons.audit.chain import AuditKey, hour_of, parse_audit_key
from awscons.config.key_files import write_private
from awscons.errors import KeysRefused, Mistake

_MAKE = "make one with: awscons audit key FILE"


def new_audit_key(now: datetime) -> AuditKey:
    """A new key, for the hour of `now` (UTC) and all later ones."""
    return AuditKey(hour_of(now), secrets.token_bytes(32))


def read_key_file(path: Path) -> AuditKey:
    """The key in a file. Raises KeysRefused."""
    try:
        return parse_audit_key(path.read_text(encoding="ascii", errors="replace"))
    except ValueError:
        raise KeysRefused(f"{path} holds no audit key", hint=_MAKE) from None
    except OSError as error:
        raise KeysRefused(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None


def check_key_file(path: str | None, mistakes: list[Mistake]) -> None:
    """Add a mistake for a file that the service could not sign events with; None: no file is set."""
    try:
        if path is not None:
            read_key_file(Path(path))
    except KeysRefused as error:
        mistakes.append(
            Mistake("server_config.audit_key_file", str(error), "a file with an audit key", _MAKE)
        )


def write_key_file(path: Path, key: AuditKey, *, replace: bool) -> None:
    """Write the file, readable for its owner alone, in one step. Raises KeysRefused."""
    try:
        if not replace and path.exists():
            raise KeysRefused(
                f"{path} exists already", hint="a new key begins a new chain: name another file"
            )
        write_private(path, f"{key.text}\n".encode())
    except OSError as error:
        raise KeysRefused(f"{path} cannot be written: {error.strerror or type(error).__name__}") from None


class KeyFileKept(KeysRefused):
    """The file still has the key of an earlier hour. `key`: that of this hour. It is a secret."""

    def __init__(self, cause: str, key: AuditKey) -> None:
        super().__init__(
            f"{cause}, so the hours since its key are not protected against who takes this host",
            hint="the service's user must be able to write the file and its folder",
        )
        self.key = key


def key_at(path: Path, now: datetime) -> AuditKey:
    """The key of this hour, from the file, which stays as it is. Raises KeysRefused."""
    key = read_key_file(path)
    return key.at(now) or key


def advance_key_file(path: Path, now: datetime) -> AuditKey:
    """The key of this hour, which replaces that of an earlier hour in the file. Raises KeysRefused, KeyFileKept.

    Every process that serves does this by itself: all come to the same key, so that no lock is needed.
    """
    key = read_key_file(path)
    current = key.at(now) or key
    if current.hour > key.hour:
        try:
            write_key_file(path, current, replace=True)
        except KeysRefused as error:
            raise KeyFileKept(str(error), current) from None
    return current
