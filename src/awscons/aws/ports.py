"""The broker's ports to STS and to the federation endpoint. Their signatures use no library's types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from awscons.aws.durations import CredentialKind
from awscons.aws.role_credentials import RoleCredentials, SigninToken
from awscons.aws.role_request import RoleRequest


@dataclass(frozen=True, slots=True)
class StsRoute:
    """The credentials and the endpoint of a call to STS.

    endpoint   None: AWS's endpoint of the region
    keyless    no AWS credentials: assertions of ours, see `aws.assertions`
    """

    profile_name: str | None
    region: str
    endpoint: str | None
    keyless: bool = False


class RoleAssumer(Protocol):
    """The port to STS. Its methods raise UpstreamError, and translate every error of a library into one.

    seconds_left   of the sign-in; a method waits no longer for credentials and answers
    """

    def configured_region(self, profile_name: str | None) -> str | None:
        """The region that the broker's own AWS configuration names, or None."""

    def principal_arn(self, route: StsRoute, *, seconds_left: float) -> str:
        """The ARN of the broker's own principal, by GetCallerIdentity."""

    def prepare(self, route: StsRoute) -> None:
        """Make the client that the first call by `route` needs. Makes no call."""

    def credential_kind(self, route: StsRoute, *, seconds_left: float) -> CredentialKind:
        """The kind of the broker's credentials; may call GetCallerIdentity."""

    def renew_credentials(self, profile_name: str | None, *, seconds_left: float) -> bool:
        """Load credentials again after STS refused them, and return whether they are different now."""

    def assume_role(
        self, request: RoleRequest, route: StsRoute, *, role_session_duration: int, seconds_left: float
    ) -> RoleCredentials:
        """AssumeRole, or AssumeRoleWithSAML where the request has a SamlGrant; the duration in seconds."""


class SigninTokens(Protocol):
    """The port to the federation endpoint. Its methods raise UpstreamError alone."""

    def prepare(self, endpoint: str, *, profile_name: str | None) -> None:
        """Make the connection pool that the first call to `endpoint` needs. Makes no call."""

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
        """The sign-in token for `credentials`, by POST or GET; the duration in seconds, or None for none.

        profile_name   of the AWS configuration that names the certificates to trust
        """
