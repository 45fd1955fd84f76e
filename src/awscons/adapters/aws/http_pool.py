"""The one HTTP client for every outgoing request: STS, the federation endpoint, the IdP's metadata.

urllib3 does the work and keeps a pool of connections for each URL, which is for each host: STS and the
federation endpoint of a region have hosts of their own. Proxies are found as botocore finds
them. Redirects are never followed. Nothing of a request or of an answer is ever logged or put into an error:
both hold credentials.
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import IncompleteRead
from typing import NoReturn

import urllib3
from botocore.httpsession import ProxyConfiguration, create_urllib3_context
from botocore.utils import get_environ_proxies
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util.ssl_ import create_urllib3_context as create_system_context

from awscons.adapters.aws.kept_connections import (
    MAX_IDLE,
    ConnectionTrust,
    KeptConnectionFailed,
    pool_classes,
)
from awscons.errors import UpstreamSilent, UpstreamUnusable

MAX_ANSWER = 64 * 1024
"""Maximum size of a response of AWS in bytes; the largest real ones have about 4,000."""
TOO_LONG = "too long"
TOO_SLOW = "timeout"
"""Error codes."""

_MAX_KEPT = 64
"""Maximum number of idle connections to one host; a thread beyond that makes a new TLS handshake."""
_CHUNK = 65_536
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})\b")
"""Python's words for a proxy that refused CONNECT."""


@dataclass(frozen=True, slots=True)
class Step:
    """The purpose of a request: its `name` in logs, and `peer`, the words for the host in messages."""

    name: str
    peer: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds until the connection stands, until the answer begins, and for everything; bytes of the body."""

    connect: float
    read: float
    total: float
    max_bytes: int = MAX_ANSWER


@dataclass(frozen=True, slots=True)
class Authorities:
    """The certificates that count: those in `bundle` (a PEM file), and the system's own if `system` is set.

    named_by   the settings that name the bundle, for messages
    """

    bundle: str | None
    system: bool = False
    named_by: str = "AWS_CA_BUNDLE, `ca_bundle` of the AWS profile, or REQUESTS_CA_BUNDLE"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `headers` and `body` may hold credentials."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class HttpPool:
    """Sends requests over persistent connections. Safe for many threads."""

    def __init__(self, *, max_idle: float = MAX_IDLE) -> None:
        """`max_idle`: seconds after which an idle connection is not used again."""
        self._pool_classes = pool_classes(ConnectionTrust(max_idle))
        self._lock = threading.Lock()
        self._tls: dict[Authorities, ssl.SSLContext] = {}
        self._managers: dict[tuple[str, Authorities], urllib3.PoolManager] = {}

    def prepare(self, url: str, *, authorities: Authorities) -> None:
        """Make the pool and TLS context for `url`, without sending a request. Raises UpstreamSilent."""
        self._manager_for(url, authorities)

    def ask(
        self,
        step: Step,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        limits: Limits,
        authorities: Authorities,
    ) -> Answer:
        """Send one request and return the response, whatever its status code.

        A kept connection that fails is replaced by a new one, once and within the same time. Raises
        UpstreamSilent when nothing came in time, UpstreamUnusable when half an answer or too much came.
        """
        manager, ends = self._manager_for(url, authorities), time.monotonic() + limits.total

        def exchange() -> Answer:
            return _exchange(manager, step, (method, url, headers, body), limits=limits, ends=ends)

        try:
            try:
                return exchange()
            except ProtocolError as error:
                if not isinstance(error.args[-1], KeptConnectionFailed):
                    raise
                return exchange()
        except (HTTPError, OSError) as error:
            _raise_failure(step, error, proxy=_host_of(manager), authorities=authorities)

    # --- pools ---------------------------------------------------------------------------

    def _manager_for(self, url: str, authorities: Authorities) -> urllib3.PoolManager:
        """The pool for this URL: direct, or through the proxy that the environment names."""
        # Cached: reading the environment takes longer than the rest of a request.
        key = (url.partition("?")[0], authorities)
        known = self._managers.get(key)
        if known is None:
            with self._lock:
                known = self._managers.get(key)
                if known is None:
                    known = self._managers[key] = self._new_manager(url, authorities)
        return known

    def _new_manager(self, url: str, authorities: Authorities) -> urllib3.PoolManager:
        proxies = ProxyConfiguration(get_environ_proxies(url))
        proxy: str | None = proxies.proxy_url_for(url)
        # A proxy that is reached over TLS needs the context as well.
        tls = self._context(authorities) if "https:" in f"{url[:6]} {proxy}" else None
        if proxy is None:
            manager = urllib3.PoolManager(maxsize=_MAX_KEPT, ssl_context=tls)
        else:
            manager = _through(proxy, proxies, tls)
        manager.pool_classes_by_scheme = self._pool_classes
        return manager

    def _context(self, authorities: Authorities) -> ssl.SSLContext:
        known = self._tls.get(authorities)
        if known is None:
            try:
                known = self._tls[authorities] = _build_context(authorities)
            except OSError as error:
                raise UpstreamSilent(
                    f"the certificates in {authorities.bundle} cannot be read: {type(error).__name__}",
                    step="tls",
                    code=type(error).__name__,
                    hint=f"it is a PEM file of authorities, named by {authorities.named_by}",
                ) from None
        return known


def _through(proxy: str, proxies: ProxyConfiguration, tls: ssl.SSLContext | None) -> urllib3.ProxyManager:
    try:
        return urllib3.ProxyManager(
            proxy,
            maxsize=_MAX_KEPT,
            ssl_context=tls,
            proxy_headers=proxies.proxy_headers_for(proxy),
            proxy_ssl_context=tls,
        )
    except (HTTPError, ValueError) as error:
        kind = type(error).__name__
        raise UpstreamSilent(
            f"the proxy that the environment names cannot be used: {kind}",
            step="proxy",
            code=kind,
            hint="HTTPS_PROXY has the form http://user:password@host:port, in plain ASCII",
        ) from None


def _build_context(authorities: Authorities) -> ssl.SSLContext:
    """TLS as botocore does it, or with the operating system's authorities. Raises OSError."""
    if authorities.system:
        context = create_system_context()
        context.load_default_certs()
    else:
        context = create_urllib3_context()
    if authorities.bundle is not None:
        context.load_verify_locations(cafile=authorities.bundle)
    context.check_hostname = True
    return context


