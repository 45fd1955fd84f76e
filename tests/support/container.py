"""A container's world, without a container: a root that nobody can write, a uid without a name, no HOME, no TMPDIR."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

UID = 12345
"""A user id that no user has."""

_SCRIPT = """
set -e
mount --make-rprivate /
{binds}
mount -o remount,ro,bind /
for folder in /dev/shm /run; do
    if mountpoint --quiet "$folder"; then mount -o remount,ro,bind "$folder"; fi
done
exec setpriv --reuid {uid} --regid {uid} --clear-groups --no-new-privs env --ignore-environment {environment} {command}
"""


def in_container(
    command: Sequence[str | Path], *, writable: Sequence[Path], environment: Mapping[str, str]
) -> list[str]:
    """The command that runs `command` there, with these folders writable and this environment alone."""
    assert os.getuid() == 0, "these tests need root: they make mount namespaces and become another user"
    variables = {"PATH": "/usr/bin:/bin", **environment}
    script = _SCRIPT.format(
        binds="\n".join(f"mount --bind {folder} {folder}" for folder in map(shlex.quote, map(str, writable))),
        uid=UID,
        environment=" ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items()),
        command=shlex.join(map(str, command)),
    )
    return ["unshare", "--mount", "sh", "-c", script]
