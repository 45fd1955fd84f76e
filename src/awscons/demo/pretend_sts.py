"""A pretend STS over HTTP: AssumeRole and GetCallerIdentity, query protocol, version 2011-06-15.

It issues credentials only where AWS would: a request is signed (Signature Version 4) for the region that
receives it, its parameters are legal, the role's trust policy allows each action, and a chained role session
lasts at most one hour. The rules come from the STS API reference.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from flask import Flask, Response, request

from awscons.access.targets import parse_role_arn
from awscons.demo.pretend_sts_checks import (
    MAX_DURATION,
    ApiError,
    AssumeRoleRequest,
    denied,
    invalid_request,
    read_assume_role,
)

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[A-Z0-9]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/sts/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_MAX_CHAINED = 3600

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
class PretendRole:
    """A role and its trust policy.

    max_duration   maximum session duration, seconds
    allows         the actions that the trust policy allows
    external_id    the external ID that the trust policy requires; None if it requires none
    """

    max_duration: int
    allows: frozenset[str] = frozenset({"sts:AssumeRole"})
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class RoleSession:
    """The role session of one set of temporary credentials.

    `chained` is True if another role session's credentials requested it.
    """

    role_arn: str
    account_id: str
    role_session_name: str
    expires_at: datetime
    chained: bool
    source_identity: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: frozenset[str] = frozenset()
    session_policy: str | None = None
    policy_arns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _AccessKey:
    """An access key that this STS issued. `role_session` is None for the long-term key of a user."""

    secret: str
    session_token: str | None
    arn: str
    role_session: RoleSession | None


@dataclass(frozen=True, slots=True)
class _Issued:
    """A role session with its access key."""

    key_id: str
    key: _AccessKey
    role_session: RoleSession


class PretendSts:
    """STS: AssumeRole and GetCallerIdentity.

    role_sessions      the role sessions that AssumeRole issued, in order
    disabled_regions   the regions in which STS is not activated
    """

    def __init__(
        self,
        *,
        roles: Mapping[str, PretendRole],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`roles` by ARN. AssumeRole of any other role is denied."""
        self._roles = roles
        self._clock = clock
        self._keys: dict[str, _AccessKey] = {}
        self.role_sessions: list[RoleSession] = []
        self.disabled_regions: set[str] = set()

    def add_user(self, arn: str) -> tuple[str, str]:
        """Issue a long-term access key for the IAM user `arn`: its ID and its secret."""
        key_id, secret = "AKIA" + _letters(16), secrets.token_urlsafe(30)
        self._keys[key_id] = _AccessKey(secret, None, arn, None)
        return key_id, secret

    def add_role_session(self, role_arn: str, name: str) -> tuple[str, str, str]:
        """Issue credentials for a role session, as a container or a function has them: ID, secret, token."""
        role = parse_role_arn(role_arn)
        if role is None:
            raise ValueError(role_arn)
        issued = self._issue(
            AssumeRoleRequest(role, name, MAX_DURATION, None, {}, frozenset(), None, ()), chained=False
        )
        return issued.key_id, issued.key.secret, issued.key.session_token or ""

    def find(self, access_key_id: str, secret_access_key: str, session_token: str) -> RoleSession | None:
        """The role session of these credentials; None if they are wrong or expired."""
        key = self._keys.get(access_key_id)
        if key is None or key.secret != secret_access_key or key.session_token != session_token:
            return None
        role_session = key.role_session
        return role_session if role_session and role_session.expires_at > self._clock() else None

    def application(self, region: str | None = None) -> Flask:
        """The endpoint, `POST /`. With a `region`, it accepts only signatures for that region."""
        app = Flask("awscons.demo.sts", static_folder=None)

        @app.post("/")
        def api() -> Response:
            request_id = secrets.token_hex(16)
            body = request.get_data()
            try:
                return _xml(200, self._respond(body, request_id, region))
            except ApiError as error:
                return _xml(error.status, _error_xml(error, request_id))

        return app

    def _respond(self, body: bytes, request_id: str, region: str | None) -> str:
        key = self._authenticate(body, region)
        if region in self.disabled_regions:
            raise ApiError(403, "RegionDisabledException", "STS is not activated in this region for account")
        form = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        match form.get("Action"):
            case "AssumeRole":
                return self._assume_role(key, form, request_id)
            case "GetCallerIdentity":
                return _caller_identity(key, request_id)
            case action:
                raise ApiError(400, "InvalidAction", f"Could not find operation {action}")

    def _authenticate(self, body: bytes, region: str | None) -> _AccessKey:
        """The access key of the request, after botocore has computed its Signature Version 4 again."""
        matched = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if matched is None:
            raise ApiError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        if region not in {None, matched["region"]}:
            raise ApiError(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
        key = self._keys.get(matched["key"])
        if key is None:
            raise ApiError(
                403, "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        if key.role_session is not None and key.role_session.expires_at <= self._clock():
            raise ApiError(403, "ExpiredToken", "The security token included in the request is expired")
        signer = SigV4Auth(
            Credentials(matched["key"], key.secret, key.session_token), "sts", matched["region"]
        )
        signed_headers = {name: request.headers.get(name, "") for name in matched["headers"].split(";")}
        again = AWSRequest(request.method, request.url, headers=signed_headers, data=body)
        again.context["timestamp"] = request.headers.get("X-Amz-Date", "")
        expected = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        if not secrets.compare_digest(expected, matched["signature"]):
            raise ApiError(
                403, "SignatureDoesNotMatch", "The request signature we calculated does not match."
            )
        if key.session_token != request.headers.get("X-Amz-Security-Token"):
            raise ApiError(
                403, "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        return key

    def _assume_role(self, key: _AccessKey, form: dict[str, str], request_id: str) -> str:
        requested = read_assume_role(form)
        self._check_trust(key, requested, form.get("ExternalId"))
        self._check_duration(key, requested)
        issued = self._issue(requested, chained=key.role_session is not None)
        self.role_sessions.append(issued.role_session)
        return _ASSUME_ROLE_RESPONSE.format(
            role_id=f"AROA{_letters(17)}:{escape(requested.name)}",
            arn=escape(issued.key.arn),
            key_id=issued.key_id,
            secret=issued.key.secret,
            token=issued.key.session_token,
            expiration=issued.role_session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            request_id=request_id,
        )

    def _check_trust(self, key: _AccessKey, requested: AssumeRoleRequest, external_id: str | None) -> None:
        """Deny the request unless the trust policy allows every action that it needs."""
        arn = str(requested.role)
        role = self._roles.get(arn, PretendRole(0, frozenset()))
        needed = ["sts:AssumeRole"]
        needed += ["sts:TagSession"] if requested.tags else []
        needed += ["sts:SetSourceIdentity"] if requested.source_identity is not None else []
        if requested.role.partition != key.arn.split(":")[1] or external_id != role.external_id:
            raise denied(key.arn, "sts:AssumeRole", arn)
        for action in needed:
            if action not in role.allows:
                raise denied(key.arn, action, arn)
        caller = key.role_session
        if caller and caller.source_identity not in {None, requested.source_identity}:
            raise denied(key.arn, "sts:SetSourceIdentity", arn)
        inherited = {name.casefold() for name in (caller.transitive_tags if caller else ())}
        if inherited & {name.casefold() for name in requested.tags}:
            raise ApiError(400, "InvalidParameterValue", "a tag key conflicts with an inherited one")

    def _check_duration(self, key: _AccessKey, requested: AssumeRoleRequest) -> None:
        if key.role_session is not None and requested.seconds > _MAX_CHAINED:
            raise invalid_request(
                "The requested DurationSeconds exceeds the 1 hour session limit "
                "for roles assumed by role chaining"
            )
        if requested.seconds > self._roles[str(requested.role)].max_duration:
            raise invalid_request(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            )

    def _issue(self, requested: AssumeRoleRequest, *, chained: bool) -> _Issued:
        role, last = requested.role, requested.role.role_name.split("/")[-1]
        arn = f"arn:{role.partition}:sts::{role.account_id}:assumed-role/{last}/{requested.name}"
        role_session = RoleSession(
            role_arn=str(role),
            account_id=role.account_id,
            role_session_name=requested.name,
            expires_at=self._clock() + timedelta(seconds=requested.seconds),
            chained=chained,
            source_identity=requested.source_identity,
            tags=requested.tags,
            transitive_tags=requested.transitive_tags,
            session_policy=requested.session_policy,
            policy_arns=requested.policy_arns,
        )
        key = _AccessKey(secrets.token_urlsafe(30), secrets.token_urlsafe(300), arn, role_session)
        key_id = "ASIA" + _letters(16)
        self._keys[key_id] = key
        return _Issued(key_id, key, role_session)


# --- responses ---------------------------------------------------------------------------


def _caller_identity(key: _AccessKey, request_id: str) -> str:
    return _CALLER_IDENTITY_RESPONSE.format(
        arn=escape(key.arn),
        user_id=f"AIDA{_letters(17)}",
        account=key.arn.split(":")[4],
        request_id=request_id,
    )


def _error_xml(error: ApiError, request_id: str) -> str:
    return _ERROR_RESPONSE.format(code=error.code, message=escape(error.message), request_id=request_id)


def _xml(status: int, body: str) -> Response:
    return Response(body, status=status, content_type="text/xml")


def _letters(count: int) -> str:
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(count))
