"""The port to the federation endpoint: getSigninToken by POST, over kept urllib3 pools.

POST keeps the credentials out of URLs, and so out of everybody's access logs. Nothing of a request or
of an answer's body is ever logged or put into an error; AWS answers failures with HTML. Proxies and
certificates are found as botocore finds them, so that both steps of a sign-in take the same way out.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import quote, urlsplit

import urllib3
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3.util.ssl_ import create_urllib3_context

from awscons.config.settings import AwsSettings
from awscons.credentials import RoleCredentials, SigninToken
from awscons.errors import (
    SigninRefused,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamThrottled,
    UpstreamUnusable,
)

_STEP = "federation"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.~-]+", re.ASCII)
_LARGEST_ANSWER = 64 * 1024
"""Bytes; a sign-in token has about two thousand."""


class FederationClient:
    """getSigninToken. Safe for many threads."""

    def __init__(self, settings: AwsSettings, *, certificate_bundle: str | None = None) -> None:
        """`certificate_bundle`: file of the certificates to trust, PEM; None: botocore's own."""
        self._settings = settings
        self._certificate_bundle = certificate_bundle
        self._lock = threading.Lock()
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._ways: dict[str, urllib3.PoolManager] = {}

    def prepare(self, endpoint: str) -> None:
        """Make what the first call to `endpoint` needs, without a call."""
        self._pool(endpoint)

    def signin_token(
        self,
        endpoint: str,
        credentials: RoleCredentials,
        *,
        method: str,
        console_session_duration: int | None,
        seconds_left: float,
    ) -> SigninToken:
        """The sign-in token for `credentials` (IAM User Guide, custom identity broker, step 4).

        method                     POST, or GET where a sign-in host takes nothing else
        console_session_duration   seconds, or None to leave SessionDuration out
        seconds_left               of the sign-in; the call takes no more
        Raises UpstreamError.
        """
        form = {"Action": "getSigninToken", "Session": _session_json(credentials)}
        if console_session_duration is not None:
            form["SessionDuration"] = str(console_session_duration)
        if seconds_left <= 0:
            raise UpstreamSilent("the time for this sign-in is over", step=_STEP, code="timeout")
        status, body = self._ask(method, endpoint, _form(form), seconds_left)
        return _read_token(status, body)

    def _ask(self, method: str, endpoint: str, form: str, seconds_left: float) -> tuple[int, bytes]:
        """Status and body of one answer. A kept connection that broke is replaced once."""
        timeout = urllib3.Timeout(
            connect=min(self._settings.connect_timeout, seconds_left),
            read=min(self._settings.read_timeout, seconds_left),
        )
        try:
            try:
                return self._ask_once(method, endpoint, form, timeout)
            except urllib3.exceptions.ProtocolError:
                return self._ask_once(method, endpoint, form, timeout)
        except urllib3.exceptions.HTTPError as error:
            _raise_connection_error(error)

    def _ask_once(self, method: str, endpoint: str, form: str, timeout: urllib3.Timeout) -> tuple[int, bytes]:
        answer = self._pool(endpoint).request(
            method,
            f"{endpoint}?{form}" if method == "GET" else endpoint,
            body=None if method == "GET" else form,
            headers={
                "User-Agent": self._settings.user_agent,
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            return answer.status, answer.read(_LARGEST_ANSWER + 1)
        finally:
            answer.release_conn()

    def _pool(self, endpoint: str) -> urllib3.PoolManager:
        """The pool for the way to this endpoint: directly, or by the proxy that the environment names."""
        # By endpoint, since to look through the environment takes longer than all the rest of a request.
        known = self._ways.get(endpoint)
        if known is not None:
            return known
        proxy = get_environ_proxies(endpoint).get(urlsplit(endpoint).scheme, "")
        with self._lock:
            pool = self._pools.get(proxy)
            if pool is None:
                pool = self._pools[proxy] = self._new_pool(proxy)
            self._ways[endpoint] = pool
            return pool

    def _new_pool(self, proxy: str) -> urllib3.PoolManager:
        # One context for all connections: to read the certificates costs more than to shake hands.
        tls = create_urllib3_context()
        tls.load_verify_locations(self._certificate_bundle or get_cert_path(verify=True))
        if proxy:
            return urllib3.ProxyManager(proxy, maxsize=64, ssl_context=tls)
        return urllib3.PoolManager(maxsize=64, ssl_context=tls)


def _form(fields: Mapping[str, str]) -> str:
    """As `urlencode` would have it. That looks at each of the thousand characters of a token by itself."""
    return "&".join(f"{name}={_UNSAFE.sub(_escaped, value)}" for name, value in fields.items())


def _escaped(match: re.Match[str]) -> str:
    return quote(match[0], safe="")


def _session_json(credentials: RoleCredentials) -> str:
    return json.dumps(
        {
            "sessionId": credentials.access_key_id,
            "sessionKey": credentials.secret_access_key,
            "sessionToken": credentials.session_token,
        }
    )


def _read_token(status: int, body: bytes) -> SigninToken:
    said, code = f"the federation endpoint answered HTTP {status}", f"HTTP {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise UpstreamThrottled("the federation endpoint is throttling", step=_STEP, code=code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UpstreamUnusable(said, step=_STEP, code=code)
    if status == HTTPStatus.BAD_REQUEST:
        raise SigninRefused(
            said,
            step=_STEP,
            code=code,
            hint="it says no more; usual causes: expired credentials, SessionDuration with a chained role",
        )
    if status != HTTPStatus.OK:
        raise UpstreamRefused(said, step=_STEP, code=code)
    try:
        answer = json.loads(body)
        value = answer["SigninToken"]
    except (ValueError, TypeError, KeyError, RecursionError):
        value = None
    if not isinstance(value, str) or not value:
        raise UpstreamUnusable(
            "the federation endpoint answered without a sign-in token",
            step=_STEP,
            code="malformed answer",
        )
    return SigninToken(value)


def _raise_connection_error(error: Exception) -> NoReturn:
    """urllib3's texts quote the URL and more; only the kind of the failure is kept."""
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    kind = type(error).__name__
    known = {"step": _STEP, "code": kind}
    if isinstance(error, urllib3.exceptions.SSLError):
        hint = "a proxy or an old certificate bundle stands between this host and AWS; see AWS_CA_BUNDLE"
        raise UpstreamSilent(
            f"no TLS connection to the federation endpoint: {kind}", hint=hint, **known
        ) from None
    refused = isinstance(error, urllib3.exceptions.NewConnectionError)
    if isinstance(error, urllib3.exceptions.TimeoutError) and not refused:
        raise UpstreamSilent(f"the federation endpoint did not answer in time: {kind}", **known) from None
    raise UpstreamSilent(f"the federation endpoint cannot be reached: {kind}", **known) from None
