"""Kept connections to AWS, for both of its endpoints.

A connection costs a handshake, and TLS the reading of all certificates: both are done once and kept. Proxies
are found as botocore finds them, so that every call takes the same way out. Python's own HTTP client makes
the connections, tunnels and TLS among it; what goes over them is one POST and one short answer at a time, and
is written and read here (RFC 9112): with all that a client has for other needs it would be a quarter of a
console's CPU. Nothing of a request or of an answer is ever logged or put into an error: both hold
credentials.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import BadStatusLine, HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from awscons.errors import UpstreamSilent, UpstreamUnusable

_MAX_KEPT = 64
"""Connections to one host: with more threads than these, each surplus one would shake hands anew."""
_MAX_RESPONSE_BYTES = 64 * 1024
"""Bytes that are read of an answer; the largest has about four thousand."""
_MAX_LINE_LENGTH = 8_192
"""Bytes of a line of an answer's head."""
_MAX_HEADERS = 100

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([2-5][0-9]{2})(?: [^\r\n]*)?\r\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?\r\n")
_TELLING = frozenset({b"connection", b"content-length", b"transfer-encoding"})
"""Headers that say where an answer ends: two of one kind would say it twice."""


@dataclass(frozen=True, slots=True)
class Step:
    """One of the two calls of a sign-in: its `name` in logs, and what people call whom it asks."""

    name: str
    requested: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` may hold credentials."""

    status: int
    body: bytes = field(repr=False)


class Connections:
    """Requests over kept connections. Safe for many threads."""

    def __init__(
        self, *, connect_timeout: float, read_timeout: float, certificate_bundle: str | None = None
    ) -> None:
        """How long to wait, in seconds, and whom to trust.

        certificate_bundle   a file, PEM; None: the certificates that botocore brings
        """
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._certificate_bundle = certificate_bundle
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None
        self._ways: dict[str, _Way] = {}

    def prepare(self, url: str) -> None:
        """Make what the first request to `url` needs, without a request. Raises UpstreamSilent."""
        self._way(url)

    def ask(
        self,
        step: Step,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        query: str = "",
        seconds_left: float = float("inf"),
    ) -> Answer:
        """One request and its answer, of whatever status. A kept connection that broke is replaced.

        url            without a query
        seconds_left   of the sign-in; the call takes no more
        Raises UpstreamSilent when nothing came in time, UpstreamUnusable when half an answer came.
        """
        if seconds_left <= 0:
            raise UpstreamSilent("the time for this sign-in is over", step=step.name, code="timeout")
        way = self._way(url)
        request = way.request(method, query, headers, body)
        read_timeout = min(self._read_timeout, seconds_left)
        connecting = False
        try:
            kept = way.take()
            if kept is not None:
                # One that has just been closed, by AWS or on the way there, is replaced.
                with suppress(ConnectionError):
                    return way.exchange(kept, request, read_timeout)
            connecting = True
            made = way.connect(min(self._connect_timeout, seconds_left))
            connecting = False
            return way.exchange(made, request, read_timeout)
        except (OSError, HTTPException) as error:
            _raise_failure(step, error, connecting=connecting)

    def _way(self, url: str) -> _Way:
        """The way to this URL: directly, or by the proxy that the environment names."""
        # Kept by URL, since to look through the environment takes longer than all the rest of a request.
        known = self._ways.get(url)
        if known is None:
            with self._lock:
                proxy = get_environ_proxies(url).get(urlsplit(url).scheme, "")
                tls = self._context() if url.startswith("https:") else None
                known = self._ways.setdefault(url, _Way(url, proxy=proxy, tls=tls))
        return known

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            bundle = self._certificate_bundle or get_cert_path(verify=True)
            try:
                self._tls = ssl.create_default_context(cafile=bundle)
            except OSError as error:
                raise UpstreamSilent(
                    f"the certificates in {bundle} cannot be read: {type(error).__name__}",
                    step="tls",
                    code=type(error).__name__,
                    hint="AWS_CA_BUNDLE, or `ca_bundle` of the profile, names a PEM file of authorities",
                ) from None
        return self._tls


class _Way:
    """How to reach one URL, and the connections that are kept for it."""

    def __init__(self, url: str, *, proxy: str, tls: ssl.SSLContext | None) -> None:
        self._to = urlsplit(url)
        self._tls = tls
        self._proxy = urlsplit(proxy) if proxy else None
        # All of the URL where a proxy reads it (RFC 9112 3.2.2); an encrypted one it does not.
        by_proxy = self._proxy is not None and tls is None
        self._path = url if by_proxy else self._to.path or "/"
        self._headers = {"Host": host_header(url)}
        if self._proxy and by_proxy:
            self._headers |= _proxy_headers(self._proxy)
        self._kept: list[_Connection] = []

    def request(self, method: str, query: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """What to send. Raises ValueError for a header that would be two."""
        path = f"{self._path}?{query}" if query else self._path
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {**self._headers, **headers}.items()]
        if any("\n" in line or "\r" in line for line in lines):
            raise ValueError("a header of several lines")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("ascii") + body

    def take(self) -> _Connection | None:
        """A kept connection that still stands, or None."""
        with suppress(IndexError):
            while (connection := self._kept.pop()).is_stale():
                connection.close()
            return connection
        return None

    def connect(self, timeout: float) -> _Connection:
        """A new connection; `timeout` in seconds. Raises OSError, HTTPException."""
        at = self._proxy or self._to
        host, port = at.hostname or "", at.port
        made: HTTPConnection
        if self._tls is None:
            made = HTTPConnection(host, port, timeout=timeout)
        else:
            made = HTTPSConnection(host, port, timeout=timeout, context=self._tls)
            if self._proxy is not None:
                made.set_tunnel(self._to.hostname or "", self._to.port, _proxy_headers(self._proxy))
        made.connect()
        return _Connection(made.sock)

    def exchange(self, connection: _Connection, request: bytes, read_timeout: float) -> Answer:
        """One request, its answer, and what becomes of the connection. Raises OSError, HTTPException."""
        reusable = False
        try:
            answer, reusable = connection.exchange(request, read_timeout)
        finally:
            if reusable and len(self._kept) < _MAX_KEPT:
                self._kept.append(connection)
            else:
                connection.close()
        return answer


class _Connection:
    """A connection, for one request at a time."""

    def __init__(self, stream: socket.socket) -> None:
        self._socket = stream
        self._reader = stream.makefile("rb")

    def is_stale(self) -> bool:
        """Whether something came while nobody asked: on a kept connection, its end."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._socket.close()

    def exchange(self, request: bytes, read_timeout: float) -> tuple[Answer, bool]:
        """Send, and read the answer; whether another request may follow. Raises OSError, HTTPException."""
        self._socket.settimeout(read_timeout)
        self._socket.sendall(request)
        version, status, headers = self._read_head()
        body, whole = self._read_body(headers)
        stays = version == b"1" and headers.get(b"connection", b"").lower() != b"close"
        return Answer(status, body), whole and stays

    def _read_head(self) -> tuple[bytes, int, dict[bytes, bytes]]:
        """Version, status and headers, by their names in small letters."""
        first = self._reader.readline(_MAX_LINE_LENGTH)
        if not first:
            raise ConnectionResetError("closed in place of an answer")
        matched = _STATUS_LINE.fullmatch(first)
        if matched is None:
            raise BadStatusLine("no HTTP/1")
        headers: dict[bytes, bytes] = {}
        for _ in range(_MAX_HEADERS):
            line = self._reader.readline(_MAX_LINE_LENGTH)
            if line == b"\r\n":
                return matched[1], int(matched[2]), headers
            name, colon, value = line.partition(b":")
            name = name.lower()
            if not colon or not line.endswith(b"\r\n") or (name in _TELLING and name in headers):
                raise BadStatusLine("a header that cannot be understood")
            headers[name] = value.strip()
        raise BadStatusLine("headers without end")

    def _read_body(self, headers: Mapping[bytes, bytes]) -> tuple[bytes, bool]:
        """The body, of which no more is read than the largest has; whether it was all (RFC 9112 6.3)."""
        coding, length = headers.get(b"transfer-encoding"), headers.get(b"content-length")
        if coding is not None:
            if coding.lower() != b"chunked" or length is not None:
                raise BadStatusLine("a body that cannot be understood")
            return self._read_chunks()
        if length is None:
            return self._reader.read(_MAX_RESPONSE_BYTES + 1), False
        if not length.isdigit():
            raise BadStatusLine("a length that is none")
        wanted = min(int(length), _MAX_RESPONSE_BYTES + 1)
        return self._read_all_of(wanted), wanted == int(length)

    def _read_chunks(self) -> tuple[bytes, bool]:
        body = b""
        while len(body) <= _MAX_RESPONSE_BYTES:
            matched = _CHUNK_LINE.fullmatch(self._reader.readline(_MAX_LINE_LENGTH))
            if matched is None:
                raise IncompleteRead(b"")
            size = int(matched[1], 16)
            body += self._read_all_of(min(size, _MAX_RESPONSE_BYTES + 1))
            if size > _MAX_RESPONSE_BYTES:
                break
            end = self._reader.readline(_MAX_LINE_LENGTH)
            if size == 0:
                # Fields after the last chunk mean nothing to us: nobody reads on.
                return body, end == b"\r\n"
            if end != b"\r\n":
                raise IncompleteRead(b"")
        return body, False

    def _read_all_of(self, length: int) -> bytes:
        data = self._reader.read(length)
        if len(data) < length:
            raise IncompleteRead(b"")
        return data


def host_header(url: str) -> str:
    """The Host header that goes with a URL: without the port that its scheme has anyway."""
    to = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(to.scheme)
    name = f"[{to.hostname}]" if ":" in (to.hostname or "") else to.hostname or ""
    return name if to.port in {None, usual} else f"{name}:{to.port}"


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    """The user and password that stand in a proxy's URL, as the header that proxies want (RFC 7617)."""
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode('ascii')}"}


def _raise_failure(step: Step, error: Exception, *, connecting: bool) -> NoReturn:
    """The texts of these errors quote hosts and more; only the kind of the failure is kept."""
    kind = type(error).__name__
    if isinstance(error, TimeoutError):
        kind = "ConnectTimeout" if connecting else "ReadTimeout"
        raise UpstreamSilent(
            f"{step.requested} did not answer in time: {kind}", step=step.name, code=kind
        ) from None
    if isinstance(error, ssl.SSLError):
        between = f"between this host and {step.requested}"
        raise UpstreamSilent(
            f"no TLS connection to {step.requested}: {kind}",
            step=step.name,
            code=kind,
            hint=f"a proxy or an old certificate bundle stands {between}; see AWS_CA_BUNDLE",
        ) from None
    if isinstance(error, IncompleteRead):
        raise UpstreamUnusable(f"{step.requested} gave half an answer", step=step.name, code=kind) from None
    raise UpstreamSilent(f"{step.requested} cannot be reached: {kind}", step=step.name, code=kind) from None
