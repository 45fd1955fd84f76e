"""An HTTP proxy that records requests, and forwards, opens or refuses them."""

from __future__ import annotations

import base64
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import trustme


@dataclass
class Proxy:
    """What a proxy does, and what it received.

    refusal       a status line, or "" to forward
    credentials   `user:password` that it requires, or "" for none
    routes        by host name, ports of this machine to forward to; other hosts are reached by their own names
    opens_tls     the authority that issues certificates for hosts whose TLS it opens; None: it opens none
    heads         the received request lines and headers
    """

    port: int = 0
    refusal: str = "403 Forbidden"
    credentials: str = ""
    routes: Mapping[str, int] = field(default_factory=dict)
    opens_tls: trustme.CA | None = None
    heads: list[str] = field(default_factory=list)

    def host(self) -> str:
        """The host of the most recent request."""
        return self.heads[-1].split()[1]

    def hosts(self) -> set[str]:
        """The hosts of all requests, without their ports."""
        return {head.split()[1].rpartition(":")[0] for head in self.heads}

    def refusal_of(self, head: str) -> str:
        """The status line that refuses this request, or ""."""
        given = base64.b64encode(self.credentials.encode()).decode()
        if self.credentials and f" Basic {given}\r\n" not in head:
            return "407 Proxy Authentication Required"
        return self.refusal


class _Handler(socketserver.StreamRequestHandler):
    proxy: Proxy

    def handle(self) -> None:
        head = b"".join(iter(self.rfile.readline, b"\r\n")).decode()
        self.proxy.heads.append(head)
        refusal = self.proxy.refusal_of(head)
        if refusal:
            self.wfile.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        name, _, port = head.split()[1].rpartition(":")
        there = ("127.0.0.1", self.proxy.routes[name]) if name in self.proxy.routes else (name, int(port))
        with suppress(OSError), socket.create_connection(there) as connection:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            copy_both_ways(self._opened(name), connection)

    def _opened(self, name: str) -> socket.socket:
        connection: socket.socket = self.connection
        if self.proxy.opens_tls is None:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.proxy.opens_tls.issue_cert(name).configure_cert(context)
        return context.wrap_socket(connection, server_side=True)


@contextmanager
def open_proxy(
    refusal: str = "403 Forbidden",
    *,
    credentials: str = "",
    routes: Mapping[str, int] | None = None,
    opens_tls: trustme.CA | None = None,
    listen: Path | None = None,
) -> Iterator[Proxy]:
    """A proxy for CONNECT on loopback, or on the Unix socket `listen`. See `Proxy`."""
    proxy = Proxy(0, refusal, credentials, routes or {}, opens_tls)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with serving_connections(handler, listen) as server:
        if listen is None:
            proxy.port = server.socket.getsockname()[1]
        yield proxy


@contextmanager
def serving_connections(
    handler: type[socketserver.BaseRequestHandler], listen: Path | None, port: int = 0
) -> Iterator[socketserver.TCPServer]:
    """Handle each connection in a thread, on loopback or on a Unix socket."""
    kind = socketserver.ThreadingTCPServer if listen is None else socketserver.ThreadingUnixStreamServer
    server_class = type("Server", (kind,), {"daemon_threads": True, "block_on_close": False})
    with server_class(("127.0.0.1", port) if listen is None else str(listen), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def copy_both_ways(one: socket.socket, other: socket.socket) -> None:
    """Copy until either side ends. In one thread: a TLS connection must not be used by two."""
    to = {one: other, other: one}
    while True:
        for source in select.select(list(to), [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            to[source].sendall(data)
