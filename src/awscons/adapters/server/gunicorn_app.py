"""Serving a WSGI application over HTTP with gunicorn, for `awscons serve`, `python3 app.py` and the demo."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import TConn, ThreadWorker

from awscons.errors import AwsconsError, CannotListen

_log = structlog.get_logger(__name__)

_GRACE = 30
"""Seconds that requests in flight may take when the server is asked to stop."""
MAX_REQUEST_SECONDS = 15.0
"""Seconds that a client may take to say what it wants, headers and body together."""
_MAX_RESPONSE_SECONDS = 30.0
"""Seconds that a client may take to receive it."""
_BACKLOG = 512
SETTINGS: Mapping[str, Any] = {
    # Seconds that an idle connection is kept, which costs no thread: longer than a proxy keeps it. Otherwise
    # we might hang up at the moment in which it sends the next request, and that person would see an error.
    "keepalive": 75,
    "worker_connections": 2_048,
    # Requests in flight may finish when the service stops.
    "graceful_timeout": _GRACE,
    # Bytes. A request line holds the address of a console page, and gunicorn takes no more; header lines,
    # sixteen pending logins' cookies.
    "limit_request_line": 8_190,
    "limit_request_field_size": 16_384,
    # No proxy header decides anything here: the configuration says how many proxies are believed, for what.
    "forwarded_allow_ips": "",
    "secure_scheme_headers": {},
    "forwarder_headers": "",
    # Otherwise a socket appears in the home folder of whoever starts it.
    "control_socket_disable": True,
}
"""What `awscons serve` and `deploy/gunicorn.conf.py` both tell gunicorn."""


def open_listeners(host: str, port: int, *, number: int = 1) -> list[socket.socket]:
    """So many listening sockets on one address; the system shares connections out among them, evenly.

    Workers that all listened on one socket would be given what they are quick to take: at times one of them
    everything. Only Linux shares out; elsewhere there is one socket. Raises CannotListen, with what to do
    about it.
    """
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        if number == 1 or sys.platform != "linux":
            return [listener]
        # Until here somebody else's socket there is an error. From here on ours have to bear each other.
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
            hint="another program has that port: end it, or choose another with --port"
            if error.errno == 98  # noqa: PLR2004  EADDRINUSE
            else "see --bind and --port",
        ) from None


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


def serve(
    build: Callable[[], WSGIApplication],
    listeners: Sequence[socket.socket],
    *,
    on_ready: Callable[[], None],
    workers: int = 1,
    threads: int = 16,
    tls: ServerTls | None = None,
    max_request_seconds: float = MAX_REQUEST_SECONDS,
    pinned: bool = False,
) -> None:
    """Serve until interrupted. Does not return.

    listeners  one, or as many as there are workers
    build      makes the application, once in each worker: connections must not cross a fork
    on_ready   called once, when connections are being accepted
    threads    of each worker; the work is waiting for AWS, so many of them
    tls        None for plain http
    longest_request   seconds that a client may take to say what it wants
    pinned     keep each worker to one CPU
    """
    limit = {"longest_request": max_request_seconds}
    options: dict[str, Any] = {
        "bind": [f"fd://{listener.fileno()}" for listener in listeners],
        **SETTINGS,
        "worker_class": type("LimitedWorker", (Worker,), {**limit, "pinned": pinned}),
        "pre_fork": assign_worker_index,
        "workers": workers,
        "threads": threads,
        "loglevel": "warning",
        "when_ready": lambda _server: on_ready(),
    }
    if tls is not None:
        tls.context.sslsocket_class = type("LimitedTlsSocket", (_TlsSocket,), limit)
        # gunicorn would read the files anew for each connection; here they were read once.
        options |= {"certfile": str(tls.certificate), "ssl_context": lambda _config, _default: tls.context}
    _Server(build, options).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, configured from a dict."""

    def __init__(self, build: Callable[[], WSGIApplication], options: dict[str, Any]) -> None:
        self._build = build
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        try:
            return self._build()
        except AwsconsError as error:
            _log.error("server.worker_start_failed", cause=str(error), hint=error.hint or None)
            raise SystemExit(Arbiter.WORKER_BOOT_ERROR) from None


