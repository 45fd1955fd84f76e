"""Who else may write or read the files that the service trusts: its configuration, secrets and stores.

A user who can write them decides what the service does, so a file or folder that every user can write is refused. One
that a group can write is a warning: on a workstation each user has a group of their own, and files of a deployment may
belong to the people who deploy. A folder on a file system that is mounted read-only is safe, whatever its mode says:
Kubernetes mounts ConfigMaps and Secrets in folders of mode 0777.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from awscons.errors import ConfigurationError, Mistake
from awscons.findings import Finding, warning

_WANTED = "a file or folder that only root or the service's user can write"


def reason_of(error: OSError) -> str:
    """Why a file cannot be used, in the operating system's words."""
    return (error.strerror or type(error).__name__).lower()


def open_to_writers(path: Path) -> str:
    """How every user can write `path`, in words; "" where they cannot. Follows links. Raises OSError."""
    mode = path.stat().st_mode
    if not mode & stat.S_IWOTH or os.statvfs(path).f_flag & os.ST_RDONLY:
        return ""
    return f"{path} can be written by every user of this host (mode {stat.S_IMODE(mode):04o})"


def close_to_writers(path: Path) -> str:
    """The command that takes the right to write from other users."""
    return f"chmod o-w {path}"


def writers_mistake(key: str, path: Path) -> Mistake | None:
    """The mistake for a file or folder that every user can write. `key`: names it in the report. Raises OSError."""
    found = open_to_writers(path)
    return Mistake(key, found, _WANTED, close_to_writers(path)) if found else None


def refuse_if_open(key: str, path: Path) -> None:
    """Raise ConfigurationError if every user can write the file or folder; one that does not exist is not judged."""
    try:
        mistake = writers_mistake(key, path)
    except OSError:
        return
    if mistake is not None:
        raise ConfigurationError(str(path), [mistake])


def read_only_by_others(key: str, path: Path) -> bytes:
    """The content of a file that other users cannot write. Raises ConfigurationError, OSError."""
    mistake = writers_mistake(key, path)
    if mistake is not None:
        raise ConfigurationError(str(path), [mistake])
    return path.read_bytes()


def group_can_write(path: Path) -> Finding | None:
    """A warning about a file or folder that a group other than root's can write."""
    status = path.stat()
    if not status.st_mode & stat.S_IWGRP or status.st_gid == 0:
        return None
    cause = f"{path} can be written by the group {status.st_gid}, which so decides what the service does"
    return warning(str(path), cause, f"chmod g-w {path}")


def others_can_read(path: Path, *, holds: str) -> Finding | None:
    """A warning about a file that every user can read. `holds`: the secret in it, in words."""
    if not path.stat().st_mode & stat.S_IROTH:
        return None
    return warning(
        str(path), f"{path} can be read by every user of this host, and holds {holds}", f"chmod o-r {path}"
    )
