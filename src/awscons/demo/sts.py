"""A pretend STS over real HTTP: AssumeRole and GetCallerIdentity, query protocol, 2011-06-15.

It gives nothing away that the real one would not: requests must be signed (Signature Version 4), names
and durations legal, roles known, and chained roles end after an hour. Modelled on the STS API reference.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from flask import Flask, Response, request

from awscons.targets import RoleArn, parse_role_arn

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[A-Z0-9]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/sts/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_INVALID = "1 validation error detected: Value at '{}' failed to satisfy constraint"
_LONGEST_CHAINED = 3600
_SHORTEST, _LONGEST = 900, 43_200

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_ASSUME_ROLE_RESPONSE = f"""<AssumeRoleResponse xmlns="{_NAMESPACE}">
  <AssumeRoleResult>
    <AssumedRoleUser><AssumedRoleId>{{role_id}}</AssumedRoleId><Arn>{{arn}}</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>{{key_id}}</AccessKeyId>
      <SecretAccessKey>{{secret}}</SecretAccessKey>
      <SessionToken>{{token}}</SessionToken>
      <Expiration>{{expiration}}</Expiration>
    </Credentials>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>{{request_id}}</RequestId></ResponseMetadata>
</AssumeRoleResponse>"""
_CALLER_IDENTITY_RESPONSE = f"""<GetCallerIdentityResponse xmlns="{_NAMESPACE}">
  <GetCallerIdentityResult>
    <Arn>{{arn}}</Arn><UserId>{{user_id}}</UserId><Account>{{account}}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata><RequestId>{{request_id}}</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"""
_ERROR_RESPONSE = f"""<ErrorResponse xmlns="{_NAMESPACE}">
  <Error><Type>Sender</Type><Code>{{code}}</Code><Message>{{message}}</Message></Error>
  <RequestId>{{request_id}}</RequestId>
</ErrorResponse>"""


@dataclass(frozen=True, slots=True)
class RoleSession:
    """Who a set of temporary credentials is. `chained`: they were got with another role's."""

    role_arn: str
    account_id: str
    role_session_name: str
    expires_at: datetime
    chained: bool


@dataclass(frozen=True, slots=True)
class _AccessKey:
    """A key that this STS knows. `role_session` is None for the long-term key of a user."""

    secret: str
    session_token: str | None
    arn: str
    role_session: RoleSession | None


@dataclass(frozen=True, slots=True)
class _Issued:
    """What one role session was given."""

    key_id: str
    key: _AccessKey
    role_session: RoleSession


