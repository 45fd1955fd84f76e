"""An HTTP proxy that records requests, and forwards or refuses them."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """`heads`: the received request lines and headers. `refusal`: a status line, or "" to forward."""

    port: int = 0
    refusal: str = "403 Forbidden"
    heads: list[str] = field(default_factory=list)

    def host(self) -> str:
        """The host of the most recent request."""
        return self.heads[-1].split()[1]


@contextmanager
def open_proxy(refusal: str = "403 Forbidden") -> Iterator[Proxy]:
    """A proxy for CONNECT on loopback."""
    seen = Proxy(refusal=refusal)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines = iter(self.rfile.readline, b"\r\n")
            seen.heads.append("".join(line.decode() for line in lines))
            if seen.refusal:
                self.wfile.write(f"HTTP/1.1 {seen.refusal}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            name, _, port = seen.host().rpartition(":")
            with socket.create_connection((name, int(port))) as there:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_copy, args=(there, self.connection), daemon=True)
                back.start()
                _copy(self.connection, there)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        seen.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield seen
        server.shutdown()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
