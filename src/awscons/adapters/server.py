"""Serving a WSGI application over HTTP with gunicorn, for `awscons serve`, `python3 app.py` and the demo."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn.app.base import BaseApplication

from awscons.errors import CannotListen

_GRACE = 30
"""Seconds that requests in flight may take when the server is asked to stop."""


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket on that address. Raises CannotListen, with what to do about it."""
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server((host, port), family=family, backlog=512)
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


def serve(
    build: Callable[[], WSGIApplication],
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    workers: int = 1,
    threads: int = 16,
) -> None:
    """Serve until interrupted. Does not return.

    build      makes the application, once in each worker: connections must not cross a fork
    on_ready   called once, when connections are being accepted
    threads    of each worker; the work is waiting for AWS, so many of them
    """
    _Server(
        build,
        {
            "bind": f"fd://{listener.fileno()}",
            "worker_class": "gthread",
            "workers": workers,
            "threads": threads,
            "graceful_timeout": _GRACE,
            "loglevel": "warning",
            # A control socket would appear in the home folder of whoever starts us.
            "control_socket_disable": True,
            # Proxy headers are trusted as the configuration says, not as the server guesses.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "when_ready": lambda _server: on_ready(),
        },
    ).run()


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
        return self._build()
