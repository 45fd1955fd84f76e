"""Kept connections to AWS, for both of its endpoints: one pool for each host, one TLS context for all.

A connection costs a handshake, and a TLS context the reading of all certificates. Proxies are found as
botocore finds them, so that every call takes the same way out. Nothing of a request or of an answer is
ever logged or put into an error: both hold credentials.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import urllib3
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    HTTPError,
    IncompleteRead,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    SSLError,
    TimeoutError,  # noqa: A004  urllib3's own name for it
)
from urllib3.util.ssl_ import create_urllib3_context

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
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._pools: dict[str, HTTPConnectionPool] = {}

    def prepare(self, url: str) -> None:
        """Make what the first request to `url` needs, without a request."""
        self._pool(url)

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
        """One request and its answer, of whatever status. A kept connection that broke is replaced once.

        url            without a query
        seconds_left   of the sign-in; the call takes no more
        Raises UpstreamSilent when nothing came in time, UpstreamUnusable when half an answer came.
        """
        if seconds_left <= 0:
            raise UpstreamSilent("the time for this sign-in is over", step=step.name, code="timeout")
        timeout = urllib3.Timeout(
            connect=min(self._connect_timeout, seconds_left), read=min(self._read_timeout, seconds_left)
        )
        pool = self._pool(url)
        path = f"{_path(pool, url)}?{query}" if query else _path(pool, url)
        try:
            try:
                return _ask_once(pool, method, path, body, headers, timeout)
            except ProtocolError:
                return _ask_once(pool, method, path, body, headers, timeout)
        except HTTPError as error:
            _raise_failure(step, error)

    def _pool(self, url: str) -> HTTPConnectionPool:
        """The pool for this URL: directly, or by the proxy that the environment names."""
        # Kept by URL, since to look through the environment takes longer than all the rest of a request.
        known = self._pools.get(url)
        if known is not None:
            return known
        proxy = get_environ_proxies(url).get(urlsplit(url).scheme, "")
        with self._lock:
            manager = self._managers.get(proxy)
            if manager is None:
                manager = self._managers[proxy] = self._new_manager(proxy)
            pool = self._pools[url] = manager.connection_from_url(url)
            return pool

    def _new_manager(self, proxy: str) -> urllib3.PoolManager:
        tls = create_urllib3_context()
        tls.load_verify_locations(self._certificate_bundle or get_cert_path(verify=True))
        if not proxy:
            return urllib3.PoolManager(maxsize=_MOST_KEPT, ssl_context=tls)
        return urllib3.ProxyManager(
            proxy, maxsize=_MOST_KEPT, ssl_context=tls, proxy_headers=_proxy_headers(proxy)
        )


def _proxy_headers(proxy: str) -> dict[str, str]:
    """The user and password that stand in a proxy's URL, as the header that proxies want."""
    found = urlsplit(proxy)
    if found.username is None:
        return {}
    return dict(
        urllib3.make_headers(proxy_basic_auth=f"{unquote(found.username)}:{unquote(found.password or '')}")
    )


def _path(pool: HTTPConnectionPool, url: str) -> str:
    """What the request line has: the path, or all of the URL where a proxy reads it (RFC 9112 3.2.2)."""
    by_proxy = pool.proxy is not None and pool.scheme == "http"
    return url if by_proxy else urlsplit(url).path or "/"


def _ask_once(
    pool: HTTPConnectionPool,
    method: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout: urllib3.Timeout,
) -> Answer:
    # The pool itself: PoolManager would take the URL to pieces and look for the pool, at each request.
    answer = pool.urlopen(
        method,
        path,
        body=body or None,
        headers=headers,
        timeout=timeout,
        retries=False,
        redirect=False,
        assert_same_host=False,
        preload_content=False,
    )
    try:
        return Answer(answer.status, answer.read(_LARGEST_ANSWER + 1))
    finally:
        answer.release_conn()


def _raise_failure(step: Step, error: HTTPError) -> NoReturn:
    """urllib3's texts quote the URL and more; only the kind of the failure is kept."""
    if isinstance(error, MaxRetryError) and isinstance(error.reason, HTTPError):
        error = error.reason
    kind = type(error).__name__
    known = {"step": step.name, "code": kind}
    if isinstance(error, SSLError):
        between = f"between this host and {step.asked}"
        hint = f"a proxy or an old certificate bundle stands {between}; see AWS_CA_BUNDLE"
        raise UpstreamSilent(f"no TLS connection to {step.asked}: {kind}", hint=hint, **known) from None
    # Of a connection that could not be made, urllib3 has timeouts too.
    if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
        raise UpstreamSilent(f"{step.asked} did not answer in time: {kind}", **known) from None
    if isinstance(error, IncompleteRead) or any(isinstance(cause, IncompleteRead) for cause in error.args):
        raise UpstreamUnusable(f"{step.asked} gave half an answer: {kind}", **known) from None
    raise UpstreamSilent(f"{step.asked} cannot be reached: {kind}", **known) from None
