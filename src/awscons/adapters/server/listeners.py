"""Listening sockets and TLS: what a server needs from the system before it starts its workers."""

from __future__ import annotations

import errno
import socket
import ssl
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from awscons.errors import CannotListen

_BACKLOG = 512
_LIVE_TIMEOUT = 1.0
"""Seconds to wait for a program that may listen on a socket file; it accepts nothing but the connection."""


def open_listeners(host: str, port: int, *, number: int = 1) -> list[socket.socket]:
    """Open `number` listening sockets on one address, one for each worker.

    Linux distributes new connections evenly among the sockets of one address (SO_REUSEPORT). If all workers
    accepted from one socket, the quickest could get every connection. On other systems one socket is opened.
    Raises CannotListen, with what to do about it.
    """
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        if number == 1 or sys.platform != "linux":
            return [listener]
        # The first socket, without SO_REUSEPORT, proves that no other program listens here. It is closed
        # again, because a socket without the option and sockets with it cannot share an address.
        listener.close()
        return [
            socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=True)
            for _ in range(number)
        ]
    except PermissionError:
        raise CannotListen(
            f"this user may not listen on port {port}", hint="ports below 1024 need root: use --port 8000"
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotListen(
            f"cannot listen on {host} port {port}: {reason.lower()}",
            hint="another program uses that port: end it, or choose another with --port"
            if error.errno == errno.EADDRINUSE
            else "see --bind and --port",
        ) from None


def open_unix_listener(path: Path, mode: int) -> socket.socket:
    """Open a listening Unix socket, with those permissions, in place of a file that a killed service left behind.

    Raises CannotListen when another program listens there, the file is no socket, or it cannot be made.
    """
    _remove_stale_socket(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(mode)
        # Nobody can connect before this, so the permissions hold from the first connection on.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"cannot listen on unix:{path}: {(error.strerror or str(error)).lower()}",
            hint="the folder has to exist and to be writable for this user, as that of RuntimeDirectory= in a "
            "systemd unit is; a path has up to 107 characters",
        ) from None
    return listener


def _remove_stale_socket(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise CannotListen(f"cannot listen on unix:{path}: a file that is no socket is in the way")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_LIVE_TIMEOUT)
            client.connect(str(path))
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)  # no program has it open
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in {errno.EAGAIN, None}:  # None: a timeout
            raise CannotListen(
                f"cannot listen on unix:{path}: {(error.strerror or str(error)).lower()}"
            ) from None
        raise _in_use(path) from None
    else:
        raise _in_use(path)


def _in_use(path: Path) -> CannotListen:
    return CannotListen(
        f"cannot listen on unix:{path}: address already in use",
        hint="another program listens there: end it, or choose another path with --bind",
    )


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS for a server, and the file that its certificate came from."""

    certificate: Path
    context: ssl.SSLContext


def load_tls(certificate: Path, key: Path) -> ServerTls:
    """TLS with that certificate chain and key, PEM. Raises CannotListen when they cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # Without a password of ours OpenSSL would ask for one, at a terminal that may not be there.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        reason = error.reason or "unreadable" if isinstance(error, ssl.SSLError) else error.strerror
        raise CannotListen(
            f"cannot use certificate {certificate} with key {key}: {str(reason).lower().replace('_', ' ')}",
            hint="both are PEM files, the key without a passphrase, and readable for this user",
        ) from None
    return ServerTls(certificate, context)