# --- workers and their places ------------------------------------------------------------


def assign_worker_index(arbiter: Any, worker: Any) -> None:
    """A hook of gunicorn, `pre_fork`: the lowest number that none of a worker's fellows has."""
    taken = {fellow.place for fellow in arbiter.WORKERS.values()}
    worker.place = next(number for number in count() if number not in taken)


def cpu_of(place: int, service: int) -> int | None:
    """The CPU that the worker of that place keeps to; None where there is no choice.

    service   counting begins there: not every service of a host has its first worker on the first CPU
    """
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return usable[(service + place) % len(usable)] if len(usable) > 1 else None


# --- slow clients ------------------------------------------------------------------------


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's threads, out of reach of clients that open connections and say nothing, or say it slowly.

    gunicorn gives each new connection a thread at once, and a request that has begun a thread for ever: a
    few dozen silent clients would be all that a worker has time for.
    """

    max_request_seconds = MAX_REQUEST_SECONDS
    sockets: list[Any]
    place: int | None = None
    """Of those beside it; see `give_place`."""
    pinned = True
    """Whether a worker with a place keeps to one CPU.

    The threads of a process take turns, and pass the turn on whenever one waits, some thirty times for a
    console. Between CPUs that takes longer than the work itself (docs/explanation/performance.md). nginx's
    `worker_cpu_affinity` and uWSGI's `cpu-affinity` are the same thing.
    """

    def init_process(self) -> None:
        """Begin, in the process of this worker: with a listener and a CPU of its own."""
        if self.place is not None:
            self._keep_to_one_cpu(self.place)
            own = self.sockets[self.place % len(self.sockets)]
            for other in self.sockets:
                if other is not own:
                    other.close()
            self.sockets = [own]
        super().init_process()

    def _keep_to_one_cpu(self, place: int) -> None:
        cpu = cpu_of(place, self.ppid) if self.pinned else None
        if cpu is not None:
            # Where the system does not let us, it goes on as it was.
            with suppress(OSError):
                os.sched_setaffinity(0, {cpu})

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection a thread; a new one only once there is something to read."""
        if type(conn.sock) is socket.socket:
            conn.sock = _PlainSocket(fileno=conn.sock.detach())
            conn.sock.max_request_seconds = self.max_request_seconds
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.settimeout(0)
        conn.timeout = time.monotonic() + self.max_request_seconds
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)


class _DeadlineSocket:
    """A socket on which a request has to arrive in `longest_request` seconds, however its bytes trickle."""

    max_request_seconds = MAX_REQUEST_SECONDS
    _deadline: float | None = None

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001  socket's own signature
        """As gunicorn calls it: True when a thread begins to read a request."""
        self._deadline = None
        super().settimeout(self.max_request_seconds if flag else 0.0)  # type: ignore[misc]  # of the socket beside us

    def recv(self, *arguments: Any) -> bytes:
        """Receive; a connection whose time is up counts as reset, which servers take quietly."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self.max_request_seconds
        if now >= self._deadline:
            raise _too_slow()
        super().settimeout(self._deadline - now)  # type: ignore[misc]  # as above
        try:
            received: bytes = super().recv(*arguments)  # type: ignore[misc]  # as above
        except TimeoutError:
            raise _too_slow() from None
        return received

    def sendall(self, *arguments: Any) -> None:
        """Send, to a client that has to take it within `_LONGEST_ANSWER`."""
        super().settimeout(_MAX_RESPONSE_SECONDS)  # type: ignore[misc]  # as above
        try:
            super().sendall(*arguments)  # type: ignore[misc]  # as above
        except TimeoutError:
            raise _too_slow() from None


class _PlainSocket(_DeadlineSocket, socket.socket):
    pass


class _TlsSocket(_DeadlineSocket, ssl.SSLSocket):
    pass


def _too_slow() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "the client was too slow")
