"""The port to STS: AssumeRole, AssumeRoleWithSAML and GetCallerIdentity, through botocore's own client.

One client for each profile, region and endpoint, made when a worker starts, and kept. Attempts, regions and time are
the broker's business.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError

from awscons.adapters.aws.broker_credentials import (
    STEP,
    BrokerCredentials,
    LoadedCredentials,
    unusable_configuration,
)
from awscons.adapters.aws.http_pool import HttpPool, Step
from awscons.adapters.aws.pooled_client import make_client, run_call
from awscons.adapters.aws.sts_refusals import refusal
from awscons.aws.assertions import AssertionIssuer
from awscons.aws.durations import CredentialKind, kind_by_principal, kind_by_provider
from awscons.aws.ports import StsRoute
from awscons.aws.role_credentials import RoleCredentials
from awscons.aws.role_request import RoleRequest
from awscons.aws.settings import AwsSettings
from awscons.errors import (
    AccessKeyRefused,
    BrokerCredentialsMissing,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamUnusable,
)

_STEP = Step(STEP, "STS")
_NO_KEYS = ReadOnlyCredentials("", "", None)
_PREPARE_WAITS = 0.5
"""Seconds that a starting worker waits for credentials, for all profiles together."""


class StsClient:
    """AssumeRole with the broker's own credentials. Safe for many threads."""

    def __init__(
        self,
        settings: AwsSettings,
        http: HttpPool,
        credentials: BrokerCredentials,
        assertions: AssertionIssuer | None = None,
    ) -> None:
        """`assertions`: for routes without AWS credentials; None: there are no such routes."""
        self._assertions = assertions
        self._settings = settings
        self._http = http
        self._credentials = credentials
        self._lock = threading.Lock()
        self._clients: dict[StsRoute, Any] = {}
        self._kinds: dict[str | None, tuple[str, CredentialKind]] = {}
        self._refused: dict[str | None, LoadedCredentials] = {}
        self._prepared: set[str | None] = set()
        self._prepare_waits = _PREPARE_WAITS

    def configured_region(self, profile_name: str | None) -> str | None:
        """The region that the profile or the environment names, or None. Raises BrokerCredentialsMissing."""
        return self._credentials.region(profile_name)

    def prepare(self, route: StsRoute) -> None:
        """Make the client for `route`, without calling AWS. Raises UpstreamError.

        Waits for credentials only for a moment: a source that hangs must not hold up the start.
        """
        client = self._client(route)
        authorities = self._credentials.authorities(route.profile_name)
        self._http.prepare(client.meta.endpoint_url, authorities=authorities)
        if route.profile_name not in self._prepared and not route.keyless:
            self._prepared.add(route.profile_name)
            self._wait_for_credentials(route.profile_name)

    def _wait_for_credentials(self, profile_name: str | None) -> None:
        began = time.monotonic()
        try:
            self._credentials.current(profile_name, seconds=self._prepare_waits)
        finally:
            self._prepare_waits = max(0.0, self._prepare_waits - (time.monotonic() - began))

    def credential_kind(self, route: StsRoute, *, seconds_left: float) -> CredentialKind:
        """What kind of credentials botocore found; asked of STS where botocore cannot tell.

        Found out once for each profile and source. Raises UpstreamError; BrokerCredentialsMissing when
        there are no credentials.
        """
        if route.keyless:
            return CredentialKind.SAML_ASSERTION
        loaded = self._loaded(route.profile_name, seconds_left)
        method, kind = self._kinds.get(route.profile_name, ("", None))
        if kind is None or method != loaded.method:
            temporary = loaded.keys.token is not None
            kind = kind_by_provider(loaded.method, temporary=temporary)
            kind = kind or kind_by_principal(self.principal_arn(route, seconds_left=seconds_left))
            self._kinds[route.profile_name] = loaded.method, kind
        return kind

    def principal_arn(self, route: StsRoute, *, seconds_left: float) -> str:
        """The ARN that AWS sees for the broker, by GetCallerIdentity. Raises UpstreamError."""
        needs = ("sts:GetCallerIdentity",)
        answer = self._ask(route, "get_caller_identity", {}, needs=needs, seconds_left=seconds_left)
        return _text(answer, "Arn")

    def assume_role(
        self, request: RoleRequest, route: StsRoute, *, role_session_duration: int, seconds_left: float
    ) -> RoleCredentials:
        """AssumeRole, or AssumeRoleWithSAML; the duration in seconds. Raises UpstreamError."""
        if request.saml is not None:
            answer = self._ask_without_keys(request, route, role_session_duration, seconds_left)
        else:
            parameters = _assume_role_parameters(request, role_session_duration)
            answer = self._ask(
                route, "assume_role", parameters, needs=request.needed_actions, seconds_left=seconds_left
            )
        given, packed = answer.get("Credentials") or {}, answer.get("PackedPolicySize")
        expires_at = given.get("Expiration")
        if not isinstance(expires_at, datetime):
            raise _malformed()
        return RoleCredentials(
            access_key_id=_text(given, "AccessKeyId"),
            secret_access_key=_text(given, "SecretAccessKey"),
            session_token=_text(given, "SessionToken"),
            expires_at=expires_at.astimezone(UTC),
            assumed_role_arn=_text(answer.get("AssumedRoleUser") or {}, "Arn"),
            request_id=_text(answer.get("ResponseMetadata") or {}, "RequestId"),
            packed_policy_size=packed if isinstance(packed, int) else None,
        )

    def renew_credentials(self, profile_name: str | None, *, seconds_left: float) -> bool:
        """Load credentials again after every region refused them. True when they changed."""
        refused = self._refused.get(profile_name)
        if refused is None:
            return False
        try:
            newer = self._renew(profile_name, refused, seconds_left)
        except BrokerCredentialsMissing:
            return False  # what STS said is what has to be told
        return newer.keys != refused.keys

    # --- credentials ---------------------------------------------------------------------

    def _loaded(self, profile_name: str | None, seconds_left: float) -> LoadedCredentials:
        """The credentials, if a call can still end in time."""
        return self._credentials.current(profile_name, seconds=seconds_left - self._settings.slowest_call)

    def _renew(
        self, profile_name: str | None, refused: LoadedCredentials, seconds_left: float
    ) -> LoadedCredentials:
        seconds = seconds_left - self._settings.slowest_call
        newer = self._credentials.renew(profile_name, refused, seconds=seconds)
        self._kinds.pop(profile_name, None)
        return newer

    # --- calls ---------------------------------------------------------------------------

    def _ask(
        self,
        route: StsRoute,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        needs: tuple[str, ...],
        seconds_left: float,
    ) -> dict[str, Any]:
        """Make one call, and a second one with newer credentials if AWS no longer accepts ours.

        needs   the actions that the role's trust policy must allow
        """
        ends = time.monotonic() + seconds_left
        call = partial(getattr(self._client(route), operation), **parameters)
        loaded = self._loaded(route.profile_name, seconds_left)
        try:
            return _answer(call, loaded.keys, ends=ends, needs=needs)
        except BotoCoreError as error:
            raise unusable_configuration(error, route.profile_name) from None
        except AccessKeyRefused:
            self._refused[route.profile_name] = loaded
            raise
        except BrokerCredentialsMissing:
            newer = self._renew(route.profile_name, loaded, ends - time.monotonic())
            if newer.keys == loaded.keys:
                raise
            return _answer(call, newer.keys, ends=ends, needs=needs)

    def _ask_without_keys(
        self, request: RoleRequest, route: StsRoute, seconds: int, seconds_left: float
    ) -> dict[str, Any]:
        """AssumeRoleWithSAML. botocore signs no such call, so no credentials are loaded."""
        if self._assertions is None or request.saml is None:
            raise ValueError("no key signs assertions")
        ends = time.monotonic() + seconds_left
        parameters = {
            **_bounds(request, seconds),
            "PrincipalArn": request.saml.provider,
            "SAMLAssertion": self._assertions.issue(request, route.region),  # may wait for KMS
        }
        if ends - time.monotonic() < self._settings.slowest_call:
            raise UpstreamSilent("the time for this sign-in has run out", step=STEP, code="timeout")
        call = partial(self._client(route).assume_role_with_saml, **parameters)
        try:
            return _answer(call, _NO_KEYS, ends=ends, needs=request.needed_actions)
        except UpstreamError as error:
            error.assertion_key = request.saml.key
            raise

    def _client(self, route: StsRoute) -> Any:
        """The client of that route. Raises BrokerCredentialsMissing for a wrong AWS configuration."""
        client = self._clients.get(route)
        if client is None:
            with self._lock:
                client = self._clients.get(route)
                if client is None:
                    client = self._clients[route] = self._new_client(route)
        return client

    def _new_client(self, route: StsRoute) -> Any:
        return make_client(
            _STEP,
            self._settings,
            self._http,
            self._credentials,
            profile_name=route.profile_name,
            region=route.region,
            endpoint=route.endpoint,
        )


