"""A pretend STS over real HTTP: AssumeRole and GetCallerIdentity, query protocol, 2011-06-15.

It gives nothing away that the real one would not: requests must be signed (Signature Version 4) for the
region they reach, every parameter legal, every action allowed by the role's trust policy, and chained
roles end after an hour. Modelled on the STS API reference.
"""

from __future__ import annotations

import itertools
import json
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

from awscons.access.targets import RoleArn, parse_role_arn

_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_TAG_KEY = re.compile(r"[\w .:/=+@-]{1,128}")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[A-Z0-9]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/sts/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_MAX_CHAINED = 3600
_MIN_DURATION, _MAX_DURATION = 900, 43_200
_MAX_TAGS, _MAX_POLICIES, _MAX_PACKED = 50, 2048, 3072

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
    """A role, and what its trust policy lets the broker do.

    longest       its maximum session duration, seconds
    allows        actions
    external_id   what the trust policy demands, if anything
    """

    longest: int
    allows: frozenset[str] = frozenset({"sts:AssumeRole"})
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class RoleSession:
    """Who a set of temporary credentials is. `chained`: they were got with another role's."""

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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one AssumeRole asks for; `seconds` is its DurationSeconds."""

    role: RoleArn
    name: str
    seconds: int
    source_identity: str | None
    tags: Mapping[str, str]
    transitive_tags: frozenset[str]
    session_policy: str | None
    policy_arns: tuple[str, ...]


class _ApiError(Exception):
    """An error as STS answers it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class PretendSts:
    """STS: AssumeRole and GetCallerIdentity, query protocol, SigV4 checked, 2011-06-15.

    `role_sessions` are those that were given, in order; `disabled_regions` those where STS is off.
    """

    def __init__(
        self,
        *,
        roles: Mapping[str, PretendRole],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`roles` by ARN. A role that is not there trusts nobody."""
        self._roles = roles
        self._clock = clock
        self._keys: dict[str, _AccessKey] = {}
        self.role_sessions: list[RoleSession] = []
        self.disabled_regions: set[str] = set()

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
        issued = self._issue(
            _Wanted(role, name, _MAX_DURATION, None, {}, frozenset(), None, ()), chained=False
        )
        return issued.key_id, issued.key.secret, issued.key.session_token or ""

    def find(self, access_key_id: str, secret_access_key: str, session_token: str) -> RoleSession | None:
        """See CredentialBook."""
        key = self._keys.get(access_key_id)
        if key is None or key.secret != secret_access_key or key.session_token != session_token:
            return None
        role_session = key.role_session
        return role_session if role_session and role_session.expires_at > self._clock() else None

    def application(self, region: str | None = None) -> Flask:
        """The endpoint, at `POST /`. With a region it takes only signatures for that region."""
        app = Flask("awscons.demo.sts", static_folder=None)

        @app.post("/")
        def api() -> Response:
            request_id = secrets.token_hex(16)
            body = request.get_data()
            try:
                return _xml(200, self._answer(body, request_id, region))
            except _ApiError as error:
                return _xml(error.status, _error_xml(error, request_id))

        return app

    def _answer(self, body: bytes, request_id: str, region: str | None) -> str:
        key = self._authenticate(body, region)
        if region in self.disabled_regions:
            raise _ApiError(403, "RegionDisabledException", "STS is not activated in this region for account")
        form = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        match form.get("Action"):
            case "AssumeRole":
                return self._assume_role(key, form, request_id)
            case "GetCallerIdentity":
                return _caller_identity(key, request_id)
            case action:
                raise _ApiError(400, "InvalidAction", f"Could not find operation {action}")

    def _authenticate(self, body: bytes, region: str | None) -> _AccessKey:
        """Signature Version 4, computed again from the request as it came."""
        matched = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if matched is None:
            raise _ApiError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        if region not in {None, matched["region"]}:
            raise _ApiError(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
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
        wanted = _read_wanted(form)
        self._check_trust(key, wanted, form.get("ExternalId"))
        self._check_duration(key, wanted)
        issued = self._issue(wanted, chained=key.role_session is not None)
        self.role_sessions.append(issued.role_session)
        return _ASSUME_ROLE_RESPONSE.format(
            role_id=f"AROA{_letters(17)}:{escape(wanted.name)}",
            arn=escape(issued.key.arn),
            key_id=issued.key_id,
            secret=issued.key.secret,
            token=issued.key.session_token,
            expiration=issued.role_session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            request_id=request_id,
        )

    def _check_trust(self, key: _AccessKey, wanted: _Wanted, external_id: str | None) -> None:
        """The trust policy: every action that the request needs, or the whole of it is denied."""
        arn = str(wanted.role)
        role = self._roles.get(arn, PretendRole(0, frozenset()))
        needed = ["sts:AssumeRole"]
        needed += ["sts:TagSession"] if wanted.tags else []
        needed += ["sts:SetSourceIdentity"] if wanted.source_identity is not None else []
        if wanted.role.partition != key.arn.split(":")[1] or external_id != role.external_id:
            raise _denied(key, "sts:AssumeRole", arn)
        for action in needed:
            if action not in role.allows:
                raise _denied(key, action, arn)
        caller = key.role_session
        if caller and caller.source_identity not in {None, wanted.source_identity}:
            raise _denied(key, "sts:SetSourceIdentity", arn)
        inherited = {name.casefold() for name in (caller.transitive_tags if caller else ())}
        if inherited & {name.casefold() for name in wanted.tags}:
            raise _ApiError(400, "InvalidParameterValue", "a tag key conflicts with an inherited one")

    def _check_duration(self, key: _AccessKey, wanted: _Wanted) -> None:
        if key.role_session is not None and wanted.seconds > _MAX_CHAINED:
            raise _invalid_request(
                "The requested DurationSeconds exceeds the 1 hour session limit "
                "for roles assumed by role chaining"
            )
        if wanted.seconds > self._roles[str(wanted.role)].longest:
            raise _invalid_request(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            )

    def _issue(self, wanted: _Wanted, *, chained: bool) -> _Issued:
        role, last = wanted.role, wanted.role.role_name.split("/")[-1]
        arn = f"arn:{role.partition}:sts::{role.account_id}:assumed-role/{last}/{wanted.name}"
        role_session = RoleSession(
            role_arn=str(role),
            account_id=role.account_id,
            role_session_name=wanted.name,
            expires_at=self._clock() + timedelta(seconds=wanted.seconds),
            chained=chained,
            source_identity=wanted.source_identity,
            tags=wanted.tags,
            transitive_tags=wanted.transitive_tags,
            session_policy=wanted.session_policy,
            policy_arns=wanted.policy_arns,
        )
        key = _AccessKey(secrets.token_urlsafe(30), secrets.token_urlsafe(300), arn, role_session)
        key_id = "ASIA" + _letters(16)
        self._keys[key_id] = key
        return _Issued(key_id, key, role_session)


# --- requests ----------------------------------------------------------------------------


def _read_wanted(form: Mapping[str, str]) -> _Wanted:
    """AssumeRole's parameters, each within its limits."""
    role = parse_role_arn(form.get("RoleArn", ""))
    if role is None:
        raise _invalid_request(f"{form.get('RoleArn', '')} is invalid")
    name = _legal("roleSessionName", form.get("RoleSessionName", ""), _NAME)
    source_identity = form.get("SourceIdentity")
    if source_identity is not None:
        _legal("sourceIdentity", source_identity, _NAME)
    if "ExternalId" in form:
        _legal("externalId", form["ExternalId"], _EXTERNAL_ID)
    try:
        seconds = int(form.get("DurationSeconds", "3600"))
    except ValueError:
        seconds = 0
    if not _MIN_DURATION <= seconds <= _MAX_DURATION:
        raise _invalid("durationSeconds", seconds)
    keys = [_legal("tags", key, _TAG_KEY) for key in _members(form, "Tags", ".Key")]
    values = [_legal("tags", value, _TAG_VALUE) for value in _members(form, "Tags", ".Value")]
    transitive = _members(form, "TransitiveTagKeys", "")
    folded = {key.casefold() for key in keys}
    if len(keys) > _MAX_TAGS or len(folded) < len(keys) or any(key.startswith("aws:") for key in folded):
        raise _invalid("tags", keys)
    if not {key.casefold() for key in transitive} <= folded:
        raise _invalid("transitiveTagKeys", transitive)
    policy, arns = form.get("Policy"), _members(form, "PolicyArns", ".arn")
    _check_policies(policy, arns, sum(map(len, (*keys, *values))))
    tags = dict(zip(keys, values, strict=True))
    return _Wanted(role, name, seconds, source_identity, tags, frozenset(transitive), policy, tuple(arns))


def _members(form: Mapping[str, str], name: str, suffix: str) -> list[str]:
    """A list, as the query protocol writes it: `Tags.member.1.Key`."""
    numbered = (f"{name}.member.{number}{suffix}" for number in itertools.count(1))
    return [form[key] for key in itertools.takewhile(form.__contains__, numbered)]


def _check_policies(policy: str | None, arns: list[str], tags_size: int) -> None:
    if policy is not None:
        try:
            sound = isinstance(json.loads(policy), dict)
        except ValueError:
            sound = False
        if not sound:
            raise _ApiError(400, "MalformedPolicyDocument", "The policy is not in the valid JSON format.")
    size = len(policy or "") + sum(map(len, arns))
    if size > _MAX_POLICIES or size + tags_size > _MAX_PACKED:
        raise _ApiError(
            400, "PackedPolicyTooLarge", "Packed policy consumes more than 100% of allotted space"
        )


def _legal(parameter: str, value: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(value):
        raise _invalid(parameter, value)
    return value


# --- errors ------------------------------------------------------------------------------


def _invalid(parameter: str, value: object) -> _ApiError:
    return _invalid_request(
        f"1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint"
    )


def _invalid_request(message: str) -> _ApiError:
    return _ApiError(400, "ValidationError", message)


def _denied(key: _AccessKey, action: str, resource: str) -> _ApiError:
    message = f"User: {key.arn} is not authorized to perform: {action} on resource: {resource}"
    return _ApiError(403, "AccessDenied", message)


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