def _exchange(
    manager: urllib3.PoolManager,
    step: Step,
    request: tuple[str, str, Mapping[str, str], bytes | None],
    *,
    limits: Limits,
    ends: float,
) -> Answer:
    """One request over one connection. Raises HTTPError, OSError, UpstreamError."""
    left = ends - time.monotonic()
    if left <= 0:
        raise UpstreamSilent("the time for this sign-in has run out", step=step.name, code=TOO_SLOW)
    method, url, headers, body = request
    answer = manager.urlopen(
        method,
        url,
        headers=dict(headers),
        body=body,
        retries=False,
        redirect=False,
        timeout=urllib3.Timeout(connect=min(limits.connect, left), read=min(limits.read, left)),
        preload_content=False,
    )
    try:
        read = _read_bounded(answer, step, limits=limits, ends=ends)
    except BaseException:
        answer.close()
        raise
    answer.release_conn()
    if answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        _raise_proxy_refusal(step, _host_of(manager), answer.status)
    return Answer(answer.status, answer.headers, read)


def _read_bounded(answer: urllib3.BaseHTTPResponse, step: Step, *, limits: Limits, ends: float) -> bytes:
    """Read the body, limited in size and in total time."""
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > limits.max_bytes:
            raise UpstreamUnusable(
                f"{step.peer} answered with more than {limits.max_bytes:,} bytes",
                step=step.name,
                code=TOO_LONG,
            )
        if time.monotonic() > ends:
            raise UpstreamSilent(f"the answer of {step.peer} took too long", step=step.name, code=TOO_SLOW)
    return bytes(body)


