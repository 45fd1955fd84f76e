"""Serving a WSGI application with gunicorn, for `awscons serve`, `python3 app.py` and the demo."""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers import base as workers_base
from gunicorn.workers.gthread import TConn, ThreadWorker
from gunicorn.workers.workertmp import WorkerTmp

from awscons.adapters.server.cpu_pinning import assign_worker_index, pin_to_cpu
from awscons.adapters.server.graceful_stop import DrainingArbiter, StopFlag
from awscons.adapters.server.listeners import ServerTls
from awscons.adapters.server.reload_signals import FileWatch
from awscons.adapters.server.slow_clients import MAX_REQUEST_SECONDS, PlainSocket, TlsSocket
from awscons.errors import AwsconsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = structlog.get_logger(__name__)


class _MemoryTmp(WorkerTmp):  # type: ignore[misc]  # gunicorn has no types
    """The file by whose time a worker shows that it lives, in memory: a container may have no folder for it."""

    def __init__(self, _cfg: Any) -> None:
        self._tmp = os.fdopen(os.memfd_create("awscons-worker"), "w+b", 0)


# gunicorn offers no setting for the class.
workers_base.WorkerTmp = _MemoryTmp


class RootLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's lines go where the lines of other libraries go, in the same form."""

    def setup(self, cfg: Any) -> None:
        """Set the levels as gunicorn does, and leave the handlers to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


SETTINGS: Mapping[str, Any] = {
    # Seconds that an idle connection is kept open; it costs no thread. A proxy has to close it first: if we
    # closed it at the moment in which the proxy sends the next request, that person would see an error.
    "keepalive": 75,
    "worker_connections": 2_048,
    # Seconds that requests in flight may take to finish when the service stops.
    "graceful_timeout": 30,
    # Bytes. A request line may hold the URL of a console page (8,190 is gunicorn's maximum); a header line may
    # hold the cookies of sixteen pending logins.
    "limit_request_line": 8_190,
    "limit_request_field_size": 16_384,
    # gunicorn trusts no proxy header: `trusted_proxies` in the configuration says which ones count.
    "forwarded_allow_ips": "",
    "secure_scheme_headers": {},
    "forwarder_headers": "",
    # Otherwise gunicorn makes a control socket in the home folder of the user.
    "control_socket_disable": True,
    "logger_class": RootLogger,
}
"""gunicorn's settings under `awscons serve` and in `deploy/gunicorn.conf.py`."""


def serve(  # noqa: PLR0913  each is one setting of the server
    build: Callable[[], WSGIApplication],
    listeners: Sequence[socket.socket],
    *,
    on_ready: Callable[[], None],
    workers: int = 1,
    threads: int = 16,
    tls: ServerTls | None = None,
    max_request_seconds: float = MAX_REQUEST_SECONDS,
    pinned: bool = False,
    stop_flag: StopFlag | None = None,
    on_hup: Callable[[], None] = lambda: None,
    watched: FileWatch | None = None,
) -> None:
    """Serve until interrupted. Does not return.

    build                 makes the application, once in each worker: connections must not cross a fork
    listeners             one, or as many as there are workers
    on_ready              called once, when the server accepts connections
    threads               of each worker; most of them wait for AWS, so many are needed
    tls                   None for plain http
    max_request_seconds   seconds that a client may take to send its request
    pinned                pin each worker to one CPU
    stop_flag             is set when the server was told to stop, and says how long it waits then
    on_hup                called in the parent process for SIGHUP
    watched               files; `on_hup` is called as well when one of them changes
    """
    limit = {"max_request_seconds": max_request_seconds}
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
        tls.context.sslsocket_class = type("LimitedTlsSocket", (TlsSocket,), limit)
        # gunicorn would read the files again for each connection; this context was made once.
        options |= {"certfile": str(tls.certificate), "ssl_context": lambda _config, _default: tls.context}
    make_arbiter = partial(DrainingArbiter, stop_flag=stop_flag or StopFlag(), on_hup=on_hup, watched=watched)
    _Server(build, options, make_arbiter).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, configured from a dict."""

    def __init__(
        self,
        build: Callable[[], WSGIApplication],
        options: dict[str, Any],
        make_arbiter: Callable[[BaseApplication], Arbiter],
    ) -> None:
        self._build = build
        self._options = options
        self._make_arbiter = make_arbiter
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

    def run(self) -> None:
        """Serve until interrupted, with our way to stop."""
        self._make_arbiter(self).run()


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's threaded worker, protected against clients that connect and send nothing, or send slowly.

    gunicorn gives each new connection a thread at once, and lets a request that has begun keep its thread for
    ever. A few dozen silent clients would then occupy all threads of a worker. Here a connection gets a thread
    when its first byte has arrived, and its request has a deadline.
    """

    max_request_seconds = MAX_REQUEST_SECONDS
    sockets: list[Any]
    wsgi: WSGIApplication
    index: int | None = None
    """The number of this worker among those that run, from 0; see `assign_worker_index`."""
    pinned = True
    """Whether a worker with an index keeps to one CPU."""

    def init_process(self) -> None:
        """Start in the process of this worker, with a listener and a CPU of its own.

        All listeners exist before the fork, so that a replaced worker finds its socket again. Each worker closes
        the sockets of the others: the system would give connections to a socket that nobody accepts from.
        """
        if self.index is not None:
            if self.pinned:
                pin_to_cpu(self.index, self.ppid)
            own = self.sockets[self.index % len(self.sockets)]
            for other in self.sockets:
                if other is not own:
                    other.close()
            self.sockets = [own]
        try:
            super().init_process()
        except Exception:
            # gunicorn would print the text of the error as well, which may quote a secret and is no JSON.
            self.log.exception("Exception in worker process")
            sys.exit(1 if self.booted else Arbiter.WORKER_BOOT_ERROR)

    def load_wsgi(self) -> None:
        """Load the application, which may ask for the end of a connection."""
        super().load_wsgi()
        self.wsgi = _close_when_asked(self.wsgi)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection a thread; a new connection gets one when there is something to read."""
        if type(conn.sock) is socket.socket:
            conn.sock = PlainSocket(fileno=conn.sock.detach())
            conn.sock.max_request_seconds = self.max_request_seconds
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        # gunicorn's own poller watches the connection; past `conn.timeout` gunicorn closes it.
        conn.sock.settimeout(0)
        conn.timeout = time.monotonic() + self.max_request_seconds
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)


def _close_when_asked(application: WSGIApplication) -> WSGIApplication:
    """`application`, with connections closed after an answer for which it asks so in the WSGI environment."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            if environ.get("awscons-close-connection"):
                # The function is a method of gunicorn's response, which is not reachable otherwise.
                start_response.__self__.force_close()  # type: ignore[attr-defined]  # see above
            return start_response(status, headers, *error)

        return application(environ, start)

    return answer