def _answer(
    call: Callable[[], dict[str, Any]], keys: ReadOnlyCredentials, *, ends: float, needs: tuple[str, ...]
) -> dict[str, Any]:
    """Run the call and return its result. Raises UpstreamError."""

    def refused(response: Mapping[str, Any], status: int) -> UpstreamError:
        return refusal(response, status=status, needs=needs)

    return run_call(call, keys, ends=ends, refused=refused, unreadable=_unusable)


def _unusable(status: int) -> UpstreamError:
    """The error for an answer that botocore cannot read. Its own text quotes the body."""
    if status == HTTPStatus.OK:
        return _malformed()
    code = f"HTTP {status}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UpstreamUnusable(f"STS answered {code}", step=STEP, code=code)
    return UpstreamRefused(f"STS refused: {code}", step=STEP, code=code)


def _assume_role_parameters(request: RoleRequest, role_session_duration: int) -> dict[str, Any]:
    """AssumeRole's parameters. Parameters of features that the target does not use are left out."""
    wanted = {
        "RoleSessionName": request.role_session_name,
        "SourceIdentity": request.source_identity,
        "Tags": [{"Key": key, "Value": value} for key, value in request.session_tags] or None,
        "TransitiveTagKeys": list(request.transitive_tags) or None,
        "ExternalId": request.external_id,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    return _bounds(request, role_session_duration) | given


def _bounds(request: RoleRequest, role_session_duration: int) -> dict[str, Any]:
    """The parameters that both calls have: the role, for how long, and what it may not do."""
    wanted = {
        "RoleArn": str(request.role),
        "DurationSeconds": role_session_duration,
        "Policy": request.session_policy,
        "PolicyArns": [{"arn": arn} for arn in request.policy_arns] or None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _text(answer: Mapping[str, Any], name: str) -> str:
    found = answer.get(name)
    if not isinstance(found, str) or not found:
        raise _malformed()
    return found


def _malformed() -> UpstreamUnusable:
    return UpstreamUnusable("STS gave no usable answer", step=STEP, code="malformed answer")
