"""A pretend STS over HTTP: AssumeRole, AssumeRoleWithSAML, GetCallerIdentity; query protocol, version 2011-06-15.

It issues credentials only where AWS would: a request is signed (Signature Version 4) for the region that
receives it, its parameters are legal, the role's trust policy and the caller's own policy allow each action, and a
chained role session lasts at most one hour. The rules come from the STS API reference and the IAM user guide.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from flask import Flask, Response, request

from awscons.access.targets import parse_role_arn
from awscons.demo.policy_evaluation import Document, Principal, Request, Verdict, evaluate
from awscons.demo.pretend_saml import read_assertion, role_of
from awscons.demo.pretend_sts_answers import assume_role_xml, caller_identity_xml, error_xml, letters
from awscons.demo.pretend_sts_checks import (
    MAX_DURATION,
    ApiError,
    AssumeRoleRequest,
    denied,
    invalid_request,
    longer_than_role,
    read_assume_role,
)
from awscons.saml.metadata import IdpMetadata, parse_idp_metadata

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[A-Z0-9]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/sts/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_MAX_CHAINED = 3600
_NEVER = datetime.max.replace(tzinfo=UTC)
_ASSUME_ROLE = "sts:AssumeRole"


@dataclass(frozen=True, slots=True)
class PretendRole:
    """A role and its trust policy.

    max_duration   maximum session duration, seconds
    allows         the actions that the trust policy allows to everybody, where `trust` is None
    external_id    the external ID that it then requires; None if it requires none
    trust          the trust policy itself
    """

    max_duration: int
    allows: frozenset[str] = frozenset({"sts:AssumeRole"})
    external_id: str | None = None
    trust: Document | None = None

    @property
    def trust_policy(self) -> Document:
        """The trust policy, as a document."""
        if self.trust is not None:
            return self.trust
        condition = {"StringEquals": {"sts:ExternalId": self.external_id}} if self.external_id else {}
        return {
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": action,
                    "Condition": condition if action == _ASSUME_ROLE else {},
                }
                for action in sorted(self.allows)
            ]
        }


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
    """An access key that this STS issued.

    arn            as GetCallerIdentity tells it
    role_session   None for the long-term key of a user
    policy         the identity policy of its owner; None: one that allows everything
    """

    secret: str
    session_token: str | None
    arn: str
    principal: Principal
    role_session: RoleSession | None
    policy: Document | None


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
        organizations: Mapping[str, str] | None = None,
    ) -> None:
        """`roles` by ARN: AssumeRole of any other role is denied. `organizations`: ids by account."""
        self._roles = roles
        self._organizations = organizations or {}
        self._clock = clock
        self._keys: dict[str, _AccessKey] = {}
        self._providers: dict[str, IdpMetadata] = {}
        self._used_assertions: set[str] = set()
        self.role_sessions: list[RoleSession] = []
        self.disabled_regions: set[str] = set()

    def add_user(self, arn: str, policy: Document | None = None) -> tuple[str, str]:
        """Issue a long-term access key for the IAM user `arn`: its ID and its secret."""
        key_id, secret = "AKIA" + letters(16), secrets.token_urlsafe(30)
        principal = Principal(arn, unique_id="AIDA" + letters(17))
        self._keys[key_id] = _AccessKey(secret, None, arn, principal, None, policy)
        return key_id, secret

    def add_saml_provider(self, arn: str, metadata: bytes) -> None:
        """CreateSAMLProvider, or UpdateSAMLProvider: the identity provider whose assertions count there."""
        self._providers[arn] = parse_idp_metadata(metadata, entity_id=None, now=self._clock())

    def add_role_session(
        self, role_arn: str, name: str, policy: Document | None = None
    ) -> tuple[str, str, str]:
        """Issue credentials for a role session, as a container or a function has them: ID, secret, token."""
        role = parse_role_arn(role_arn)
        if role is None:
            raise ValueError(role_arn)
        issued = self._issue(
            AssumeRoleRequest(role, name, MAX_DURATION, None, {}, frozenset(), None, ()),
            chained=False,
            policy=policy,
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
                return _xml(error.status, error_xml(error, request_id))

        return app

    def _respond(self, body: bytes, request_id: str, region: str | None) -> str:
        form = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        if form.get("Action") == "AssumeRoleWithSAML":
            return self._assume_role_with_saml(form, request_id)
        key = self._authenticate(body, region)
        if region in self.disabled_regions:
            raise ApiError(403, "RegionDisabledException", "STS is not activated in this region for account")
        match form.get("Action"):
            case "AssumeRole":
                return self._assume_role(key, form, request_id)
            case "GetCallerIdentity":
                return caller_identity_xml(key.arn, request_id)
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
        chained = key.role_session is not None
        return self._issued("AssumeRole", requested, request_id, chained=chained)

    def _assume_role_with_saml(self, form: dict[str, str], request_id: str, region: str | None = None) -> str:
        """Nothing signs the call: the assertion is the credential."""
        now = self._clock()
        presented = read_assertion(form, self._providers, self._used_assertions, now=now, region=region)
        arn = str(presented.requested.role)
        role = self._roles.get(arn, PretendRole(0, frozenset()))
        for action, context in presented.actions.items():
            request = Request(Principal(presented.provider), action, arn, context)
            if evaluate(role.trust_policy, request) is not Verdict.ALLOW:
                raise ApiError(403, "AccessDenied", f"Not authorized to perform {action}")
        if presented.requested.seconds > role.max_duration:
            raise longer_than_role()
        requested, ends = presented.requested, presented.session_ends
        return self._issued("AssumeRoleWithSAML", requested, request_id, chained=False, ends=ends)

    def accept_response(self, text: str, region: str | None) -> RoleSession:
        """What the sign-in page of a region makes of a posted response, in Base64. Raises ApiError."""
        role, provider = role_of(text)
        form = {"RoleArn": role, "PrincipalArn": provider, "SAMLAssertion": text}
        self._assume_role_with_saml(form, "", region)
        return self.role_sessions[-1]

    def _issued(
        self,
        operation: str,
        requested: AssumeRoleRequest,
        request_id: str,
        *,
        chained: bool,
        ends: datetime | None = None,
    ) -> str:
        issued = self._issue(requested, chained=chained, ends=ends)
        self.role_sessions.append(issued.role_session)
        key = issued.key
        return assume_role_xml(
            operation,
            name=requested.name,
            arn=key.arn,
            key=(issued.key_id, key.secret, key.session_token or ""),
            ends=issued.role_session.expires_at,
            packed=requested.packed,
            request_id=request_id,
        )

    def _check_trust(self, key: _AccessKey, requested: AssumeRoleRequest, external_id: str | None) -> None:
        """Deny the request unless both sides allow every action that it needs."""
        arn = str(requested.role)
        role = self._roles.get(arn, PretendRole(0, frozenset()))
        needed = [_ASSUME_ROLE]
        needed += ["sts:TagSession"] if requested.tags else []
        needed += ["sts:SetSourceIdentity"] if requested.source_identity is not None else []
        for action in needed:
            context = self._context(key, requested)
            if action == _ASSUME_ROLE and external_id is not None:
                context["sts:ExternalId"] = external_id
            request = Request(key.principal, action, arn, context)
            is_same_partition = requested.role.partition == key.arn.split(":")[1]
            if not (is_same_partition and _both_sides_allow(role.trust_policy, key.policy, request)):
                raise denied(key.arn, action, arn)
        caller = key.role_session
        if caller and caller.source_identity not in {None, requested.source_identity}:
            raise denied(key.arn, "sts:SetSourceIdentity", arn)
        inherited = {name.casefold() for name in (caller.transitive_tags if caller else ())}
        if inherited & {name.casefold() for name in requested.tags}:
            raise ApiError(400, "InvalidParameterValue", "a tag key conflicts with an inherited one")

    def _context(self, key: _AccessKey, requested: AssumeRoleRequest) -> dict[str, str | list[str]]:
        """The condition keys of the request; `sts:ExternalId` belongs to AssumeRole alone."""
        context: dict[str, str | list[str]] = {
            "aws:PrincipalArn": key.principal.arn,
            "aws:ResourceAccount": requested.role.account_id,
            "sts:RoleSessionName": requested.name,
            **{f"aws:RequestTag/{name}": value for name, value in requested.tags.items()},
        }
        for name, account in (
            ("aws:PrincipalOrgID", key.principal.account),
            ("aws:ResourceOrgID", requested.role.account_id),
        ):
            if account in self._organizations:
                context[name] = self._organizations[account]
        if requested.source_identity is not None:
            context["sts:SourceIdentity"] = requested.source_identity
        if requested.tags:
            context["aws:TagKeys"] = list(requested.tags)
        if requested.transitive_tags:
            context["sts:TransitiveTagKeys"] = sorted(requested.transitive_tags)
        return context

    def _check_duration(self, key: _AccessKey, requested: AssumeRoleRequest) -> None:
        if key.role_session is not None and requested.seconds > _MAX_CHAINED:
            raise invalid_request(
                "The requested DurationSeconds exceeds the 1 hour session limit "
                "for roles assumed by role chaining"
            )
        if requested.seconds > self._roles[str(requested.role)].max_duration:
            raise longer_than_role()

    def _issue(
        self,
        requested: AssumeRoleRequest,
        *,
        chained: bool,
        policy: Document | None = None,
        ends: datetime | None = None,
    ) -> _Issued:
        role, last = requested.role, requested.role.role_name.split("/")[-1]
        arn = f"arn:{role.partition}:sts::{role.account_id}:assumed-role/{last}/{requested.name}"
        role_session = RoleSession(
            role_arn=str(role),
            account_id=role.account_id,
            role_session_name=requested.name,
            expires_at=min(self._clock() + timedelta(seconds=requested.seconds), ends or _NEVER),
            chained=chained,
            source_identity=requested.source_identity,
            tags=requested.tags,
            transitive_tags=requested.transitive_tags,
            session_policy=requested.session_policy,
            policy_arns=requested.policy_arns,
        )
        key = _AccessKey(
            secrets.token_urlsafe(30),
            secrets.token_urlsafe(300),
            arn,
            Principal(str(role), session=arn),
            role_session,
            policy,
        )
        key_id = "ASIA" + letters(16)
        self._keys[key_id] = key
        return _Issued(key_id, key, role_session)


def _both_sides_allow(trust: Document, identity: Document | None, request: Request) -> bool:
    """Across accounts both must allow; in one account a trust policy that names the caller itself is enough."""
    by_trust = evaluate(trust, request)
    by_identity = Verdict.ALLOW if identity is None else evaluate(identity, request)
    if Verdict.DENY in {by_trust, by_identity}:
        return False
    is_same_account = request.principal.account == request.resource.split(":")[4]
    if by_trust is Verdict.ALLOW and is_same_account:
        return True
    return by_trust in {Verdict.ALLOW, Verdict.ALLOW_ACCOUNT} and by_identity is Verdict.ALLOW


def _xml(status: int, body: str) -> Response:
    return Response(body, status=status, content_type="text/xml")
