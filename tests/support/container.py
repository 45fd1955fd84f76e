"""What a container's runtime does with an image: a root that nobody can write, its user, its volumes, process 1."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.serving import program

_SCRIPT = """
set -e
mount --make-rprivate /
mount --bind {root} {root}
mount -t proc proc {root}/proc
for device in null zero urandom; do touch {root}/dev/$device; mount --bind /dev/$device {root}/dev/$device; done
echo "127.0.0.1 localhost" >{root}/etc/hosts
{mounts}
mount -o remount,ro,bind {root}
exec setpriv --no-new-privs chroot --userspec={user} --groups= {root} env --ignore-environment {environment} {command}
"""
_MOUNT = """if [ -d {outside} ]; then mkdir -p {inside}; else mkdir -p $(dirname {inside}); touch {inside}; fi
mount --bind {outside} {inside}"""
_READ_ONLY = "mount -o remount,ro,bind {inside}"


def in_container(
    command: Sequence[str | Path],
    *,
    root: Path,
    user: str,
    environment: Mapping[str, str],
    volumes: Mapping[str, Path],
    files: Mapping[str, Path],
) -> list[str]:
    """The command that runs `command` as the first process of a container on this host's network.

    user      uid and gid, as uid:gid
    volumes   folders that can be written, by their place in the container
    files     folders and files that can be read
    """
    assert os.getuid() == 0, "these tests need root: they make mount namespaces and become another user"
    mounts = []
    for places, form in ((volumes, [_MOUNT]), (files, [_MOUNT, _READ_ONLY])):
        for inside, outside in places.items():
            quoted = {"inside": shlex.quote(f"{root}{inside}"), "outside": shlex.quote(str(outside))}
            mounts += [line.format(**quoted) for line in form]
    script = _SCRIPT.format(
        root=shlex.quote(str(root)),
        mounts="\n".join(mounts),
        user=user,
        environment=" ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items()),
        command=shlex.join(map(str, command)),
    )
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]


def first_process(runtime: subprocess.Popen[bytes]) -> int:
    """The process id, on the host, of process 1 of a container that runs."""
    return int(Path(f"/proc/{runtime.pid}/task/{runtime.pid}/children").read_text())


@contextmanager
def container_running(command: list[str], *, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run that container until it accepts connections on `port`; stop it at the end as its runtime would."""
    with program(command, port=port, log=log) as runtime:
        yield runtime
        if runtime.poll() is None:
            os.kill(first_process(runtime), signal.SIGTERM)
            runtime.wait(timeout=60)