# --- translation -------------------------------------------------------------------------


def _host_of(manager: urllib3.PoolManager) -> str:
    """Words for the proxy with its host and port, and without its password."""
    proxy = manager.proxy
    return "a proxy" if proxy is None else f"the proxy {proxy.host}:{proxy.port}"


def _raise_failure(step: Step, error: Exception, *, proxy: str, authorities: Authorities) -> NoReturn:
    """Translate the error. Its text may quote hosts and more, so only its class and TLS's reason are reported."""
    inner = _inner(error)
    kind = "ConnectionResetError" if isinstance(inner, ConnectionResetError) else type(inner).__name__
    if isinstance(error, ProxyError):
        _raise_proxy_failure(step, error, kind, proxy=proxy, authorities=authorities)
    if isinstance(inner, (ReadTimeoutError, TimeoutError, ConnectTimeoutError)):
        kind = "ConnectTimeout" if isinstance(inner, ConnectTimeoutError) else "ReadTimeout"
        raise UpstreamSilent(
            f"{step.peer} did not answer in time: {kind}", step=step.name, code=kind
        ) from None
    if isinstance(inner, ssl.SSLError):
        raise UpstreamSilent(
            f"no TLS connection to {step.peer}: {_tls_reason(inner)}",
            step=step.name,
            code=kind,
            hint=_tls_cure(inner, authorities),
        ) from None
    if isinstance(inner, (IncompleteRead, DecodeError)):
        raise UpstreamUnusable(f"{step.peer} gave half an answer", step=step.name, code=kind) from None
    raise UpstreamSilent(f"{step.peer} cannot be reached: {kind}", step=step.name, code=kind) from None


def _tls_reason(error: ssl.SSLError) -> str:
    """OpenSSL's words for the reason, such as `certificate verify failed: certificate has expired`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message.rstrip('.')}"
    return (error.reason or type(error).__name__).replace("_", " ").lower()


def _tls_cure(error: ssl.SSLError, authorities: Authorities) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "if a private authority issued the certificate, or a proxy on the way opens TLS, "
            f"name a PEM file with that authority in {authorities.named_by}"
        )
    return "the other side speaks no TLS, or none that this host accepts"


def _inner(error: BaseException) -> BaseException:
    """The error that urllib3 wrapped."""
    match error:
        case ProxyError():
            return _inner(error.original_error)
        case NewConnectionError() | KeptConnectionFailed() if error.__cause__ is not None:
            return error.__cause__
        case ProtocolError() | SSLError() if error.args and isinstance(error.args[-1], BaseException):
            return _inner(error.args[-1])
        case _:
            return error


def _raise_proxy_failure(
    step: Step, error: ProxyError, kind: str, *, proxy: str, authorities: Authorities
) -> NoReturn:
    refused = _TUNNEL_STATUS.search(str(error.original_error))
    if refused is not None:
        _raise_proxy_refusal(step, proxy, int(refused[1]))
    inner = _inner(error)
    hint = "HTTPS_PROXY names it; NO_PROXY names the hosts that are reached without it"
    if isinstance(inner, ssl.SSLError):
        hint = f"HTTPS_PROXY says https:// for it; {_tls_cure(inner, authorities)}"
        kind = _tls_reason(inner)
    raise UpstreamSilent(
        f"{proxy} on the way to {step.peer} cannot be reached: {kind}",
        step=step.name,
        code=type(inner).__name__,
        hint=hint,
    ) from None


def _raise_proxy_refusal(step: Step, proxy: str, status: int) -> NoReturn:
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        hint = "the proxy wants a user and a password: HTTPS_PROXY=http://user:password@host:port"
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        hint = "the proxy itself cannot reach that host, or does not know its name"
    else:
        hint = f"let the proxy pass connections to {step.peer}, or name its host in NO_PROXY"
    raise UpstreamSilent(
        f"{proxy} refused the connection to {step.peer}: HTTP {status}",
        step=step.name,
        code=f"proxy HTTP {status}",
        hint=hint,
    ) from None
