"""The ports to AWS and to the audit log, with each call counted and timed."""

from __future__ import annotations

import time

from awscons.audit.event import AuditEvent, AuditLog
from awscons.audit.metrics_recorder import MetricsRecorder
from awscons.aws.durations import CredentialKind
from awscons.aws.ports import RoleAssumer, SigninTokens, StsRoute
from awscons.aws.role_credentials import RoleCredentials, SigninToken
from awscons.aws.role_request import RoleRequest

NOT_WRITTEN = "audit log not written"
"""The reason under which lost audit events are counted, whether or not a request was rejected for it."""


class MeteredAuditLog:
    """An audit log whose events are counted as well."""

    def __init__(self, audit: AuditLog, recorder: MetricsRecorder) -> None:
        self._audit = audit
        self._recorder = recorder

    def record(self, event: AuditEvent) -> None:
        """Write and count one event. Raises AuditLogUnwritable."""
        self._audit.record(event)
        self._recorder.record_decision(event)


class _Timed:
    """Measures one call, and reports `ok` or the class of the error."""

    def __init__(self, recorder: MetricsRecorder, step: str) -> None:
        self._recorder = recorder
        self._step = step

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        seconds = time.perf_counter() - self._begun
        self._recorder.record_upstream_call(self._step, kind.__name__ if kind else "ok", seconds)


class MeteredRoleAssumer:
    """The port to STS, timed."""

    def __init__(self, roles: RoleAssumer, recorder: MetricsRecorder) -> None:
        self._roles = roles
        self._recorder = recorder

    def configured_region(self, profile_name: str | None) -> str | None:
        """See `aws.ports.RoleAssumer`."""
        return self._roles.configured_region(profile_name)

    def principal_arn(self, route: StsRoute, *, seconds_left: float) -> str:
        """See `aws.ports.RoleAssumer`."""
        return self._roles.principal_arn(route, seconds_left=seconds_left)

    def prepare(self, route: StsRoute) -> None:
        """See `aws.ports.RoleAssumer`."""
        self._roles.prepare(route)

    def credential_kind(self, route: StsRoute, *, seconds_left: float) -> CredentialKind:
        """See `aws.ports.RoleAssumer`."""
        return self._roles.credential_kind(route, seconds_left=seconds_left)

    def renew_credentials(self, profile_name: str | None, *, seconds_left: float) -> bool:
        """See `aws.ports.RoleAssumer`."""
        return self._roles.renew_credentials(profile_name, seconds_left=seconds_left)

    def assume_role(
        self, request: RoleRequest, route: StsRoute, *, role_session_duration: int, seconds_left: float
    ) -> RoleCredentials:
        """See `aws.ports.RoleAssumer`."""
        with _Timed(self._recorder, "sts"):
            return self._roles.assume_role(
                request, route, role_session_duration=role_session_duration, seconds_left=seconds_left
            )


class MeteredSigninTokens:
    """The port to the federation endpoint, timed."""

    def __init__(self, signin_tokens: SigninTokens, recorder: MetricsRecorder) -> None:
        self._signin_tokens = signin_tokens
        self._recorder = recorder

    def prepare(self, endpoint: str, *, profile_name: str | None) -> None:
        """See `aws.ports.SigninTokens`."""
        self._signin_tokens.prepare(endpoint, profile_name=profile_name)

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
        """See `aws.ports.SigninTokens`."""
        with _Timed(self._recorder, "federation"):
            return self._signin_tokens.signin_token(
                endpoint,
                credentials,
                profile_name=profile_name,
                method=method,
                console_session_duration=console_session_duration,
                seconds_left=seconds_left,
            )
