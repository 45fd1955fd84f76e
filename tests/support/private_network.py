"""A program in a network namespace of its own, which has one way out: a proxy on a Unix socket.

`python -m support.private_network FOLDER COMMAND…`, run in `tests` by `unshare --map-root-user --net`. Inside, the proxy
`FOLDER/proxy` listens on port PROXY_PORT of loopback. Outside, `FOLDER/service` leads to port SERVICE_PORT inside. No
name can be resolved inside, and no address is reached but loopback.
"""

from __future__ import annotations

import fcntl
import os
import socket
import socketserver
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from support.proxy import copy_both_ways, serving_connections
from support.stage import ROOT

PROXY_PORT, SERVICE_PORT = 3128, 8000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1


def in_private_network(folder: Path, command: Sequence[str | Path]) -> list[str | Path]:
    """The command line that runs `command` there."""
    unshare: list[str | Path] = ["unshare", "--map-root-user", "--net"]
    return [*unshare, sys.executable, "-m", "support.private_network", folder, *command]


def environment_there(**more: str) -> dict[str, str]:
    """The environment of a program there; nothing of this one's proxies, authorities and AWS settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "REQUESTS_")) and not name.lower().endswith("_proxy")
    }
    return {**kept, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", **more}


def _bridge(
    family: socket.AddressFamily, address: str | tuple[str, int]
) -> type[socketserver.BaseRequestHandler]:
    class Bridge(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), socket.socket(family) as there:
                there.connect(address)
                copy_both_ways(self.request, there)

    return Bridge


def main() -> None:
    """Run the command, and end with its exit status."""
    folder, command = Path(sys.argv[1]), sys.argv[2:]
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    outwards = _bridge(socket.AF_UNIX, str(folder / "proxy"))
    inwards = _bridge(socket.AF_INET, ("127.0.0.1", SERVICE_PORT))
    (folder / "service").unlink(missing_ok=True)
    with serving_connections(outwards, None, PROXY_PORT), serving_connections(inwards, folder / "service"):
        sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
