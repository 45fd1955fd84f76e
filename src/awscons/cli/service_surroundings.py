"""`awscons check` in the surroundings of the service: its user, and its environment variables."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import click

from awscons.config.environment_file import parse_environment_file
from awscons.config.file_access import others_can_read, read_only_by_others, reason_of
from awscons.errors import ConfigurationError, Mistake
from awscons.findings import Finding


def read_environment(named: str) -> tuple[dict[str, str], list[Finding]]:
    """The variables in a file, and warnings about it. As in a systemd unit, `-` before the path: it may be missing.

    Raises ConfigurationError when the file cannot be read, or when every user of the host can write it.
    """
    path = Path(named.removeprefix("-"))
    try:
        text = read_only_by_others("--env-file", path).decode()
        readable = others_can_read(path, holds="variables of the service")
    except FileNotFoundError as error:
        if named.startswith("-"):
            return {}, []
        found = reason_of(error)
    except OSError as error:
        found = reason_of(error)
    except UnicodeDecodeError:
        found = "not text in UTF-8"
    else:
        return dict(parse_environment_file(text)), [readable] if readable else []
    raise ConfigurationError(str(path), [Mistake("--env-file", found, "a file of NAME=value lines")])


def become(user: str) -> dict[str, str]:
    """Give this process the rights of `user` for good. Returns the variables that a login of the user would have.

    Raises click.UsageError for an unknown user, and when this process is not root's.
    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise click.UsageError(f"--as {user}: this host has no such user") from None
    if os.geteuid() not in {0, entry.pw_uid}:
        raise click.UsageError(f"--as {user}: only root can take the rights of another user")
    try:
        if os.geteuid() == 0:
            os.initgroups(user, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
    except OSError as error:
        # root of a container may lack the capabilities SETUID and SETGID.
        raise click.UsageError(f"--as {user}: {reason_of(error)}") from None
    return {"HOME": entry.pw_dir, "USER": user, "LOGNAME": user}
