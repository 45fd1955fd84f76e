"""Starting things that answer over HTTP, inside this process or as programs, and ending them again."""

from __future__ import annotations

import io
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote
from wsgiref.util import is_hop_by_hop

import trustme

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

MAX_START = 20.0
"""Seconds that a program may take until it answers."""


@cache
def authority() -> trustme.CA:
    """The certificate authority of this run."""
    return trustme.CA()


@cache
def server_tls() -> ssl.SSLContext:
    """TLS for a server called localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@cache
def client_tls() -> ssl.SSLContext:
    """TLS that trusts this run's authority and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def free_socket() -> socket.socket:
    """A listening socket on a free port of loopback."""
    return socket.create_server(("127.0.0.1", 0))


def free_port() -> int:
    """A port that was free a moment ago: one that the system gives to nobody who asks for any port."""
    while True:
        port = random.randint(10_000, 32_000)
        with suppress(OSError), socket.create_server(("", port)):
            return port


def has_ipv6() -> bool:
    """Whether this machine has the loopback address of IPv6; containers often have none."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class _Handler(BaseHTTPRequestHandler):
    """WSGI over HTTP/1.1 with connections kept, which the development servers of the field do not do.

    `test.socket` in the environment is the connection, for applications that mean to break it.
    """

    protocol_version = "HTTP/1.1"
    # Otherwise each answer waits 40 ms for the client to acknowledge its head.
    disable_nagle_algorithm = True
    wbufsize = -1
    application: WSGIApplication
    scheme = "http"
    multiprocess = False
    clock: Callable[[], datetime] = staticmethod(lambda: datetime.now(UTC))

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Every method goes to the application, made-up ones too."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def date_time_string(self, _timestamp: float | None = None) -> str:
        """What the header `Date` says."""
        return format_datetime(self.clock(), usegmt=True)

    def _answer(self) -> None:
        head: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _error: object = None
        ) -> Callable[[bytes], object]:
            head.append((status, headers))
            return self.wfile.write

        environment = self._environment()
        body = b"".join(self.application(environment, start_response))
        status, headers = head[-1]
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            assert not is_hop_by_hop(name), f"PEP 3333 leaves {name} to the server"
            self.send_header(name, value)
        if environment.get("awscons-close-connection"):
            self.send_header("Connection", "close")
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _environment(self) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environment: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "iso-8859-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": str(self.connection.getsockname()[1]),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_PORT": str(self.client_address[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.scheme,
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": self.multiprocess,
            "wsgi.run_once": False,
            "test.socket": self.connection,
        }
        for name, value in self.headers.items():
            environment[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return environment


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Clients that go away, and connections that a test breaks, are no news."""


@contextmanager
def serving(
    build: Callable[[int], WSGIApplication],
    *,
    tls: ssl.SSLContext | None = None,
    multiprocess: bool = False,
    clock: Callable[[], datetime] | None = None,
) -> Iterator[int]:
    """Serve what `build(port)` makes, in threads of this process; gives the port.

    multiprocess   what the application is told of this server's processes
    clock          the time that its answers tell; default: the system's
    """
    kind: dict[str, object] = {"scheme": "https" if tls else "http", "multiprocess": multiprocess}
    if clock is not None:
        kind["clock"] = staticmethod(clock)
    handler = type("Handler", (_Handler,), kind)
    with _Server(("127.0.0.1", 0), handler) as server:
        port: int = server.server_address[1]
        handler.application = staticmethod(build(port))  # type: ignore[attr-defined]
        if tls is not None:
            # The thread of a connection shakes hands, not the one that accepts all of them.
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            server.shutdown()
            thread.join()


def serve_command(*arguments: str | Path) -> list[str | Path]:
    """The command line of `awscons serve`, as this Python runs it."""
    return [sys.executable, "-m", "awscons", "serve", *arguments]


@contextmanager
def program(
    command: Sequence[str | Path],
    *,
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    host: str = "127.0.0.1",
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until it accepts connections on `port`; end it, and whatever it started, at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        try:
            wait_for_port(process, port, log, host)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # PHP's own server leaves its workers behind.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path, host: str = "127.0.0.1") -> None:
    """Return when something listens on `port`; fail when the program ended or takes too long."""
    begun = time.monotonic()
    while time.monotonic() - begun < MAX_START:
        if process.poll() is not None:
            raise AssertionError(f"the program ended with {process.returncode}: {log.read_text()[-2000:]}")
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)  # between attempts to connect, not for something to have happened
        else:
            return
    raise AssertionError(f"nothing answers on port {port}: {log.read_text()[-2000:]}")


def freeze(process: subprocess.Popen[bytes]) -> None:
    """Stop a program where it is, and return when it has stopped: until then it may answer once more."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds; fail when that takes longer than a program may take to start."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < MAX_START, "it did not happen"
        time.sleep(0.02)  # between looks, not for something to have happened