class _ApiError(Exception):
    """An error as STS answers it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class PretendSts:
    """STS: AssumeRole and GetCallerIdentity, query protocol, SigV4 checked, 2011-06-15."""

    def __init__(
        self,
        *,
        roles: dict[str, int],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`roles`: ARN to MaxSessionDuration in seconds. A role that is not there trusts nobody."""
        self._roles = roles
        self._clock = clock
        self._keys: dict[str, _AccessKey] = {}

    def add_user(self, arn: str) -> tuple[str, str]:
        """A long-term access key for an IAM user: its id and its secret."""
        key_id, secret = "AKIA" + _letters(16), secrets.token_urlsafe(30)
        self._keys[key_id] = _AccessKey(secret, None, arn, None)
        return key_id, secret

    def add_role_session(self, role_arn: str, name: str) -> tuple[str, str, str]:
        """Temporary credentials as a task, a function or a person would have them: id, secret, token."""
        role = parse_role_arn(role_arn)
        if role is None:
            raise ValueError(role_arn)
        issued = self._issue(role, name, seconds=_LONGEST, chained=False)
        return issued.key_id, issued.key.secret, issued.key.session_token or ""

    def find(self, access_key_id: str, secret_access_key: str, session_token: str) -> RoleSession | None:
        """See CredentialBook."""
        key = self._keys.get(access_key_id)
        if key is None or key.secret != secret_access_key or key.session_token != session_token:
            return None
        role_session = key.role_session
        return role_session if role_session and role_session.expires_at > self._clock() else None

    def application(self) -> Flask:
        """The endpoint, at `POST /`."""
        app = Flask("awscons.demo.sts", static_folder=None)

        @app.post("/")
        def api() -> Response:
            request_id = secrets.token_hex(16)
            body = request.get_data()
            try:
                return _xml(200, self._answer(body, request_id))
            except _ApiError as error:
                return _xml(error.status, _error_xml(error, request_id))

        return app

    def _answer(self, body: bytes, request_id: str) -> str:
        key = self._authenticate(body)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        match form.get("Action"):
            case "AssumeRole":
                return self._assume_role(key, form, request_id)
            case "GetCallerIdentity":
                return _caller_identity(key, request_id)
            case action:
                raise _ApiError(400, "InvalidAction", f"Could not find operation {action}")

    def _authenticate(self, body: bytes) -> _AccessKey:
        """Signature Version 4, computed again from the request as it came."""
        matched = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if matched is None:
            raise _ApiError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        key = self._keys.get(matched["key"])
        if key is None:
            raise _ApiError(
                403, "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        if key.role_session is not None and key.role_session.expires_at <= self._clock():
            raise _ApiError(403, "ExpiredToken", "The security token included in the request is expired")
        signer = SigV4Auth(
            Credentials(matched["key"], key.secret, key.session_token), "sts", matched["region"]
        )
        signed_headers = {name: request.headers.get(name, "") for name in matched["headers"].split(";")}
        again = AWSRequest(request.method, request.url, headers=signed_headers, data=body)
        again.context["timestamp"] = request.headers.get("X-Amz-Date", "")
        expected = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        if not secrets.compare_digest(expected, matched["signature"]):
            raise _ApiError(
                403, "SignatureDoesNotMatch", "The request signature we calculated does not match."
            )
        if key.session_token != request.headers.get("X-Amz-Security-Token"):
            raise _ApiError(
                403, "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        return key

    def _assume_role(self, key: _AccessKey, form: dict[str, str], request_id: str) -> str:
        arn, name = form.get("RoleArn", ""), form.get("RoleSessionName", "")
        seconds = int(form.get("DurationSeconds", "3600"))
        role = parse_role_arn(arn)
        if not _SESSION_NAME.fullmatch(name):
            raise _ApiError(
                400,
                "ValidationError",
                "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint",
            )
        if not _SHORTEST <= seconds <= _LONGEST:
            raise _ApiError(
                400,
                "ValidationError",
                "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint",
            )
        if role is None or arn not in self._roles:
            raise _ApiError(
                403,
                "AccessDenied",
                f"User: {key.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            )
        if key.role_session is not None and seconds > _LONGEST_CHAINED:
            raise _ApiError(
                400,
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit "
                "for roles assumed by role chaining",
            )
        if seconds > self._roles[arn]:
            raise _ApiError(
                400,
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            )
        issued = self._issue(role, name, seconds=seconds, chained=key.role_session is not None)
        return _ASSUME_ROLE_RESPONSE.format(
            role_id=f"AROA{_letters(17)}:{escape(name)}",
            arn=escape(issued.key.arn),
            key_id=issued.key_id,
            secret=issued.key.secret,
            token=issued.key.session_token,
            expiration=issued.role_session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            request_id=request_id,
        )

    def _issue(self, role: RoleArn, name: str, *, seconds: int, chained: bool) -> _Issued:
        last = role.role_name.split("/")[-1]
        arn = f"arn:{role.partition}:sts::{role.account_id}:assumed-role/{last}/{name}"
        expires_at = self._clock() + timedelta(seconds=seconds)
        role_session = RoleSession(str(role), role.account_id, name, expires_at, chained)
        key = _AccessKey(secrets.token_urlsafe(30), secrets.token_urlsafe(300), arn, role_session)
        key_id = "ASIA" + _letters(16)
        self._keys[key_id] = key
        return _Issued(key_id, key, role_session)


# --- answers -----------------------------------------------------------------------------


def _caller_identity(key: _AccessKey, request_id: str) -> str:
    return _CALLER_IDENTITY_RESPONSE.format(
        arn=escape(key.arn),
        user_id=f"AIDA{_letters(17)}",
        account=key.arn.split(":")[4],
        request_id=request_id,
    )


def _error_xml(error: _ApiError, request_id: str) -> str:
    return _ERROR_RESPONSE.format(code=error.code, message=escape(error.message), request_id=request_id)


def _xml(status: int, body: str) -> Response:
    return Response(body, status=status, content_type="text/xml")


def _letters(count: int) -> str:
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(count))
