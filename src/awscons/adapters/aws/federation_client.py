"""The port to the federation endpoint: getSigninToken by POST.

With POST the credentials are not part of a URL, so access logs do not hold them. AWS answers failures with
HTML, which is dropped.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from awscons.adapters.aws.broker_credentials import BrokerCredentials
from awscons.adapters.aws.http_pool import HttpPool, Limits, Step
from awscons.aws.console_url import encode_form
from awscons.aws.role_credentials import RoleCredentials, SigninToken
from awscons.aws.settings import AwsSettings
from awscons.errors import (
    SigninRefused,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamUnusable,
)

_STEP = Step("federation", "the federation endpoint")


class FederationClient:
    """getSigninToken. Safe for many threads."""

    def __init__(self, settings: AwsSettings, http: HttpPool, credentials: BrokerCredentials) -> None:
        """`credentials` know whose certificates count: the same as for STS."""
        self._settings = settings
        self._http = http
        self._credentials = credentials
        self._headers = {
            "User-Agent": settings.user_agent,
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def prepare(self, endpoint: str, *, profile_name: str | None) -> None:
        """Make what the first call to `endpoint` needs, without a call. Raises UpstreamError."""
        self._http.prepare(endpoint, authorities=self._credentials.authorities(profile_name))

    def signin_token(
        self,
        endpoint: str,
        credentials: RoleCredentials,
        *,
        profile_name: str | None,
        method: str,
        console_session_duration: int | None,
        seconds_left: float,
    ) -> SigninToken:
        """The sign-in token for `credentials` (IAM User Guide, custom identity broker, step 4).

        profile_name               whose configuration names the authorities to trust
        method                     POST, or GET where a sign-in host takes nothing else
        console_session_duration   seconds, or None to leave SessionDuration out
        seconds_left               of the sign-in; the call takes no more
        Raises UpstreamError.
        """
        fields = {"Action": "getSigninToken", "Session": _session_json(credentials)}
        if console_session_duration is not None:
            fields["SessionDuration"] = str(console_session_duration)
        form, by_get = encode_form(fields), method == "GET"
        answer = self._http.ask(
            _STEP,
            method,
            f"{endpoint}?{form}" if by_get else endpoint,
            headers=self._headers,
            body=None if by_get else form.encode("ascii"),
            limits=Limits(self._settings.connect_timeout, self._settings.read_timeout, seconds_left),
            authorities=self._credentials.authorities(profile_name),
        )
        return _read_token(answer.status, answer.body)


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
        raise UpstreamThrottled("the federation endpoint is throttling", step=_STEP.name, code=code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UpstreamUnusable(said, step=_STEP.name, code=code)
    if status == HTTPStatus.BAD_REQUEST:
        raise SigninRefused(
            said,
            step=_STEP.name,
            code=code,
            hint="it says no more; usual causes: expired credentials, SessionDuration with a chained role",
        )
    if status != HTTPStatus.OK:
        raise UpstreamRefused(said, step=_STEP.name, code=code)
    try:
        answer = json.loads(body)
        value = answer["SigninToken"]
    except (ValueError, TypeError, KeyError, RecursionError):
        value = None
    if not isinstance(value, str) or not value:
        raise UpstreamUnusable(
            "the federation endpoint answered without a sign-in token",
            step=_STEP.name,
            code="malformed answer",
        )
    return SigninToken(value)
