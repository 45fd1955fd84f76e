"""The port to the federation endpoint: getSigninToken by POST, over a kept urllib3 pool.

POST keeps the credentials out of URLs, and so out of everybody's access logs. Nothing of a request or
of an answer's body is ever logged or put into an error; AWS answers failures with HTML.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from urllib.parse import urlencode

import urllib3

from awscons import __version__
from awscons.credentials import RoleCredentials, SigninToken
from awscons.errors import UpstreamError, UpstreamRefused, UpstreamSilent, UpstreamThrottled

_STEP = "federation"
_LONGEST_CONNECT = 3.0
"""Seconds."""
_LARGEST_ANSWER = 64 * 1024
"""Bytes; a sign-in token has about two thousand."""


class FederationClient:
    """getSigninToken. Safe for many threads."""

    def __init__(self, *, timeout: float) -> None:
        """`timeout`: seconds for one sign-in; this call may take half of them."""
        half = timeout / 2
        self._pool = urllib3.PoolManager(
            maxsize=64,
            # A connection that went stale while kept is tried once more; nothing else is repeated here.
            retries=urllib3.Retry(total=1, connect=1, read=0, redirect=0, status=0, other=0),
            timeout=urllib3.Timeout(connect=min(_LONGEST_CONNECT, half), read=half),
            headers={"User-Agent": f"awscons/{__version__}", "Accept": "application/json"},
        )

    def signin_token(
        self, endpoint: str, credentials: RoleCredentials, *, console_session_duration: int | None
    ) -> SigninToken:
        """The sign-in token for `credentials` (IAM User Guide, custom identity broker, step 4).

        console_session_duration   seconds, or None to leave SessionDuration out
        Raises UpstreamError.
        """
        form = {"Action": "getSigninToken", "Session": _session_json(credentials)}
        if console_session_duration is not None:
            form["SessionDuration"] = str(console_session_duration)
        try:
            answer = self._pool.request(
                "POST",
                endpoint,
                body=urlencode(form),
                headers={
                    **self._pool.headers,
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                redirect=False,
                preload_content=False,
            )
            try:
                body = answer.read(_LARGEST_ANSWER + 1)
            finally:
                answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise _connection_error(error) from None
        return _read_token(answer.status, body)


def _session_json(credentials: RoleCredentials) -> str:
    return json.dumps(
        {
            "sessionId": credentials.access_key_id,
            "sessionKey": credentials.secret_access_key,
            "sessionToken": credentials.session_token,
        }
    )


def _read_token(status: int, body: bytes) -> SigninToken:
    code = f"HTTP {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise UpstreamThrottled("the federation endpoint is throttling", step=_STEP, code=code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UpstreamRefused(f"the federation endpoint answered {code}", step=_STEP, code=code)
    if status != HTTPStatus.OK:
        raise UpstreamRefused(
            f"the federation endpoint answered {code}",
            step=_STEP,
            code=code,
            hint="it says no more; usual causes: expired credentials, SessionDuration with a chained role",
        )
    try:
        answer = json.loads(body)
        value = answer["SigninToken"]
    except (ValueError, TypeError, KeyError, RecursionError):
        value = None
    if not isinstance(value, str) or not value:
        raise UpstreamRefused(
            "the federation endpoint answered without a sign-in token",
            step=_STEP,
            code="malformed answer",
        )
    return SigninToken(value)


def _connection_error(error: Exception) -> UpstreamError:
    """urllib3's texts quote the URL and more; only the kind of the failure is kept."""
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    kind = type(error).__name__
    if isinstance(error, urllib3.exceptions.SSLError):
        return UpstreamSilent(
            f"no TLS connection to the federation endpoint: {kind}",
            step=_STEP,
            code=kind,
            hint="a proxy or an old certificate bundle stands between this host and the sign-in host",
        )
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return UpstreamSilent(
            f"the federation endpoint did not answer in time: {kind}", step=_STEP, code=kind
        )
    return UpstreamSilent(f"the federation endpoint cannot be reached: {kind}", step=_STEP, code=kind)
