"""Starting things that answer over HTTP, inside this process or as programs, and ending them again."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

LONGEST_START = 20.0
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
    """A port of loopback that was free a moment ago."""
    with free_socket() as found:
        port: int = found.getsockname()[1]
        return port


@contextmanager
def serving(
    build: Callable[[int], WSGIApplication], *, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve what `build(port)` makes, in threads of this process; gives the port."""
    with free_socket() as listener:
        port = listener.getsockname()[1]
        server = make_server(
            "127.0.0.1", port, build(port), threaded=True, ssl_context=tls, fd=listener.fileno()
        )
        server.log = lambda *_arguments, **_more: None  # type: ignore[method-assign]  # no access log
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@contextmanager
def program(
    command: Sequence[str | Path],
    *,
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until it accepts connections on `port`; end it, by its own process id, at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
        try:
            wait_for_port(process, port, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when something listens on `port`; fail when the program ended or takes too long."""
    begun = time.monotonic()
    while time.monotonic() - begun < LONGEST_START:
        if process.poll() is not None:
            raise AssertionError(f"the program ended with {process.returncode}: {log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)  # between attempts to connect, not for something to have happened
        else:
            return
    raise AssertionError(f"nothing answers on port {port}: {log.read_text()[-2000:]}")
