"""Kept connections to AWS, for both of its endpoints, on Python's own HTTP client.

A connection costs a handshake, and TLS the reading of all certificates: both are done once and kept. Proxies
are found as botocore finds them, so that every call takes the same way out. Nothing of a request or of an
answer is ever logged or put into an error: both hold credentials.
"""

from __future__ import annotations

import select
import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from awscons.errors import UpstreamSilent, UpstreamUnusable

_MOST_KEPT = 64
"""Connections to one host: with more threads than these, each surplus one would shake hands anew."""
_LARGEST_ANSWER = 64 * 1024
"""Bytes that are read of an answer; the largest has about four thousand."""


@dataclass(frozen=True, slots=True)
class Step:
    """One of the two calls of a sign-in: its `name` in logs, and what people call whom it asks."""

    name: str
    asked: str


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
        """Make what the first request to `url` needs, without a request."""
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
        request = (method, f"{way.path}?{query}" if query else way.path, body, {**headers, **way.headers})
        read_timeout = min(self._read_timeout, seconds_left)
        connecting = False
        try:
            kept = way.take()
            if kept is not None:
                # One that has just been closed, by AWS or on the way there, is replaced.
                with suppress(ConnectionError):
                    return _exchange(way, kept, request, read_timeout)
            connecting = True
            made = way.connect(min(self._connect_timeout, seconds_left))
            connecting = False
            return _exchange(way, made, request, read_timeout)
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
            self._tls = ssl.create_default_context(cafile=bundle)
        return self._tls


class _Way:
    """How to reach one URL, and the connections that are kept for it.

    path      what the request line has: all of the URL where a proxy reads it (RFC 9112 3.2.2)
    headers   for a proxy that reads the request
    """

    def __init__(self, url: str, *, proxy: str, tls: ssl.SSLContext | None) -> None:
        self._to = urlsplit(url)
        self._tls = tls
        self._proxy = urlsplit(proxy) if proxy else None
        by_proxy = self._proxy is not None and tls is None
        self.path = url if by_proxy else self._to.path or "/"
        self.headers = _proxy_headers(self._proxy) if self._proxy and by_proxy else {}
        self._kept: list[HTTPConnection] = []

    def take(self) -> HTTPConnection | None:
        """A kept connection that still stands, or None."""
        while self._kept:
            try:
                connection = self._kept.pop()
            except IndexError:
                return None
            if not _has_news(connection):
                return connection
            connection.close()
        return None

    def keep(self, connection: HTTPConnection) -> None:
        """Keep a connection on which nothing is under way."""
        if len(self._kept) < _MOST_KEPT:
            self._kept.append(connection)
        else:
            connection.close()

    def connect(self, timeout: float) -> HTTPConnection:
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
        return made


def _exchange(
    way: _Way,
    connection: HTTPConnection,
    request: tuple[str, str, bytes, Mapping[str, str]],
    read_timeout: float,
) -> Answer:
    """One request, its answer, and what becomes of the connection. Raises OSError, HTTPException."""
    method, path, body, headers = request
    reusable = False
    try:
        connection.sock.settimeout(read_timeout)
        connection.request(method, path, body=body or None, headers=headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.read(_LARGEST_ANSWER + 1))
        if response.length and len(answer.body) <= _LARGEST_ANSWER:
            raise IncompleteRead(b"", response.length)
        reusable = response.isclosed() and not response.will_close
    finally:
        if reusable:
            way.keep(connection)
        else:
            connection.close()
    return answer


def _has_news(connection: HTTPConnection) -> bool:
    """Whether something came while nobody asked: on a kept connection, its end."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


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
            f"{step.asked} did not answer in time: {kind}", step=step.name, code=kind
        ) from None
    if isinstance(error, ssl.SSLError):
        between = f"between this host and {step.asked}"
        raise UpstreamSilent(
            f"no TLS connection to {step.asked}: {kind}",
            step=step.name,
            code=kind,
            hint=f"a proxy or an old certificate bundle stands {between}; see AWS_CA_BUNDLE",
        ) from None
    if isinstance(error, IncompleteRead):
        raise UpstreamUnusable(f"{step.asked} gave half an answer", step=step.name, code=kind) from None
    raise UpstreamSilent(f"{step.asked} cannot be reached: {kind}", step=step.name, code=kind) from None
